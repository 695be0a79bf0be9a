"""Moving averages."""

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Column = NDArray[np.float64]


def sma(values: Column, period: int) -> Column:
    """The plain mean of the last `period` values."""
    return values.copy() if period == 1 else talib.SMA(values, period)


def ema(values: Column, period: int) -> Column:
    """The exponential average, started from the mean of the first `period` values."""
    return values.copy() if period == 1 else talib.EMA(values, period)


def deviation(values: Column, period: int) -> Column:
    """The standard deviation of the last `period` values from their mean.

    Counted window by window: a running sum of squares loses what a quiet market still has.
    """
    told = np.full(len(values), np.nan)
    if len(values) >= period:
        told[period - 1 :] = sliding_window_view(values, period).std(axis=1)
    return told


def zscore(values: Column, period: int) -> Column:
    """How many deviations a value stands from its mean; zero where nothing deviates."""
    apart, spread = values - sma(values, period), deviation(values, period)
    told = np.where(np.isnan(spread), np.nan, 0.0)
    np.divide(apart, spread, out=told, where=spread > 0)
    return told
