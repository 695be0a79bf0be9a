"""Moving averages."""

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]


def sma(values: Column, period: int) -> Column:
    """The plain mean of the last `period` values."""
    averaged = np.full(len(values), np.nan)
    if len(values) >= period:
        windows = np.lib.stride_tricks.sliding_window_view(values, period)
        averaged[period - 1 :] = windows.mean(axis=1)
    return averaged


def ema(values: Column, period: int) -> Column:
    """The exponential average, started from the mean of the first `period` values."""
    averaged = np.full(len(values), np.nan)
    if len(values) < period:
        return averaged
    weight = 2 / (period + 1)
    averaged[period - 1] = values[:period].mean()
    for bar in range(period, len(values)):
        averaged[bar] = averaged[bar - 1] + weight * (values[bar] - averaged[bar - 1])
    return averaged
