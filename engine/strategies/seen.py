"""Closed bars as a rule sees them when it trades, for many bars at once.

On each bar a rule sees the last `shown` ones and none before them. What is told of a bar is made
of these alone, so that a rule says the same whether it is asked about one bar or about a year.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from engine.candle import Candles
from engine.indicators import donchian, latest, rate_of_change, swings, true_range
from engine.indicators.windows import (
    deviations,
    exponential,
    histograms,
    means,
    strengths,
    trends,
    wilder,
)
from engine.strategies.wishes import Column

Told = TypeVar("Told")


class Two(NamedTuple, Generic[Told]):
    """On each bar that is decided on: what stood on the bar before it, and what stands on it."""

    before: Told
    now: Told


Lines = Two[Column]


class Band(NamedTuple):
    upper: Lines
    middle: Lines
    lower: Lines


class Line(NamedTuple):
    """Supertrend: 1 while the price stands above the line and -1 below it, and the line."""

    side: Lines
    line: Column


def each(rule: Callable[..., Told], *columns: Two[Any]) -> Two[Told]:
    """The same of the bar before and of the bar itself."""
    return Two(
        rule(*(column.before for column in columns)), rule(*(column.now for column in columns))
    )


class Seen:
    """Indicators of an asked period need `shown` to be more bars than that."""

    def __init__(self, candles: Candles, shown: int) -> None:
        self.candles = candles
        self.shown = shown

    def ago(self, column: Column, bars: int) -> Column:
        """A column as it was so many bars before each bar that is decided on."""
        return column[self.shown - 1 - bars : len(column) - bars]

    def two(self, column: Column) -> Lines:
        return Two(self.ago(column, 1), self.ago(column, 0))

    @cached_property
    def open(self) -> Lines:
        return self.two(self.candles.open)

    @cached_property
    def high(self) -> Lines:
        return self.two(self.candles.high)

    @cached_property
    def low(self) -> Lines:
        return self.two(self.candles.low)

    @cached_property
    def close(self) -> Lines:
        return self.two(self.candles.close)

    def sma(self, period: int) -> Lines:
        return self.two(known(means(self.candles.close, period), period))

    def deviation(self, period: int) -> Lines:
        return self.two(known(deviations(self.candles.close, period), period))

    def zscore(self, period: int) -> Lines:
        """How many deviations the close stands from its mean; zero where nothing deviates."""
        return each(strayed, self.close, self.sma(period), self.deviation(period))

    def ema(self, period: int) -> Lines:
        return Two(*exponential(self.candles.close, self.shown, period))

    def ema_ago(self, period: int, bars: int) -> Lines:
        """The exponential average so many bars before, of the bars that are shown today."""
        closes = self.candles.close[: len(self.candles) - bars]
        return Two(*exponential(closes, self.shown - bars, period))

    def rsi(self, period: int) -> Lines:
        return Two(*strengths(self.candles.close, self.shown, period))

    def macd_histogram(self, fast: int, slow: int, signal: int) -> Lines:
        return Two(*histograms(self.candles.close, self.shown, fast, slow, signal))

    def rate_of_change(self, period: int) -> Lines:
        return self.two(rate_of_change(self.candles.close, period))

    def bollinger(self, period: int, wide: float) -> Band:
        middle = self.sma(period)
        apart = each(lambda spread: wide * spread, self.deviation(period))
        return Band(each(np.add, middle, apart), middle, each(np.subtract, middle, apart))

    def keltner(self, *, average_period: int, range_period: int, ranges: float) -> Band:
        middle, usual = (
            self.ema(average_period),
            Two(*wilder(self._ranges, self.shown, range_period)),
        )
        apart = each(lambda usual: ranges * usual, usual)
        return Band(each(np.add, middle, apart), middle, each(np.subtract, middle, apart))

    def donchian(self, period: int) -> Band:
        return Band(*map(self.two, donchian(self.candles.high, self.candles.low, period)))

    def supertrend(self, period: int, ranges: float) -> Line:
        told = self.candles
        before, now, line = trends(
            (told.high + told.low) / 2,
            told.close,
            self._ranges,
            shown=self.shown,
            period=period,
            ranges=ranges,
        )
        return Line(Two(before, now), line)

    def usual_range(self, period: int) -> Column:
        """The plain mean of the last true ranges, with no floor under it."""
        return self.ago(known(means(self._ranges, period), period), 0)

    def levels_before(self, side: int) -> tuple[Column, Column]:
        """The last swing's high and low that the bar before has shown, NaN where there is none:
        not lower, or not higher, than so many bars on either side of it."""
        told = swings(self.candles.high, self.candles.low, left=side, right=side)
        return self._latest(told.high, 2 * side), self._latest(told.low, 2 * side)

    def _latest(self, turns: Column, bars: int) -> Column:
        places = latest(np.where(np.isnan(turns), np.nan, np.arange(len(turns))))
        since = np.arange(len(turns) - self.shown + 1) + bars
        # One of whose bars some are not shown is not seen.
        is_seen = self.ago(places, 1) >= since
        return np.where(is_seen, self.ago(latest(turns), 1), np.nan)

    @cached_property
    def _ranges(self) -> Column:
        return true_range(self.candles.high, self.candles.low, self.candles.close)


def known(values: Column, period: int) -> Column:
    """What is told of each `period` values, at the last of them."""
    return np.concatenate([np.full(period - 1, np.nan), values])


def strayed(close: Column, mean: Column, spread: Column) -> Column:
    told = np.where(np.isnan(spread), np.nan, 0.0)
    np.divide(close - mean, spread, out=told, where=spread > 0)
    return told
