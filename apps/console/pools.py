"""The pool page: how one charge was shared out, drawn as a tree with amounts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import row_page, tenant_in_view
from apps.rewards.models import Pool, Reward
from engine.money import ZERO

K = Reward.Kind
WHOLE = 100


@dataclass
class Branch:
    """One part of a whole, and the parts it falls into."""

    title: str
    amount: Decimal
    # Of the charge, in percent: how long its bar is drawn.
    percent: Decimal
    note: str = ""
    href: str = ""
    parts: list["Branch"] = field(default_factory=list)

    def walk(self, depth: int = 0) -> Iterable[tuple[int, "Branch"]]:
        yield depth, self
        for part in self.parts:
            yield from part.walk(depth + 1)


def pool_page(request, pool_id):
    if not request.user.has_perm("rewards.view_pool"):
        raise PermissionDenied
    pools = rows(Pool, tenant_in_view(request)).select_related(
        "tenant", "policy", "charge__member__level", "charge__close__position"
    )
    pool = get_object_or_404(pools, pk=pool_id)
    tree = tree_of(pool)
    return show(
        request,
        "console/pool.html",
        f"{_('Profit pool')}: {pool}",
        pool=pool,
        charge=pool.charge,
        lines=list(tree.walk()),
    )


def tree_of(pool: Pool) -> Branch:
    """The charge at the root, then where its parts went, down to each reward."""
    charge = pool.charge
    rewards = list(Reward.objects.of(pool.tenant).filter(pool=pool).select_related("member__level"))
    rewards.sort(key=lambda reward: reward.place)

    def branch(title, amount: Decimal, **more) -> Branch:
        percent = amount / charge.due * WHOLE if charge.due else ZERO
        return Branch(str(title), amount, percent.quantize(Decimal("0.01")), **more)

    def leaf(reward: Reward) -> Branch:
        person = f"{reward.member} · {reward.member.level}"
        told = f"{(reward.rate * WHOLE).normalize():f} %" if reward.rate else ""
        return branch(
            reward.get_kind_display(),
            reward.amount,
            note=" · ".join(filter(None, [person, told])),
            href=row_page(reward),
        )

    kept = {K.TECH_TEAM, K.PLATFORM_RETAIN}
    network = [reward for reward in rewards if reward.kind not in kept]
    shared = branch(
        _("Network"),
        sum((reward.amount for reward in network), ZERO),
        note=_("at most %(rate)s %% of the pool")
        % {"rate": f"{(pool.policy.network_rate * WHOLE).normalize():f}"},
        parts=[leaf(reward) for reward in network],
    )
    ends = {reward.kind: leaf(reward) for reward in rewards if reward.kind in kept}
    into_pool = branch(
        _("Profit pool"),
        pool.amount,
        note=_("paid from self cards"),
        parts=[
            *filter(None, [ends.get(K.TECH_TEAM)]),
            *([shared] if network else []),
            *filter(None, [ends.get(K.PLATFORM_RETAIN)]),
        ],
    )
    rest = [
        branch(_("Gift points spent"), charge.from_gift, note=_("shared with nobody")),
        branch(_("Not covered"), charge.shortfall, note=_("the cards were empty")),
    ]
    return branch(
        _("Charge"),
        charge.due,
        note=str(charge.member),
        href=row_page(charge),
        parts=[into_pool, *(part for part in rest if part.amount)],
    )
