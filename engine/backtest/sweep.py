"""Many runs on the same candles, in threads: the kernel holds no lock of Python's."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.backtest.intents import Intents
from engine.backtest.result import Result
from engine.backtest.run import Backtest

Asked = TypeVar("Asked")
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]


def sweep(
    backtest: Backtest,
    wanted: Callable[[Asked], Mapping[str, Intents]],
    asked: Sequence[Asked],
    *,
    threads: int = 1,
) -> list[Result]:
    """A result for each of the sets asked, in their order; `wanted` makes intents of a set.

    Settings without curve and records keep memory flat however many sets there are.
    """
    chunk = max(1, len(asked) // (threads * 8))

    def run_some(first: int) -> list[Result]:
        return [backtest.run(wanted(each)) for each in asked[first : first + chunk]]

    with ThreadPoolExecutor(threads) as pool:
        return [each for some in pool.map(run_some, range(0, len(asked), chunk)) for each in some]


def crossings(fast: Floats, slow: Floats) -> tuple[Whole, NDArray[np.bool_]]:
    """The bars on which one column is on another side of the other than on the bar before, and
    whether it rose through it. Where either is NaN there is no side, and equal is below."""
    bars = np.empty(len(fast), np.int64)
    count = write_crossings(fast, slow, bars)
    return bars[:count], fast[bars[:count]] > slow[bars[:count]]


@njit(cache=True, nogil=True)
def write_crossings(fast: Floats, slow: Floats, bars: Whole) -> int:
    count, bar = 0, 0
    while bar < len(fast) and not fast[bar] - slow[bar] < np.inf:
        bar += 1
    if bar == len(fast):
        return 0
    was_above = fast[bar] > slow[bar]
    for at in range(bar + 1, len(fast)):
        is_above = fast[at] > slow[at]
        # Written either way and counted if it is one: quicker than to guess which.
        bars[count] = at
        count += is_above != was_above
        was_above = is_above
    return count
