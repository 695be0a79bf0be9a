"""One member, or one tenant, on one page: who they are, what they hold, what became of them."""

from collections.abc import Iterable
from datetime import UTC

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Sum
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console import selectors
from apps.console.dashboard import DAY, amount, link, moved_table, orders_tiles, tile
from apps.console.pages import show
from apps.console.trace import plain
from apps.core.admin import change_link, may_see, rows_link, tenant_in_view
from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.members.models import Member
from apps.members.selectors import ancestors_of, team_of
from apps.members.services import MEMBER_KINDS, TENANT_KINDS
from apps.positions.models import Position
from apps.quotas.models import TenantPlan
from apps.rewards.models import Reward, Withdrawal
from apps.strategies.models import Subscription
from apps.tallies.models import Tally
from apps.tallies.selectors import tallies
from apps.tenants.models import Tenant
from apps.tenants.selectors import policy_of
from apps.venues.models import VenueAccount
from engine.money import ZERO

SHOWN = 10
R = Reward.Kind
UNDISTRIBUTED = [R.DIRECT_UNDIST, R.PEER_UNDIST, R.NETWORK_UNDIST]
DAYS = 7
Section = dict[str, object]


def member_page(request, member_id):
    """What there is to know of a member, as far as the user has pages of it."""
    member = one_of(request, Member, member_id, "members.view_member")
    above = ancestors_of([member])[member.pk]
    team = team_of(member)
    own = {"member__id__exact": member.pk}
    sections = [
        (Member, _("Tree of invitations"), lambda: tree_table(member, above)),
        (VenueAccount, _("Venue accounts"), lambda: accounts_table(member)),
        (Subscription, _("Subscriptions"), lambda: subscriptions_table(member)),
        (Position, _("Latest trades"), lambda: trades_table(member)),
        (Reward, _("Latest rewards"), lambda: rewards_table(member)),
        (Withdrawal, _("Latest withdrawals"), lambda: withdrawals_table(member)),
    ]
    tiles = [
        tile(_("Level"), str(member.level), "members_levelchange", own),
        tile(_("Invited"), team.direct, "members_member", {"inviter__id__exact": member.pk}),
        tile(
            _("Team"),
            team.total,
            "members_member",
            {"path__startswith": f"{member.path}{member.pk}/"},
        ),
    ]
    if may_see(request, Account):
        tiles += purses(member.owner, MEMBER_KINDS)
    return show(
        request,
        "console/overview.html",
        f"{_('Member')}: {member}",
        row=member,
        status=member.get_status_display(),
        tiles=tiles,
        sections=seen(request, sections),
    )


def tenant_page(request, tenant_id):
    """What a tenant has, and what its members' profits came to."""
    tenant = one_of(request, Tenant, tenant_id, "tenants.view_tenant")
    today = timezone.now().astimezone(UTC).date()
    moved = selectors.moved_since(today - (DAYS - 1) * DAY, today, tenant)
    shared = shared_by(tenant)
    own = {"tenant__id__exact": tenant.pk}
    counts = [
        (_("Members"), Member, "members_member", {}),
        (_("Venue accounts"), VenueAccount, "venues_venueaccount", {}),
        (
            _("Active subscriptions"),
            *(Subscription, "strategies_subscription", {"status": Subscription.Status.ACTIVE}),
        ),
    ]
    tiles = [
        tile(
            title,
            model.objects.of(tenant).filter(**only).count(),
            page,
            own | {f"{name}__exact": value for name, value in only.items()},
        )
        for title, model, page, only in counts
    ]
    tiles.append(tile(_("Equity"), amount(moved[-1].equity), "venues_venueaccount", own))
    sections = [
        (Reward, _("Rewards by kind"), lambda: shared_table(shared, own)),
        (Account, _("Points moved, day by day"), lambda: moved_table(moved, own)),
        (TenantPlan, _("Plan"), lambda: plan_table(tenant)),
    ]
    if may_see(request, Account):
        tiles += purses(f"tenant:{tenant.pk}", TENANT_KINDS)
    rewards = reward_tiles(shared, own) if may_see(request, Reward) else []
    return show(
        request,
        "console/overview.html",
        f"{_('Tenant')}: {tenant}",
        row=tenant,
        status=tenant.get_status_display(),
        tiles=tiles
        + (purses(f"tenant:{tenant.pk}", TENANT_KINDS) if may_see(request, Account) else []),
        rewards=rewards,
        orders=orders_tiles(selectors.orders_by_status(tenant), own),
        sections=seen(request, sections),
    )


def one_of(request, model, key, right: str):
    """A row that this user sees; another tenant's is not there."""
    if not request.user.has_perm(right):
        raise PermissionDenied
    tenant = tenant_in_view(request)
    if model is Tenant:
        found = Tenant.objects.filter(pk=tenant.pk) if tenant else Tenant.objects.all()
    else:
        found = selectors.rows(model, tenant).select_related("tenant", "level")
    return get_object_or_404(found, pk=key)


def seen(request, sections: Iterable[tuple]) -> list[Section]:
    return [
        {"title": title, "table": table()}
        for model, title, table in sections
        if may_see(request, model)
    ]


