"""Indicators: whole columns in, whole columns out; the first bars are NaN until warm.

TA-Lib counts what it has a function for. Nothing here looks ahead: a value is made
of its own bar and those before it, and the tests recount every one on cut columns.
"""

from engine.indicators.averages import deviation, ema, sma, zscore
from engine.indicators.channels import (
    Channel,
    Supertrend,
    atr,
    bollinger,
    donchian,
    keltner,
    mean_range,
    supertrend,
    true_range,
)
from engine.indicators.momentum import Macd, Trend, macd, rate_of_change, rsi, trend_of
from engine.indicators.structure import (
    Swings,
    Zones,
    breaks,
    gaps,
    latest,
    order_blocks,
    retracement,
    swings,
)
from engine.indicators.volume import volume_ratio

__all__ = [
    "Channel",
    "Macd",
    "Supertrend",
    "Swings",
    "Trend",
    "Zones",
    "atr",
    "bollinger",
    "breaks",
    "deviation",
    "donchian",
    "ema",
    "gaps",
    "keltner",
    "latest",
    "macd",
    "mean_range",
    "order_blocks",
    "rate_of_change",
    "retracement",
    "rsi",
    "sma",
    "supertrend",
    "swings",
    "trend_of",
    "true_range",
    "volume_ratio",
    "zscore",
]
