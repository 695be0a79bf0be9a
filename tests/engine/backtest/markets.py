"""Candles and settings to try a backtest on."""

import numpy as np

from engine.backtest import Intents, Limits, Settings, Sizing, run
from engine.candle import Candles

BTC, ETH = "BTC/USDT", "ETH/USDT"
MINUTE = 60


def candles(*bars, timeframe="1m", opened_at=0):
    """From (open, high, low, close), or with a volume at the end."""
    columns = np.array([(*bar, 100.0)[:5] for bar in bars], np.float64).T
    starts = opened_at + np.arange(len(bars), dtype=np.int64) * MINUTE
    return Candles(timeframe, starts, *columns)


def walk(seed, bars, *, tick=1.0, level=100.0, calm=2.0):
    """A random walk on a coarse tick, with gaps, so that prices meet levels exactly."""
    chance = np.random.default_rng(seed)
    moves = np.round(chance.normal(0, calm, bars) / tick) * tick
    jumps = np.where(chance.random(bars) < 0.2, np.round(chance.normal(0, 3, bars)), 0) * tick
    close = np.maximum(level + np.cumsum(moves + jumps), 20 * tick)
    open_ = np.maximum(np.concatenate([[level], close[:-1]]) + jumps, 10 * tick)
    wicks = np.round(np.abs(chance.normal(0, calm, (2, bars))) / tick) * tick
    high = np.maximum(open_, close) + wicks[0]
    low = np.maximum(np.minimum(open_, close) - wicks[1], tick)
    volume = np.round(chance.uniform(0, 20, bars))
    return Candles("1m", np.arange(bars, dtype=np.int64) * MINUTE, open_, high, low, close, volume)


def plain(**changes):
    """Settings in which a quantity of one is traded and nothing costs anything."""
    asked = {"sizing": Sizing.QUANTITY, "size": 1, "maker_fee": 0, "taker_fee": 0}
    return Settings(**asked | {"maintenance": None} | changes)


def trade(bars, settings, /, **columns):
    """One symbol's run; `bar` and the other columns of its intents by name."""
    return run({BTC: candles(*bars)}, {BTC: Intents.of(**columns)}, settings)


LIMITS = {BTC: Limits(step=0.01, least_quantity=0.02, least_notional=3)}
