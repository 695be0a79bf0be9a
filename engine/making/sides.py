"""Which sides may be quoted: near the limit only the one that takes inventory down, until it is
well below again."""

import enum
from decimal import Decimal

from engine.making.params import MakerParams
from engine.making.rules import Rules
from engine.parts import part


class Open(enum.StrEnum):
    BOTH = "both"
    ONLY_BUY = "only_buy"
    ONLY_SELL = "only_sell"


# As a compiled look says it: places in this.
OPEN = (Open.BOTH, Open.ONLY_BUY, Open.ONLY_SELL)
BOTH, ONLY_BUY, ONLY_SELL = range(len(OPEN))


@part
def allows(sides: int, is_buy: bool) -> bool:
    return sides == BOTH or (sides == ONLY_BUY) == is_buy


@part
def next_sides(rules: Rules, before: int, position: int, usage: float) -> int:
    """`usage` is what the position is worth, over the capacity."""
    helpful = ONLY_SELL if position > 0 else ONLY_BUY
    if usage >= rules.one_sided_at:
        return helpful
    if usage <= rules.two_sided_at or before == BOTH:
        return BOTH
    # In between it stays as it was; a position that has changed its sign changes the side.
    return helpful


def capacity(params: MakerParams, *, equity: Decimal, free: Decimal) -> Decimal:
    """What may be held at most by the funds there are: in money, never quite nothing."""
    funds = free if params.capacity_of == "free" else equity
    return max(funds, Decimal(0)) * Decimal(params.leverage) or Decimal("0.000001")


def most_held(params: MakerParams, capacity: Decimal) -> Decimal:
    """The inventory limit, in money."""
    if params.max_inventory_share:
        return Decimal(params.max_inventory_share) * capacity
    return Decimal(params.max_inventory_notional)
