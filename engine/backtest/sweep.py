"""Many runs on the same candles, in threads: the kernel holds no lock of Python's."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.backtest.intents import Intents
from engine.backtest.result import Result
from engine.backtest.run import Backtest

Asked = TypeVar("Asked")


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
