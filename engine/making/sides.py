"""Which sides may be quoted: near the limit only the one that takes inventory down, until it is
well below again."""

import enum
from decimal import Decimal

from engine.making.params import MakerParams
from engine.signal import Side


class Open(enum.StrEnum):
    BOTH = "both"
    ONLY_BUY = "only_buy"
    ONLY_SELL = "only_sell"

    def allows(self, side: Side) -> bool:
        return self is Open.BOTH or (self is Open.ONLY_BUY) == (side is Side.BUY)


def next_sides(before: Open, position: int, usage: float, params: MakerParams) -> Open:
    """`usage` is what the position is worth, over the capacity."""
    helpful = Open.ONLY_SELL if position > 0 else Open.ONLY_BUY
    if usage >= params.one_sided_at:
        return helpful
    if usage <= params.two_sided_at or before is Open.BOTH:
        return Open.BOTH
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
