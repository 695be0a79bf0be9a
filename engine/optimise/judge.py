"""How much of the best trial is luck: somebody who tries often enough finds something."""

import enum
from dataclasses import dataclass
from itertools import combinations
from math import e, sqrt
from statistics import NormalDist, variance
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.backtest import Result
from engine.backtest.metrics import DAYS_A_YEAR, day_returns
from engine.optimise.neighbours import kept_by_neighbours
from engine.optimise.search import Search

Floats = NDArray[np.float64]

EULER = 0.5772156649015329
NORMAL = NormalDist()
# Below these, or above, a doubt is told.
LEAST_TRADES = 30
LEAST_DEFLATED = 0.95
MOST_OVERFIT = 0.5
LEAST_KEPT = 0.5
# Stretches of time, of which each half is the other's test: 252 ways to choose five of ten.
BLOCKS = 10


class Doubt(enum.StrEnum):
    NOTHING_SCORED = "nothing_scored"
    FEW_TRADES = "few_trades"
    # Its Sharpe ratio is no more than the best of so many tries without any skill would have.
    LUCK = "luck"
    # Values next to the best are far worse.
    OUTLIER = "outlier"
    # The best of one half of the time is mostly among the worse half in the other.
    OVERFIT = "overfitted"
    # On the bars that were held back it loses.
    LOSES_OUT_OF_SAMPLE = "loses_out_of_sample"


@dataclass(frozen=True, slots=True)
class Judgement:
    """None is what cannot be told."""

    # How likely the best trial's Sharpe ratio is above what chance makes of so many trials.
    deflated_sharpe: float | None
    # That ratio of chance, over a year.
    lucky_sharpe: float | None
    # How likely the best in sample is among the worse half out of sample.
    overfit: float | None
    # What the neighbours of the best keep of its lead over an ordinary trial, as a share.
    kept_by_neighbours: float | None
    doubts: list[Doubt]


def judge(
    search: Search, best: Result | None, out_of_sample: dict[str, Any] | None = None
) -> Judgement:
    """Judge a search by its trials, its best one's run, and its figures on the bars held back."""
    if search.best is None or best is None:
        return Judgement(None, None, None, None, [Doubt.NOTHING_SCORED])
    figures = [trial.figures for trial in search.trials if trial.figures]
    sharpes = [each["sharpe"] for each in figures if each["sharpe"] is not None]
    daily = [each / sqrt(DAYS_A_YEAR) for each in sharpes]
    lucky = lucky_sharpe(variance(daily), len(daily)) if len(daily) > 1 else None
    deflated = None if lucky is None else deflated_sharpe(day_returns(best), lucky)
    kept = kept_by_neighbours(search)
    overfit = overfit_of([trial.gains for trial in search.trials if trial.gains])
    told = {
        Doubt.FEW_TRADES: best.trade_count < LEAST_TRADES,
        Doubt.LUCK: deflated is not None and deflated < LEAST_DEFLATED,
        Doubt.OUTLIER: kept is not None and kept < LEAST_KEPT,
        Doubt.OVERFIT: overfit is not None and overfit > MOST_OVERFIT,
        Doubt.LOSES_OUT_OF_SAMPLE: out_of_sample is not None and out_of_sample["returned"] < 0,
    }
    return Judgement(
        deflated_sharpe=deflated,
        lucky_sharpe=None if lucky is None else lucky * sqrt(DAYS_A_YEAR),
        overfit=overfit,
        kept_by_neighbours=kept,
        doubts=[doubt for doubt, holds in told.items() if holds],
    )


def lucky_sharpe(spread: float, trials: int) -> float:
    """The best Sharpe ratio to be expected of so many trials without skill, whose ratios vary by
    `spread` (Bailey and López de Prado, "The Deflated Sharpe Ratio", 2014). Each trial counts
    as one of its own: that they resemble each other is not held in their favour."""
    if trials < 2:
        return 0.0
    once = NORMAL.inv_cdf(1 - 1 / trials)
    again = NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(spread) * ((1 - EULER) * once + EULER * again)


def deflated_sharpe(returns: Floats, lucky: float) -> float | None:
    """How likely the returns' true Sharpe ratio is above the lucky one, neither over a year."""
    deviation = returns.std(ddof=1).item() if len(returns) > 2 else 0.0
    if not deviation:
        return None
    ratio = returns.mean().item() / deviation
    away = (returns - returns.mean()) / returns.std()
    skew, kurtosis = (away**3).mean().item(), (away**4).mean().item()
    return probable(ratio, lucky, len(returns), skew, kurtosis)


def probable(ratio: float, lucky: float, count: int, skew: float, kurtosis: float) -> float:
    """The probabilistic Sharpe ratio; a normal distribution's kurtosis is 3."""
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    return NORMAL.cdf((ratio - lucky) * sqrt(count - 1) / sqrt(spread))


def overfit_of(gains: list[list[float]]) -> float | None:
    """The probability of backtest overfitting, by combinatorially symmetric cross-validation
    (Bailey, Borwein, López de Prado and Zhu, 2015): over every way to halve the blocks of time,
    how often the best of one half is in the worse half of the other."""
    if len(gains) < 2:
        return None
    blocks = np.array(gains).reshape(len(gains), BLOCKS, -1)
    halves = np.zeros((252, BLOCKS))
    for row, chosen in zip(halves, combinations(range(BLOCKS), BLOCKS // 2), strict=True):
        row[list(chosen)] = 1
    seen, unseen = ratios(blocks, halves), ratios(blocks, 1 - halves)
    best = seen.argmax(axis=0)
    ways = np.arange(len(halves))
    mine = unseen[best, ways]
    below = (unseen < mine).sum(axis=0) + (unseen == mine).sum(axis=0) / 2
    share: float = (below <= len(gains) / 2).mean().item()
    return share


def ratios(blocks: Floats, chosen: Floats) -> Floats:
    """Each trial's Sharpe ratio over each choice of blocks; one that never moves has none."""
    count = chosen.sum(axis=1) * blocks.shape[2]
    mean = blocks.sum(axis=2) @ chosen.T / count
    spread = (blocks**2).sum(axis=2) @ chosen.T / count - mean**2
    told: Floats = np.zeros_like(mean)
    np.divide(mean, np.sqrt(spread), out=told, where=spread > 1e-18)
    return told