def purses(owner: str, kinds: Iterable[str]) -> list[dict[str, object]]:
    """A tile for each account of an owner, which leads to it."""
    held = balances([owner], kinds)
    return [
        tile(
            Account.Kind(kind).label,
            amount(held.get((owner, kind), ZERO)),
            "ledger_account",
            {"owner__exact": owner, "kind__exact": kind},
        )
        for kind in kinds
    ]


# --- of a member


def tree_table(member: Member, above: list[Member]) -> Section:
    """The line above, from the root member down, and who was invited last."""
    invited = Member.objects.of(member.tenant_id).filter(inviter=member)
    latest = invited.select_related("level").order_by("-pk")[:SHOWN]
    line = [*reversed(above), member]
    return {
        "headers": [_("Depth"), _("Member"), _("Level"), _("Market node")],
        "rows": [
            [
                depth,
                str(row) if row == member else link("console:member", row.pk, str(row)),
                str(row.level),
                _("yes") if row.is_market_node else _("no"),
            ]
            for depth, row in [*enumerate(line), *((len(line), row) for row in latest)]
        ],
    }


def accounts_table(member: Member) -> Section:
    accounts = VenueAccount.objects.of(member.tenant_id).filter(member=member).order_by("pk")
    return {
        "headers": [_("Venue account"), _("Node"), _("Equity"), _("Status")],
        "rows": [
            [
                change_link(row),
                str(row.node or "–"),
                amount(row.equity),
                row.get_status_display(),
            ]
            for row in accounts.select_related("node")[:SHOWN]
        ],
    }


def subscriptions_table(member: Member) -> Section:
    found = Subscription.objects.of(member.tenant_id).filter(member=member).order_by("pk")
    return {
        "headers": [_("Strategy"), _("Capital"), _("Leverage"), _("Status"), _("Tickets")],
        "rows": [
            [
                link("admin:strategies_subscription_change", row.pk, str(row.tenant_strategy)),
                amount(row.capital),
                row.leverage,
                row.get_status_display(),
                rows_link("orders_ticket", _("Tickets"), subscription__id__exact=row.pk),
            ]
            for row in found.select_related("tenant_strategy__strategy")[:SHOWN]
        ],
    }


def trades_table(member: Member) -> Section:
    accounts = VenueAccount.objects.of(member.tenant_id).filter(member=member)
    # By their keys: a join would be walked from the latest position of all.
    keys = list(accounts.values_list("pk", flat=True))
    found = Position.objects.of(member.tenant_id).filter(venue_account__in=keys).order_by("-pk")
    return {
        "headers": [_("Opened"), _("Position"), _("Quantity"), _("Realised"), _("Status")],
        "rows": [
            [
                at(row.created_at),
                change_link(row),
                plain(row.quantity),
                plain(row.realized),
                row.get_status_display(),
            ]
            for row in found[:SHOWN]
        ],
    }


def rewards_table(member: Member) -> Section:
    return money_table(
        Reward.objects.of(member.tenant_id).filter(member=member),
        lambda row: link("console:trace", row.pk, row.get_kind_display()),
    )


def withdrawals_table(member: Member) -> Section:
    return money_table(
        Withdrawal.objects.of(member.tenant_id).filter(member=member),
        lambda row: link("admin:rewards_withdrawal_change", row.pk, row.get_status_display()),
    )


def money_table(rows: QuerySet, named) -> Section:
    return {
        "headers": [_("At"), _("Kind"), _("Amount")],
        "rows": [
            [at(row.created_at), named(row), plain(row.amount)]
            for row in rows.order_by("-pk")[:SHOWN]
        ],
    }


def at(moment) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")


# --- of a tenant


def shared_by(tenant: Tenant) -> dict[str, tuple[int, object]]:
    """Rewards of each kind since the beginning: how many, and what they come to."""
    found = tallies(tenant, Tally.What.SHARED).order_by().values_list("which")
    return {kind: told for kind, *told in found.annotate(n=Sum("count"), total=Sum("amount"))}


def reward_tiles(shared, own: dict[str, object]) -> list[dict[str, object]]:
    """The tech team's share, what nobody took, and both together."""
    blocks = [
        (_("Tech share"), [R.TECH_TEAM]),
        (_("Undistributed"), UNDISTRIBUTED),
        (_("Both together"), [R.TECH_TEAM, *UNDISTRIBUTED]),
        (_("To members"), [R.DIRECT, R.LEVEL_DIFF, R.PEER]),
        (_("Platform share"), [R.PLATFORM_RETAIN]),
    ]
    return [
        tile(
            title,
            amount(sum((shared[kind][1] for kind in kinds if kind in shared), ZERO)),
            "rewards_reward",
            own | {"kind__in": ",".join(kinds)},
        )
        for title, kinds in blocks
    ]


def shared_table(shared, own: dict[str, object]) -> Section:
    return {
        "headers": [_("Kind"), _("Rewards"), _("Amount")],
        "rows": [
            [
                kind.label,
                rows_link("rewards_reward", shared[kind][0], kind__exact=kind.value, **own),
                amount(shared[kind][1]),
            ]
            for kind in R
            if kind in shared
        ],
    }


def plan_table(tenant: Tenant) -> Section:
    on = TenantPlan.objects.filter(tenant=tenant).select_related("plan").first()
    policy = policy_of(tenant)
    return {
        "headers": [_("Plan"), _("Policy")],
        "rows": [[str(on.plan) if on else "–", change_link(policy)]],
    }
