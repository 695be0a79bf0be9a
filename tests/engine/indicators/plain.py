"""Indicators read slowly off their definitions, a bar at a time, and bars to try them on."""

from dataclasses import dataclass
from itertools import pairwise
from math import nan, sqrt

import numpy as np


@dataclass(frozen=True)
class Bars:
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def cut(self, length: int) -> "Bars":
        return Bars(*(column[:length].copy() for column in vars(self).values()))


def bars(seed: int, count: int = 160, *, calm: float = 0.01) -> Bars:
    """A random walk with wicks; some bars without volume or range."""
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, calm, count)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1 + chance.normal(0, calm / 5, count))
    top = np.maximum(open_, close) * (1 + abs(chance.normal(0, calm / 2, count)))
    bottom = np.minimum(open_, close) * (1 - abs(chance.normal(0, calm / 2, count)))
    volume = chance.uniform(0, 10, count) * (chance.random(count) > 0.1)
    return Bars(open_, top, bottom, close, volume)


def sma(values, period):
    return [
        nan if bar + 1 < period else sum(values[bar + 1 - period : bar + 1]) / period
        for bar in range(len(values))
    ]


def ema(values, period):
    told = []
    for bar, value in enumerate(values):
        if bar + 1 < period:
            told.append(nan)
        elif bar + 1 == period:
            told.append(sum(values[:period]) / period)
        else:
            told.append(value * 2 / (period + 1) + told[-1] * (1 - 2 / (period + 1)))
    return told


def wilder(values, period, start):
    """Wilder's smoothing of the values from `start` on: a mean first, then 1/period of the new."""
    told = [nan] * len(values)
    first = start + period - 1
    if first >= len(values):
        return told
    told[first] = sum(values[start : first + 1]) / period
    for bar in range(first + 1, len(values)):
        told[bar] = (told[bar - 1] * (period - 1) + values[bar]) / period
    return told


def deviation(values, period):
    told = []
    for bar in range(len(values)):
        window = values[max(0, bar + 1 - period) : bar + 1]
        mean = sum(window) / len(window)
        spread = sqrt(sum((value - mean) ** 2 for value in window) / len(window))
        told.append(nan if bar + 1 < period else spread)
    return told


def rsi(closes, period):
    moves = [0.0, *(after - before for before, after in pairwise(closes))]
    rises = wilder([max(move, 0) for move in moves], period, 1)
    falls = wilder([max(-move, 0) for move in moves], period, 1)
    return [
        nan if up != up else (100 * up / (up + down) if up + down else 0.0)
        for up, down in zip(rises, falls, strict=True)
    ]


def true_range(high, low, close):
    first = high[0] - low[0]
    rest = [
        max(high[bar], close[bar - 1]) - min(low[bar], close[bar - 1])
        for bar in range(1, len(close))
    ]
    return [first, *rest]


def atr(high, low, close, period):
    return wilder(true_range(high, low, close), period, 1)


def extremes(high, low, period):
    told = []
    for bar in range(len(high)):
        window = slice(max(0, bar + 1 - period), bar + 1)
        is_warm = bar + 1 >= period
        told.append((max(high[window]), min(low[window])) if is_warm else (nan, nan))
    return told


def supertrend(high, low, close, period, ranges):
    """The line and the trend, bar by bar, as it is usually told."""
    widths = atr(high, low, close, period)
    line, is_up = [nan] * len(close), [False] * len(close)
    top = bottom = None
    up = True
    for bar in range(len(close)):
        if widths[bar] != widths[bar]:
            continue
        middle = (high[bar] + low[bar]) / 2
        basic_top, basic_bottom = middle + ranges * widths[bar], middle - ranges * widths[bar]
        if top is None:
            top, bottom = basic_top, basic_bottom
        else:
            top = basic_top if basic_top < top or close[bar - 1] > top else top
            bottom = basic_bottom if basic_bottom > bottom or close[bar - 1] < bottom else bottom
        if up and close[bar] < bottom:
            up = False
        elif not up and close[bar] > top:
            up = True
        line[bar], is_up[bar] = (bottom if up else top), up
    return line, is_up


def turns(values, left, right, better):
    """The swing that each bar confirms."""
    told = [nan] * len(values)
    for bar in range(left + right, len(values)):
        middle = bar - right
        others = [*values[middle - left : middle], *values[middle + 1 : bar + 1]]
        if all(not better(other, values[middle]) for other in others):
            told[bar] = values[middle]
    return told
