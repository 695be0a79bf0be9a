"""Made-up series: drawn ones whose answers are known on paper, and random ones for properties."""

import numpy as np

from engine.candle import Candles


def series(closes, *, opens=None, highs=None, lows=None, volumes=None, timeframe="1m", start=0):
    """Candles from closes: a bar opens where the one before closed and has no wicks."""
    close = np.array(closes, dtype=np.float64)
    if opens is None:
        opens = np.concatenate((close[:1], close[:-1]))
    open_ = np.array(opens, dtype=np.float64)
    high = np.maximum(open_, close) if highs is None else np.array(highs, dtype=np.float64)
    low = np.minimum(open_, close) if lows is None else np.array(lows, dtype=np.float64)
    volume = np.ones(len(close)) if volumes is None else np.array(volumes, dtype=np.float64)
    opened_at = start + np.arange(len(close), dtype=np.int64) * 60
    return Candles(timeframe, opened_at, open_, high, low, close, volume)


def wandering(seed, bars, *, speed=0.01, drift=0.0, scale=100.0):
    """A market that goes its own way; the seed and the speed say which."""
    chance = np.random.default_rng(seed)
    # Calm and wild stretches, so that every rule finds something to say.
    wild = np.repeat(chance.uniform(0.1, 2.0, bars // 25 + 1), 25)[:bars]
    steps = chance.normal(drift, speed, bars) * wild
    close = scale * np.exp(np.cumsum(steps))
    open_ = np.concatenate(([scale], close[:-1]))
    wick = chance.exponential(speed / 2, (2, bars)) * wild
    high = np.maximum(open_, close) * (1 + wick[0])
    low = np.minimum(open_, close) / (1 + wick[1])
    volume = chance.exponential(10.0, bars)
    opened_at = np.arange(bars, dtype=np.int64) * 60
    return Candles("1m", opened_at, open_, high, low, close, volume)
