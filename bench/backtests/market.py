"""One market for every contender, and what each of them is asked."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

COLUMNS = ("open", "high", "low", "close", "volume")
CASH, FEE, FAST, SLOW = 8_000_000.0, 0.0005, 12, 26
STOP, TARGET = 0.005, 0.01
FASTS, SLOWS = range(5, 30), range(35, 75)
PAIRS = [(fast, slow) for fast in FASTS for slow in SLOWS]
SWEEP_BARS = 100_000


def write(path: Path, bars: int) -> None:
    """A random walk of one-minute bars, the same in every run."""
    chance = np.random.default_rng(7)
    close = 60_000 * np.exp(np.cumsum(chance.normal(0, 0.0006, bars)))
    open_ = np.concatenate([[60_000.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + np.abs(chance.normal(0, 0.0002, bars)))
    low = np.minimum(open_, close) * (1 - np.abs(chance.normal(0, 0.0002, bars)))
    np.save(path, np.stack([open_, high, low, close, chance.uniform(1, 10, bars)]))


def read(path: str, bars: int | None = None) -> dict[str, np.ndarray]:
    table = np.load(path)[:, :bars]
    return dict(zip(COLUMNS, np.ascontiguousarray(table), strict=True))


def best_of(rounds: int, work: Callable[[], object]) -> float:
    """Of this process's own time: what else the machine does is not in it."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def tell(**what: object) -> None:
    print(json.dumps(what))


def contend(
    once: Callable,
    *,
    sweep: Callable | None = None,
    curve: Callable | None = None,
    trades: Callable | None = None,
) -> None:
    """Do what the command line asks: `once`, `warm` or `sweep`, a file, so many of its bars, with
    stops or not, and how often or how many pairs. A trade is the bars of its entry and its exit,
    and their prices."""
    what, path, bars, stops, count = sys.argv[1:6]
    prices, is_stopped = read(path, int(bars)), stops == "stops"
    if what == "sweep":
        told = sweep(prices, PAIRS[: int(count)], is_stopped)
        tell(**told, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    done = once(prices, is_stopped)
    if what == "warm":
        taken = best_of(int(count), lambda: once(prices, is_stopped))
        for name, column in (("curve", curve), ("trades", trades)):
            if column:
                np.save(f"{path}.{sys.argv[6]}.{name}", column(done))
        tell(seconds=taken)
