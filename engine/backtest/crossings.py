"""Where one column goes through another: what many a strategy is made of, found quickly."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.backtest.kernel import write_crossings
from engine.compiled import compiled
from engine.parts import Flags, Floats, Grid, Whole, part

# So many bars of all averages are counted side by side before each goes to its own row.
ROWS = 64


def whole(values: Floats) -> Floats:
    """Without gaps, as compiled code wants it."""
    return np.ascontiguousarray(values, np.float64)


def crossings(fast: Floats, slow: Floats) -> tuple[Whole, Flags]:
    """The bars on which one column is on another side of the other than on the bar before, and
    whether it rose through it. Before both are known there is no side, and equal is below."""
    one, other = whole(fast), whole(slow)
    first = first_known(one, other)
    if first == len(fast):
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    bars = np.empty(len(fast) - first, np.int64)
    count = write_crossings(one[first:], other[first:], bars)
    # They rise and fall in turns.
    rises = np.full(count, one[first] <= other[first])
    rises[1::2] = ~rises[1::2]
    return bars[:count] + first, rises


@compiled()
def first_known(fast: Floats, slow: Floats) -> int:
    for bar in range(len(fast)):
        if not np.isnan(fast[bar] + slow[bar]):
            return bar
    return len(fast)


def ema_rows(values: Floats, periods: Sequence[int], *, threads: int = 1) -> Grid:
    """A row each: exponential averages as `engine.indicators.ema` counts them, some in one pass."""
    wanted, column = np.array(periods, np.int64), whole(values)
    told = np.empty((len(wanted), len(values)))

    def write_some(first: int) -> None:
        some = slice(first, first + each)
        last = np.full(len(wanted[some]), np.nan)
        weights: Floats = np.divide(2.0, wanted[some] + 1)
        recent = np.empty((ROWS, len(last)))
        write_averages(column, wanted[some], weights, last, recent, told[some])

    each = -(-len(wanted) // threads) or 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write_some, range(0, len(wanted), each)))
    told[wanted == 1] = values
    return told


@compiled(fastmath={"contract"})
def write_averages(
    values: Floats, periods: Whole, weights: Floats, last: Floats, recent: Grid, told: Grid
) -> None:
    lanes, total, longest = len(periods), 0.0, 0
    for period in periods:
        longest = max(longest, period)
    for first in range(0, len(values), ROWS):
        rows = min(ROWS, len(values) - first)
        for row in range(rows):
            value, known = values[first + row], first + row + 1
            for lane in range(lanes):
                last[lane] = (value - last[lane]) * weights[lane] + last[lane]
                recent[row, lane] = last[lane]
            if known <= longest:
                total += value
                for lane in range(lanes):
                    if periods[lane] == known:
                        last[lane] = recent[row, lane] = total / known
        for lane in range(lanes):
            for row in range(rows):
                told[lane, first + row] = recent[row, lane]


def ema_crossings(values: Floats, fast: int, slow: int) -> tuple[Whole, Flags]:
    """The crossings of two exponential averages, the fast one's period below the slow one's.

    They begin as `engine.indicators.ema` does; nothing is kept of them but where they cross.
    """
    bars, rises = np.empty(len(values), np.int64), np.empty(len(values), np.bool_)
    count = write_ema_crossings(whole(values), fast, slow, bars, rises)
    return bars[:count].copy(), rises[:count].copy()


@part
def mean(values: Floats) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


@compiled(fastmath={"contract"})
def write_ema_crossings(values: Floats, fast: int, slow: int, bars: Whole, rises: Flags) -> int:
    if len(values) < slow:
        return 0
    quick, calm = mean(values[:fast]), mean(values[:slow])
    of_quick, of_calm = 2.0 / (fast + 1), 2.0 / (slow + 1)
    for value in values[fast:slow]:
        quick = value * of_quick + quick * (1.0 - of_quick)
    was_above, count = quick > calm, 0
    for bar in range(slow, len(values)):
        value = values[bar]
        quick = value * of_quick + quick * (1.0 - of_quick)
        calm = value * of_calm + calm * (1.0 - of_calm)
        is_above = quick > calm
        # Written either way and counted if it is one: quicker than to guess which.
        bars[count], rises[count] = bar, is_above
        count += is_above != was_above
        was_above = is_above
    return count
