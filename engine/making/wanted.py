"""The quotes that are wanted now: prices on the grid that never take, sizes that may be ordered.

Sizes follow the equity, smaller in a loud market; the side that adds to inventory is cut to the
room that is left, and a size below the venue's least is not quoted.
"""

from decimal import Decimal
from math import ceil, exp, floor, sqrt
from typing import NamedTuple

from engine.making.grid import Grid
from engine.making.model import Answer, within
from engine.making.params import MakerParams
from engine.making.sides import Open
from engine.making.units import BPS
from engine.making.watch import Seen, usual
from engine.signal import Side

# An order is worth a little more than the venue's least, so that a step of the price leaves it so.
ABOVE_LEAST = Decimal("1.05")
LEAST_SHARE = 0.2


class Funds(NamedTuple):
    equity: Decimal
    # The inventory limit, in money.
    most_held: Decimal


class Wanted(NamedTuple):
    """(price, quantity) by level; a quantity of zero is not quoted."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    # One order, in steps: what inventory is counted in.
    order: int

    def of(self, side: Side) -> tuple[tuple[int, int], ...]:
        return self.bids if side is Side.BUY else self.asks


def wanted(
    grid: Grid,
    params: MakerParams,
    seen: Seen,
    answer: Answer,
    *,
    best_bid: int,
    best_ask: int,
    position: int,
    funds: Funds,
    sides: Open,
) -> Wanted:
    mid = (best_bid + best_ask) / 2
    order = order_size(grid, params, seen, funds.equity, mid)
    fair = mid * (1 + params.imbalance_bps * seen.imbalance / BPS)
    shift = answer.shift * position / order
    bids: list[int] = []
    asks: list[int] = []
    for level in range(params.levels):
        half = answer.half * (1 + level * params.level_spacing)
        bid = min(floor(fair * (1 - (half + shift) / BPS)), best_ask - 1)
        ask = max(ceil(fair * (1 + (half - shift) / BPS)), best_bid + 1)
        # Levels that fall on one price step aside.
        bids.append(max(min(bid, bids[-1] - 1) if bids else bid, 0))
        asks.append(max(ask, asks[-1] + 1) if asks else ask)
    most = grid.steps_worth(funds.most_held, mid)
    least = grid.least_at(bids[-1] or mid)
    if bids[-1] < 1:
        sides = Open.ONLY_SELL  # a price of nothing is none
    of_bids = sizes(Side.BUY, params, order, position, most, least, sides)
    of_asks = sizes(Side.SELL, params, order, -position, most, least, sides)
    return Wanted(
        tuple(zip(bids, of_bids, strict=True)), tuple(zip(asks, of_asks, strict=True)), order
    )


def order_size(grid: Grid, params: MakerParams, seen: Seen, equity: Decimal, mid: float) -> int:
    worth = max(equity, Decimal(1)) * Decimal(params.equity_risk)
    worth = min(Decimal(params.max_order_notional), worth)
    louder = seen.sigma / usual(params)
    if louder > 1:
        worth *= Decimal(within(1 / sqrt(louder), LEAST_SHARE, 1))
    least = (grid.least_at(mid) * ABOVE_LEAST).to_integral_value(rounding="ROUND_CEILING")
    return max(grid.steps_worth(worth, mid), int(least))


def sizes(
    side: Side,
    params: MakerParams,
    order: int,
    held: int,
    most: int,
    least: int,
    sides: Open,
) -> list[int]:
    """By level; `held` is above zero where this side adds to it."""
    if not sides.allows(side):
        return [0] * params.levels
    size = order
    if held > 0 and params.size_skew and most:
        size = int(order * exp(-params.size_skew * held / most))
    room = max(most - held, 0)
    told = []
    for _ in range(params.levels):
        now = min(size, room)
        told.append(now if now >= least else 0)
        room -= told[-1]
    return told
