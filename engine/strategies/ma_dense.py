"""Dense averages: several averages lie close together, and the price leaves the cluster."""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from engine.candle import Candles
from engine.indicators import ema, sma
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    began,
    opening,
    settled,
    sign,
    usual_range,
)


class MaDense(Params, frozen=True, kw_only=True):
    ma_periods: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=400)], ...],
        Meta(min_length=2, max_length=8, description="bars of the averages"),
    ] = (5, 10, 20, 60)
    ma_type: Annotated[Literal["SMA", "EMA"], Meta(description="plain or exponential")] = "SMA"
    dense_threshold: Annotated[
        float, Meta(ge=0.05, le=20, description="span of the averages, in percent, that is dense")
    ] = 2.0
    sl_atr_mult: StopRanges = 1.5
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14


def candles_needed(params: MaDense) -> int:
    longest = max(params.ma_periods)
    return max(longest if params.ma_type == "SMA" else settled(longest), params.atr_period) + 1


def decide(candles: Candles, params: MaDense) -> Intent | None:
    """The stop is the other side of the cluster, but no nearer than `sl_atr_mult` ranges."""
    average = sma if params.ma_type == "SMA" else ema
    lines = np.stack([average(candles.close, period)[-2:] for period in params.ma_periods])
    top, bottom, close = lines.max(axis=0), lines.min(axis=0), candles.close

    def state(at: int) -> Direction | None:
        if 100 * (top[at] / bottom[at] - 1) >= params.dense_threshold:
            return None
        if above(close[at], top[at]):
            return Direction.LONG
        return Direction.SHORT if above(bottom[at], close[at]) else None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    price, usual = float(close[-1]), usual_range(candles, params.atr_period)
    nearest = price - sign(way) * params.sl_atr_mult * usual
    stop = min(float(bottom[-1]), nearest)
    if way is Direction.SHORT:
        stop = max(float(top[-1]), nearest)
    return opening(
        candles,
        way,
        stop=stop,
        target=price + sign(way) * params.tp_atr_mult * usual,
        confidence=75,
        reason="the price left its gathered averages",
    )


STRATEGY = Strategy("ma_dense", MaDense, candles_needed, decide)
