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
Flags = NDArray[np.bool_]
# Eight flags side by side, read as one number: all set, and none.
ALL, NONE = np.uint64(0x0101010101010101), np.uint64(0)


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


def crossings(fast: Floats, slow: Floats) -> tuple[Whole, Flags]:
    """The bars on which one column is on another side of the other than on the bar before, and
    whether it rose through it. Before both are known there is no side, and equal is below."""
    above, bars = fast > slow, np.empty(len(fast), np.int64)
    first = first_known(fast, slow)
    above[:first] = above[first] if first < len(above) else False
    count = write_turns(above, bars)
    turned = bars[:count].copy()
    return turned, above[turned]


@njit(cache=True, nogil=True)
def first_known(fast: Floats, slow: Floats) -> int:
    for bar in range(len(fast)):
        if not np.isnan(fast[bar] + slow[bar]):
            return bar
    return len(fast)


@njit(cache=True, nogil=True)
def write_turns(above: Flags, bars: Whole) -> int:
    """Where the flags change; eight that stay as they were are passed at once."""
    eights = len(above) // 8
    words = above[: eights * 8].view(np.uint64)
    count, was = 0, above[0]
    stays = ALL if was else NONE
    for word in range(eights):
        if words[word] != stays:
            for bar in range(8 * word, 8 * word + 8):
                # Written either way and counted if it is one: quicker than to guess which.
                bars[count] = bar
                count += above[bar] != was
                was = above[bar]
            stays = ALL if was else NONE
    for bar in range(8 * eights, len(above)):
        bars[count] = bar
        count += above[bar] != was
        was = above[bar]
    return count
