"""Candles, column by column: what strategies look at.

Floats look at the market and never touch money; `series.closes` and its siblings
are the one door through which prices become floats.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadCandles

TIMEFRAMES = {
    "1s": 1,
    "2s": 2,
    "5s": 5,
    "15s": 15,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "4h": 14400,
    "1d": 86400,
}


@dataclass(frozen=True, slots=True)
class Candles:
    """Closed bars in order of time; `opened_at` is each bar's start in epoch seconds."""

    timeframe: str
    opened_at: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __post_init__(self) -> None:
        columns = (self.opened_at, self.open, self.high, self.low, self.close, self.volume)
        if len({len(column) for column in columns}) != 1:
            raise BadCandles("columns differ in length")
        if len(self) == 0:
            raise BadCandles("no candles")
        step = seconds(self.timeframe)
        gaps = np.flatnonzero(np.diff(self.opened_at) != step)
        if gaps.size:
            raise BadCandles("bars are missing, doubled or out of order", row=int(gaps[0]) + 1)
        prices = np.stack((self.open, self.high, self.low, self.close))
        impossible = ~np.isfinite(prices).all(axis=0) | (prices <= 0).any(axis=0)
        impossible |= (self.high < prices.max(axis=0)) | (self.low > prices.min(axis=0))
        impossible |= ~np.isfinite(self.volume) | (self.volume < 0)
        rows = np.flatnonzero(impossible)
        if rows.size:
            raise BadCandles("a bar is impossible", row=int(rows[0]))

    def __len__(self) -> int:
        return len(self.opened_at)

    @property
    def closed_at(self) -> int:
        """When the last bar closed, in epoch seconds."""
        return int(self.opened_at[-1]) + seconds(self.timeframe)


COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


def bars_of(candles: Candles, start: int, end: int, *, copied: bool = False) -> Candles:
    """Some bars of candles; what is sound is so in every part, and is not looked at again."""
    part = object.__new__(Candles)
    object.__setattr__(part, "timeframe", candles.timeframe)
    for name in COLUMNS:
        column = getattr(candles, name)[start:end]
        object.__setattr__(part, name, column.copy() if copied else column)
    return part


def seconds(timeframe: str) -> int:
    try:
        return TIMEFRAMES[timeframe]
    except KeyError:
        raise BadCandles("unknown timeframe", timeframe=timeframe, known=list(TIMEFRAMES)) from None


def last_closed_bar(timeframe: str, now: float) -> int:
    """The start of the latest bar that has closed by `now`, both in epoch seconds."""
    step = seconds(timeframe)
    return int(now) // step * step - step
