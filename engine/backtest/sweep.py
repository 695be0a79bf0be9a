"""Many runs on the same candles, in threads: the kernel holds no lock of Python's."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.backtest import kernel
from engine.backtest.crossings import first_known
from engine.backtest.intents import Intents
from engine.backtest.result import Result
from engine.backtest.run import Backtest, as_float
from engine.errors import BadParameters

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

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


@dataclass(frozen=True, slots=True)
class Crosses:
    """One place a pair: what the account is worth at the end, and how many trades it made."""

    equity: Floats
    trades: Whole


def sweep_crosses(
    backtest: Backtest,
    averages: Sequence[Floats],
    pairs: Sequence[tuple[int, int]],
    *,
    stop: float | None = None,
    target: float | None = None,
    threads: int = 1,
) -> Crosses:
    """Pairs of averages, named by their places: long where the first is above the second, short
    where it is not, turned round at the open after each crossing.

    The same runs as `sweep` makes of `crossings`, without ever coming back to Python between.
    The backtest is of one symbol, and without curve and records.
    """
    settings = backtest.settings
    if len(backtest.symbols) != 1 or settings.with_curve or settings.with_records:
        raise BadParameters("crosses are swept on one symbol, without curve and records")
    columns, places = np.stack(averages), np.asarray(pairs, np.int64).reshape(-1, 2)
    known = np.array([first_known(column, column) for column in columns], np.int64)
    chunk = max(1, len(places) // (threads * 4))

    def run_some(first: int) -> Crosses:
        return crossed(backtest, columns, places[first : first + chunk], known, stop, target)

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(run_some, range(0, len(places), chunk)))
    equity = [np.zeros(0), *(part.equity for part in parts)]
    trades = [np.zeros(0, np.int64), *(part.trades for part in parts)]
    return Crosses(np.concatenate(equity), np.concatenate(trades))


def crossed(
    backtest: Backtest,
    columns: Floats,
    places: Whole,
    known: Whole,
    stop: float | None,
    target: float | None,
) -> Crosses:
    """Some of the pairs, one after the other, in the same books."""
    bars = columns.shape[1]
    levels = {"stop": stop, "target": target}
    asked = Intents.of([0], **{name: level for name, level in levels.items() if level}).asked
    run = backtest.books(np.zeros((bars, 6), np.int32), asked)
    done = kernel.Crosses(
        worth=np.empty(len(places)),
        trades=np.empty(len(places), np.int64),
        above=np.empty(bars, np.bool_),
        bars=np.empty(bars + 1, np.int64),
    )
    kernel.simulate_crosses(run, as_float(backtest.settings.cash), columns, places, known, done)
    return Crosses(done.worth, done.trades)
