"""Momentum: the change over some bars passes a threshold; the bar that passes it speaks."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import rate_of_change
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    began,
    opening_by_range,
)


class Momentum(Params, frozen=True, kw_only=True):
    momentum_period: Annotated[
        int, Meta(ge=1, le=200, description="bars that the change is counted over")
    ] = 14
    momentum_threshold: Annotated[
        float, Meta(ge=0.05, le=50, description="change, in percent, that is momentum")
    ] = 5.0
    sl_atr_mult: StopRanges = 1.5
    tp_atr_mult: TargetRanges = 4.0
    atr_period: AtrPeriod = 14


def candles_needed(params: Momentum) -> int:
    return max(params.momentum_period, params.atr_period) + 2


def decide(candles: Candles, params: Momentum) -> Intent | None:
    change = rate_of_change(candles.close, params.momentum_period)

    def state(at: int) -> Direction | None:
        if above(change[at], params.momentum_threshold):
            return Direction.LONG
        return Direction.SHORT if above(-change[at], params.momentum_threshold) else None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=min(90, 70 + abs(float(change[-1]))),
        reason=f"{float(change[-1]):+.2f} % in {params.momentum_period} bars",
    )


STRATEGY = Strategy("momentum", Momentum, candles_needed, decide)
