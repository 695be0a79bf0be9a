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


def zscore(values, period):
    told = []
    for value, mean, spread in zip(
        values, sma(values, period), deviation(values, period), strict=True
    ):
        told.append(spread if spread != spread else (value - mean) / spread if spread else 0.0)
    return told


def after(bars, values, told):
    """What is told of the values, were these the first ones not there."""
    return [nan] * min(bars, len(values)) + told(values[bars:])


def macd(closes, fast, slow, signal):
    """The fast average starts where the slow one is first known; the line where its signal is."""
    quick = after(slow - fast, closes, lambda values: ema(values, fast))
    line = [one - other for one, other in zip(quick, ema(closes, slow), strict=True)]
    behind = after(slow - 1, line, lambda values: ema(values, signal))
    line = [one if two == two else nan for one, two in zip(line, behind, strict=True)]
    return line, behind, [one - two for one, two in zip(line, behind, strict=True)]


def rate_of_change(closes, period):
    return [
        nan if bar < period else (closes[bar] / closes[bar - period] - 1) * 100
        for bar in range(len(closes))
    ]


# Less than this counts as nothing, as TA-Lib does it.
NOTHING = 1e-14


def share(part, whole):
    return 100 * part / whole if abs(whole) > NOTHING else 0.0


def trend(high, low, close, period):
    """ADX, +DI and -DI: sums of the first bars, then Wilder's smoothing of sums."""
    adx, rising, falling = ([nan] * len(close) for _ in range(3))
    ranges, rise, fall, spreads = 0.0, 0.0, 0.0, []
    for bar in range(1, len(close)):
        up, down = high[bar] - high[bar - 1], low[bar - 1] - low[bar]
        keep = 1.0 if bar < period else 1 - 1 / period
        rise = rise * keep + (up if up > max(down, 0) else 0)
        fall = fall * keep + (down if down > max(up, 0) else 0)
        ranges = ranges * keep + true_range(high, low, close)[bar]
        if bar < period:
            continue
        rising[bar], falling[bar] = share(rise, ranges), share(fall, ranges)
        is_told = abs(ranges) > NOTHING and abs(rising[bar] + falling[bar]) > NOTHING
        spread = share(abs(rising[bar] - falling[bar]), rising[bar] + falling[bar])
        if bar < 2 * period:
            spreads.append(spread)
        if bar == 2 * period - 1:
            adx[bar] = sum(spreads) / period
        elif bar >= 2 * period:
            adx[bar] = (adx[bar - 1] * (period - 1) + spread) / period if is_told else adx[bar - 1]
    return adx, rising, falling


def volume_ratio(volume, period):
    told = []
    for bar in range(len(volume)):
        usual = sum(volume[bar - period : bar]) / period if bar >= period else nan
        told.append(volume[bar] / usual if usual > 0 else nan)
    return told


def latest(values):
    told = []
    for value in values:
        told.append(value if value == value else told[-1] if told else nan)
    return told


def zones(count, zone_of):
    """Top, bottom and kind on each bar that completes a zone."""
    told = [zone_of(bar) or (nan, nan, False) for bar in range(count)]
    return tuple(map(list, zip(*told, strict=True)))


def gaps(high, low, least):
    def zone_of(bar):
        if bar < 2:
            return None
        if low[bar] - high[bar - 2] > least * high[bar - 2]:
            return low[bar], high[bar - 2], True
        if low[bar - 2] - high[bar] > least * high[bar]:
            return low[bar - 2], high[bar], False
        return None

    return zones(len(high), zone_of)


def order_blocks(open_, high, low, close, least_body):
    def zone_of(bar):
        span = high[bar] - low[bar]
        if bar < 1 or not span or abs(close[bar] - open_[bar]) < least_body * span:
            return None
        block = high[bar - 1], low[bar - 1]
        if close[bar - 1] < open_[bar - 1] and close[bar] > high[bar - 1]:
            return *block, True
        if close[bar - 1] > open_[bar - 1] and close[bar] < low[bar - 1]:
            return *block, False
        return None

    return zones(len(high), zone_of)


def breaks(close, highs, lows):
    """Which way each bar closes through the last swing before it that still stands."""
    told = []
    for bar in range(len(close)):
        top, bottom = None, None
        for before in range(bar):
            if told[before] == 1:
                top = None
            if told[before] == -1:
                bottom = None
            top = highs[before] if highs[before] == highs[before] else top
            bottom = lows[before] if lows[before] == lows[before] else bottom
        rose = top is not None and close[bar] > top
        fell = bottom is not None and close[bar] < bottom
        told.append(1 if rose else -1 if fell else 0)
    return told
