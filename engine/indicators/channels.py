"""Ranges, and the channels drawn around a price."""

from typing import NamedTuple

import numpy as np
import talib
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.indicators.averages import Column, deviation, ema, sma
from engine.parts import Flags, Floats


class Channel(NamedTuple):
    upper: Column
    middle: Column
    lower: Column

    @property
    def width(self) -> Column:
        """From edge to edge, as a share of the middle."""
        return (self.upper - self.lower) / self.middle


class Supertrend(NamedTuple):
    """The trailing line, and whether the price stands above it."""

    line: Column
    is_up: NDArray[np.bool_]


def true_range(high: Column, low: Column, close: Column) -> Column:
    """The bar's range with the gap to the close before it; the first bar's is its own."""
    ranges = talib.TRANGE(high, low, close)
    ranges[0] = high[0] - low[0]
    return ranges


def atr(high: Column, low: Column, close: Column, period: int) -> Column:
    """The average true range by Wilder's smoothing."""
    return talib.ATR(high, low, close, period)


def mean_range(high: Column, low: Column, close: Column, period: int) -> Column:
    """The plain mean of the last true ranges: it forgets a wild bar after `period` bars."""
    return sma(true_range(high, low, close), period)


def bollinger(closes: Column, period: int, deviations: float) -> Channel:
    middle = sma(closes, period)
    apart = deviations * deviation(closes, period)
    return Channel(middle + apart, middle, middle - apart)


def keltner(
    high: Column,
    low: Column,
    close: Column,
    *,
    average_period: int,
    range_period: int,
    ranges: float,
) -> Channel:
    middle = ema(close, average_period)
    apart = ranges * atr(high, low, close, range_period)
    return Channel(middle + apart, middle, middle - apart)


def donchian(high: Column, low: Column, period: int) -> Channel:
    """The highest high and the lowest low of the last `period` bars, this one included."""
    upper, lower = talib.MAX(high, period), talib.MIN(low, period)
    return Channel(upper, (upper + lower) / 2, lower)


def supertrend(
    high: Column, low: Column, close: Column, *, period: int, ranges: float
) -> Supertrend:
    """A band at some ranges from the middle of the bar, which only ever tightens; a close
    through it turns the trend."""
    middle, apart = (high + low) / 2, ranges * atr(high, low, close, period)
    line, is_up = np.full(len(close), np.nan), np.zeros(len(close), np.bool_)
    write_trend(np.ascontiguousarray(close), middle + apart, middle - apart, line, is_up)
    return Supertrend(line, is_up)


@compiled()
def write_trend(
    close: Floats, upper: Floats, lower: Floats, line: Floats, is_up: Flags
) -> None:  # pragma: no cover - compiled
    top, bottom, up = np.inf, -np.inf, True
    for bar in range(len(close)):
        if np.isnan(upper[bar]):
            continue
        before = close[bar - 1] if bar else close[bar]
        top = min(upper[bar], top) if before <= top else upper[bar]
        bottom = max(lower[bar], bottom) if before >= bottom else lower[bar]
        if up and close[bar] < bottom:
            up = False
        elif not up and close[bar] > top:
            up = True
        line[bar], is_up[bar] = (bottom if up else top), up
