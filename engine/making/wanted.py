"""What quotes are wanted now: prices on the grid that never take, sizes that may be ordered.

Sizes follow the equity, smaller in a loud market; the side that adds to inventory is cut to the
room that is left, and a size below the venue's least is not quoted.
"""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from decimal import Decimal
from math import ceil, exp, floor, sqrt

from engine.making.grid import Grid
from engine.making.model import Answer, within
from engine.making.params import MakerParams
from engine.making.rules import Rules
from engine.making.sides import ONLY_SELL, allows, capacity, most_held
from engine.making.units import BPS
from engine.making.watch import ASKS, BIDS, Seen
from engine.parts import Floats, Places, Whole, part

# An order is worth a little more than the venue's least, so that a step of the price leaves it so:
# so many hundredths of it.
ABOVE_LEAST = 105
LEAST_SHARE = 0.2

# What an order may be worth in a quiet market, what may be held by the funds there are, and by the
# inventory limit: in ticks times steps.
ORDER_WORTH, ROOM, MOST_WORTH = range(3)

# A row a quote, all bids before all asks and the nearest first; a quantity of zero is not quoted.
W_PRICE, W_QUANTITY, W_WHY = range(3)


def funds_of(grid: Grid, params: MakerParams, equity: Decimal, free: Decimal) -> list[float]:
    room = capacity(params, equity=equity, free=free)
    worth = max(equity, Decimal(1)) * Decimal(params.equity_risk)
    worth = min(Decimal(params.max_order_notional), worth)
    return [float(each / grid.unit) for each in (worth, room, most_held(params, room))]


@part
def want(
    rules: Rules,
    funds: Floats,
    seen: Seen,
    answer: Answer,
    picture: Whole,
    position: int,
    sides: int,
    wanted: Places,
) -> int:
    """Writes what is wanted; told is one order, in steps: what inventory is counted in."""
    bid, ask = picture[ASKS], picture[BIDS]
    twice_mid = bid + ask
    order = order_size(rules, seen, funds[ORDER_WORTH], twice_mid)
    fair = twice_mid / 2 * (1 + rules.imbalance_bps * seen.imbalance / BPS)
    shift = answer.shift * position / order
    for level in range(rules.levels):
        half = answer.half * (1 + level * rules.level_spacing)
        # Never across the book, and levels that fall on one price step aside.
        bid = min(floor(fair * (1 - (half + shift) / BPS)), bid - 1)
        ask = max(ceil(fair * (1 + (half - shift) / BPS)), ask + 1)
        wanted[level, W_PRICE] = max(bid, 0)
        wanted[rules.levels + level, W_PRICE] = ask
    if bid < 1:
        sides = ONLY_SELL  # a price of nothing is none
    most = int(2 * funds[MOST_WORTH] / twice_mid)
    least = least_at(rules, 2 * bid if bid > 0 else twice_mid)
    sizes(rules, wanted, 0, order, position, most, least, allows(sides, True))
    sizes(rules, wanted, rules.levels, order, -position, most, least, allows(sides, False))
    return order


@part
def order_size(rules: Rules, seen: Seen, worth: float, twice_mid: int) -> int:
    louder = seen.sigma / rules.usual
    if louder > 1:
        worth *= within(1 / sqrt(louder), LEAST_SHARE, 1.0)
    least = -(-least_at(rules, twice_mid) * ABOVE_LEAST // 100)
    return max(int(2 * worth / twice_mid), least)


@part
def least_at(rules: Rules, twice_price: int) -> int:
    """The least order there: by its size, and by what it is worth."""
    return max(rules.least, -(-rules.twice_least_worth // twice_price))


@part
def sizes(
    rules: Rules,
    wanted: Places,
    first: int,
    order: int,
    held: int,
    most: int,
    least: int,
    is_open: bool,
) -> None:
    """By level; `held` is above zero where this side adds to it."""
    size = order
    if held > 0 and rules.size_skew > 0 and most > 0:
        size = int(order * exp(-rules.size_skew * held / most))
    room = max(most - held, 0)
    for level in range(rules.levels):
        now = min(size, room)
        if not is_open or now < least:
            now = 0
        wanted[first + level, W_QUANTITY] = now
        room -= now
