"""The indicators that a model is shown of one timeframe, as the house counts them."""

import numpy as np

from engine.candle import Candles
from engine.deciding.context import Series
from engine.indicators import atr, ema, macd, rsi, volume_ratio

# A model reads a course, and no column.
POINTS = 10


def gauges(candles: Candles, *, points: int = POINTS) -> Series:
    """The last points of each, oldest first; what is not warm yet is left out."""
    high, low, close = candles.high, candles.low, candles.close
    columns = {
        "close": close,
        "ema20": ema(close, 20),
        "ema50": ema(close, 50),
        "macd": macd(close).line,
        "rsi7": rsi(close, 7),
        "rsi14": rsi(close, 14),
        "atr3": atr(high, low, close, 3),
        "atr14": atr(high, low, close, 14),
        "volume_ratio": volume_ratio(candles.volume, 20),
    }
    return {
        name: tuple(column[np.isfinite(column)][-points:].tolist())
        for name, column in columns.items()
    }
