"""Candles to store and to write into files."""

import numpy as np

from engine.candle import Candles, seconds

COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")
START = 1_700_000_400  # a whole hour and its third


def candles(first=START, count=10, timeframe="1m", level=100.0):
    close = level + np.arange(count) % 7
    opened_at = first + seconds(timeframe) * np.arange(count, dtype=np.int64)
    return Candles(timeframe, opened_at, close, close + 1, close - 1, close, np.arange(count) + 0.5)


def walk(seed, count, first=0, timeframe="1m"):
    """Bars whose sums are exact, so that order of adding does not matter."""
    chance = np.random.default_rng(seed)
    edges = chance.integers(50, 150, (4, count)) / 4
    opened_at = first + seconds(timeframe) * np.arange(count, dtype=np.int64)
    volume = chance.integers(0, 100, count) / 8
    high, low = edges.max(axis=0), edges.min(axis=0)
    return Candles(timeframe, opened_at, edges[0], high, low, edges[1], volume)


def same(one, other):
    return one.timeframe == other.timeframe and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS
    )


def cut(whole, first, last):
    return Candles(whole.timeframe, *(getattr(whole, name)[first:last] for name in COLUMNS))
