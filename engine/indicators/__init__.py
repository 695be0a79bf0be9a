"""Indicators: whole columns in, whole columns out; the first bars are NaN until warm."""

from engine.indicators.averages import ema, sma

__all__ = ["ema", "sma"]
