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
from engine.backtest.run import Backtest, kept
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
    rows, places = kept(np.asarray(averages)), np.asarray(pairs, np.int64).reshape(-1, 2)
    known = np.array([first_known(row, row) for row in rows], np.int64)
    equity, trades = np.empty(len(places)), np.empty(len(places), np.int64)

    def run_some(first: int) -> None:
        # Every so manieth pair: those that trade most stand together.
        own = slice(first, None, threads)
        crosses = kernel.Crosses(rows, places[own].copy(), known)
        equity[own], trades[own] = crossed(backtest, crosses, stop, target)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run_some, range(threads)))
    return Crosses(equity, trades)


def crossed(
    backtest: Backtest, crosses: kernel.Crosses, stop: float | None, target: float | None
) -> tuple[Floats, Whole]:
    """What the account of each pair is worth at the end, and its trades."""
    if not len(crosses.pairs):
        return np.empty(0), np.empty(0, np.int64)
    levels = {"stop": stop, "target": target}
    asked = Intents.of([0], **{name: level for name, level in levels.items() if level}).asked
    run = backtest.books(np.zeros((kernel.BLOCK, 6), np.int32), asked)
    books = kernel.begun(run, len(crosses.pairs))
    kernel.simulate(run, books, crosses)
    signed = books.legs[:, :, kernel.L_QUANTITY] * [1.0, -1.0]
    gained = signed * (run.close[0, -1] - books.legs[:, :, kernel.L_ENTRY])
    return books.money[:, kernel.CASH] + gained.sum(1), books.counts[:, kernel.N_TRADES]
