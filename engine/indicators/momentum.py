"""How fast, and how steadily, prices go."""

from typing import NamedTuple

import talib

from engine.indicators.averages import Column


class Macd(NamedTuple):
    line: Column
    signal: Column
    histogram: Column


class Trend(NamedTuple):
    """ADX, and the directional indicators it is made of; from 0 to 100."""

    adx: Column
    rising: Column
    falling: Column


def rsi(closes: Column, period: int) -> Column:
    """Wilder's relative strength, 0 to 100."""
    return talib.RSI(closes, period)


def macd(closes: Column, *, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    return Macd(*talib.MACD(closes, fast, slow, signal))


def rate_of_change(closes: Column, period: int) -> Column:
    """The change over `period` bars, in percent."""
    return talib.ROC(closes, period)


def trend_of(high: Column, low: Column, close: Column, period: int) -> Trend:
    """How strong a trend is, whichever way it goes, by Wilder's smoothing."""
    return Trend(
        talib.ADX(high, low, close, period),
        talib.PLUS_DI(high, low, close, period),
        talib.MINUS_DI(high, low, close, period),
    )
