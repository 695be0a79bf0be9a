"""How sure a figure is: the same days and trades drawn again and again, in another order.

Days are drawn in blocks, for what a day brings is not free of the day before; trades one by one.
An interval tells what chance does to the past that was seen, and nothing of another market.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cbrt, ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from engine.backtest.metrics import DAYS_A_YEAR, day_returns, deepest, ratio, total
from engine.backtest.result import Result

Floats = NDArray[np.float64]
Figure = Callable[[Floats], float | None]

DRAWS = 1000
SURE = 0.95
# Fewer days or trades than this say nothing by being drawn again.
LEAST = 10


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies in 95 of 100 draws."""

    low: float
    high: float


def intervals(result: Result, *, seed: int = 0, draws: int = DRAWS) -> dict[str, Interval]:
    """Of every figure that could be told in nearly all draws; the same seed tells the same."""
    chance = np.random.default_rng(seed)
    days = day_returns(result)
    told = drawn(days, OF_DAYS, block_of(len(days)), chance, draws)
    return told | drawn(result.trades.net, OF_TRADES, 1, chance, draws)


def drawn(
    values: Floats,
    figures: Mapping[str, Figure],
    block: int,
    chance: np.random.Generator,
    draws: int,
) -> dict[str, Interval]:
    if len(values) < LEAST:
        return {}
    told: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(draws):
        again = values[places(len(values), block, chance)]
        for name, figure in figures.items():
            value = figure(again)
            if value is not None:
                told[name].append(value)
    return {name: interval(values) for name, values in told.items() if len(values) >= SURE * draws}


def interval(values: list[float]) -> Interval:
    low, high = np.quantile(values, [(1 - SURE) / 2, (1 + SURE) / 2]).tolist()
    return Interval(low, high)


def block_of(count: int) -> int:
    """The usual length: the third root."""
    return max(1, round(cbrt(count)))


def places(count: int, block: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """As many places as there are values, in blocks that go on at the start after the end."""
    starts = chance.integers(0, count, ceil(count / block))
    return ((starts[:, None] + np.arange(block)) % count).ravel()[:count]


def returned(days: Floats) -> float:
    grown: float = np.prod(1 + days).item()
    return grown - 1


def sharpe(days: Floats) -> float | None:
    return ratio(days.mean().item(), days.std(ddof=1).item(), sqrt(DAYS_A_YEAR))


def sortino(days: Floats) -> float | None:
    downside = sqrt((np.minimum(days, 0) ** 2).mean().item())
    return ratio(days.mean().item(), downside, sqrt(DAYS_A_YEAR))


def drawdown(days: Floats) -> float:
    depth, _ = deepest(np.cumprod(1 + days, dtype=np.float64), 1.0)
    return depth


def win_rate(net: Floats) -> float:
    rate: float = (net > 0).mean().item()
    return rate


def profit_factor(net: Floats) -> float | None:
    return ratio(total(net[net > 0]), -total(net[net < 0]))


def expectancy(net: Floats) -> float:
    mean: float = net.mean().item()
    return mean


OF_DAYS: dict[str, Figure] = {
    "returned": returned,
    "sharpe": sharpe,
    "sortino": sortino,
    "drawdown": drawdown,
}
OF_TRADES: dict[str, Figure] = {
    "win_rate": win_rate,
    "profit_factor": profit_factor,
    "expectancy": expectancy,
}
