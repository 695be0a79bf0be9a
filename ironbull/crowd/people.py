"""A crowd's people: tenants with their members, accounts, cards and subscriptions."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from django.db import transaction

from apps.core import bulk
from apps.ledger.models import Account, Transfer
from apps.members.models import Member
from apps.members.services import MEMBER_KINDS, open_tenant
from apps.nodes.models import Node
from apps.rewards.services import recompute_levels
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.tenants.models import Tenant
from apps.venues.credentials import Credentials, seal_at_rest
from apps.venues.models import EquitySnapshot, Venue, VenueAccount
from ironbull.crowd.books import Books
from ironbull.crowd.plan import CODE, STRATEGIES, SYMBOL, Plan, id_at, name_of

DEEPEST = 30
# One member in so many trades, and then has cards of their own.
TRADING = 5
OFFERED = 3
UNITS = 10**8
# What the tenants are issued, and what a trading member is handed of it.
ISSUED = {Account.Kind.SELF: 10**7, Account.Kind.GIFT: 10**6}
HANDED = {Account.Kind.SELF: 5_000, Account.Kind.GIFT: 500}
REASON = {Account.Kind.SELF: Transfer.Reason.RECHARGE, Account.Kind.GIFT: Transfer.Reason.GIFT}
CREDENTIALS = Credentials("opens nothing", "opens nothing")


def founded() -> tuple[list[Strategy], list[Node]]:
    """What the platform has before there are tenants: paused, and nodes that nobody trusts."""
    strategies = [
        Strategy.objects.get_or_create(
            code=f"{CODE}-{number}",
            defaults={
                "name": f"Crowd's strategy {number}",
                "rule": "ma_cross",
                "symbols": [SYMBOL],
                "timeframe": "1m",
                "status": Strategy.Status.PAUSED,
            },
        )[0]
        for number in range(1, STRATEGIES + 1)
    ]
    nodes = [
        Node.objects.get_or_create(
            code=f"{CODE}-{number}",
            defaults={"name": f"Crowd's node {number}", "status": Node.Status.PENDING},
        )[0]
        for number in (1, 2, 3)
    ]
    return strategies, nodes


@transaction.atomic
def settle_in(plan: Plan, number: int, strategies: list[Strategy], nodes: list[Node]) -> Tenant:
    """One tenant with all its people, or nothing of it."""
    chance = plan.chance(f"tenant {number}")
    tenant = open_tenant(name=name_of(number)).tenant
    Tenant.objects.filter(pk=tenant.pk).update(created_at=plan.since)
    offered = [
        TenantStrategy.objects.of(tenant).create(strategy=strategy)
        for strategy in chance.sample(strategies, OFFERED)
    ]
    members = invite(plan, number, tenant, chance)
    traders = [member for place, member in enumerate(members) if place % TRADING == 0]
    bind(plan, tenant, traders, offered, nodes, chance)
    hand_out(plan.since, tenant, traders, chance)
    recompute_levels(tenant=tenant, now=plan.now)
    return tenant


def invite(plan: Plan, number: int, tenant: Tenant, chance: Random) -> list[Member]:
    """Members below the root member, each invited by one who was there before."""
    latest = Member.objects.across_tenants().order_by("-pk").values_list("pk", flat=True).first()
    first = sum(plan.members_of(earlier) for earlier in range(1, number))
    above = [Member.objects.of(tenant).get(root_of=tenant)]
    for place in range(1, plan.members_of(number) + 1):
        inviter = above[chance.randrange(len(above))]
        while inviter.path.count("/") >= DEEPEST:
            inviter = above[chance.randrange(len(above))]
        above.append(
            Member(
                pk=latest + place,
                tenant=tenant,
                email=f"member{first + place:07d}@{CODE}.example",
                password="!",  # noqa: S106 - that is none: nobody logs in with it
                # Real ones are digits alone.
                invite_code=f"C{first + place:07d}",
                inviter=inviter,
                path=f"{inviter.path}{inviter.pk}/",
                is_market_node=chance.random() < 0.1,
            )
        )
    members = above[1:]
    Member.objects.of(tenant).bulk_create(members, batch_size=2000)
    Member.objects.of(tenant).update(created_at=plan.since)
    kinds = [str(kind) for kind in MEMBER_KINDS]
    rows = [(f"member:{member.pk}", kind) for member in members for kind in kinds]
    bulk.insert_alike(Account(tenant=tenant), ("owner", "kind"), rows)
    return members


def bind(
    plan: Plan,
    tenant: Tenant,
    traders: list[Member],
    offered: list[TenantStrategy],
    nodes: list[Node],
    chance: Random,
) -> None:
    accounts = [
        VenueAccount(
            tenant=tenant,
            member=member,
            venue=Venue.PAPER,
            node=nodes[member.pk % len(nodes)],
            key_hint="….key",
            equity=(equity := Decimal(chance.randrange(200, 20_000))),
            balance=equity,
            deposited=equity,
            equity_at=plan.now,
            read_at=plan.now,
            bound_at=plan.since,
        )
        for member in traders
    ]
    for account in accounts:
        seal_at_rest(CREDENTIALS, account=account)
    VenueAccount.objects.of(tenant).bulk_create(accounts, batch_size=1000)
    VenueAccount.objects.of(tenant).update(created_at=plan.since)
    accounts = list(VenueAccount.objects.of(tenant).select_related("member").order_by("pk"))
    Subscription.objects.of(tenant).bulk_create(
        [
            Subscription(
                tenant=tenant,
                tenant_strategy=offered[account.member_id % OFFERED],
                member=account.member,
                venue_account=account,
                capital=Decimal(1000),
                leverage=20,
            )
            for account in accounts
        ],
        batch_size=1000,
    )
    Subscription.objects.of(tenant).update(created_at=plan.since)
    hours = [
        plan.since.replace(minute=0, second=0, microsecond=0) + timedelta(days=day)
        for day in (0, 30)
    ]
    kept = bulk.id_kept()
    for hour in hours:
        rows = [
            (kept(id_at(hour, chance)), account.pk, *[int(account.equity * UNITS)] * 4)
            for account in accounts
        ]
        names = ("id", "venue_account_id", "equity", "balance", "free", "deposited")
        alike = EquitySnapshot(tenant=tenant, hour=hour, taken_at=hour)
        bulk.insert_alike(alike, names, rows)


def hand_out(at: datetime, tenant: Tenant, traders: list[Member], chance: Random) -> None:
    """Points are issued to the tenant and handed to most of those who trade; some go short."""
    books, owner = Books(), f"tenant:{tenant.pk}"
    books.read([owner, *(member.owner for member in traders)])
    for kind, points in ISSUED.items():
        books.move(
            at=at,
            key=f"{CODE}:{tenant.pk}:{kind}",
            debit=(owner, Account.Kind.ISSUED),
            credit=(owner, kind),
            units=points * UNITS,
            reason=REASON[kind],
            chance=chance,
        )
    for member in traders:
        kind = chance.choice([*HANDED, Account.Kind.SELF])
        if chance.random() < 0.9 and books.counts[owner, kind].balance >= HANDED[kind] * UNITS:
            books.move(
                at=at + timedelta(seconds=1),
                key=f"{CODE}:{member.owner}:{kind}",
                debit=(owner, kind),
                credit=(member.owner, kind),
                units=HANDED[kind] * UNITS,
                reason=REASON[kind],
                chance=chance,
            )
    books.write()
