"""Rounding, in one place: quantity down to the step, price to the tick, shares down."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

# Points and USDT are kept in whole units of 1e-8.
UNIT = Decimal("0.00000001")
ZERO = Decimal(0)


def points(amount: Decimal) -> Decimal:
    """The amount cut down to whole units."""
    return amount.quantize(UNIT, rounding=ROUND_DOWN)


def floor_to_step(quantity: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of the step that is not more than the quantity."""
    return (quantity / step).to_integral_value(rounding=ROUND_DOWN) * step


def round_to_tick(price: Decimal, tick: Decimal) -> Decimal:
    """The multiple of the tick nearest to the price."""
    return (price / tick).to_integral_value(rounding=ROUND_HALF_EVEN) * tick


def share_out(total: Decimal, rates: Sequence[Decimal]) -> list[Decimal]:
    """Cut `total` by rates, each share rounded down; what is left over is the last entry."""
    shares = [points(total * rate) for rate in rates]
    return [*shares, total - sum(shares, ZERO)]
