"""How much is traded, beside what is usual."""

import numpy as np

from engine.indicators.averages import Column, sma


def volume_ratio(volume: Column, period: int) -> Column:
    """A bar's volume over the mean of the `period` bars before it; NaN where those were empty."""
    usual = np.full(len(volume), np.nan)
    usual[1:] = sma(volume, period)[:-1]
    told = np.full(len(volume), np.nan)
    np.divide(volume, usual, out=told, where=usual > 0)
    return told
