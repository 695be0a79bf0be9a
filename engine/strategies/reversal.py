"""Reversal: an RSI at its extreme is taken to turn; the bar on which it gets there speaks."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    began,
    opening_by_range,
    settled_wilder,
)


class Reversal(Params, frozen=True, kw_only=True):
    rsi_extreme: Annotated[
        float, Meta(ge=1, le=49, description="RSI that is extreme, from either end")
    ] = 20.0
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 4.0
    atr_period: AtrPeriod = 14


def candles_needed(params: Reversal) -> int:
    return max(settled_wilder(params.rsi_period), params.atr_period) + 1


def decide(candles: Candles, params: Reversal) -> Intent | None:
    strength = rsi(candles.close, params.rsi_period)

    def state(at: int) -> Direction | None:
        if strength[at] < params.rsi_extreme:
            return Direction.LONG
        return Direction.SHORT if strength[at] > 100 - params.rsi_extreme else None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=80,
        reason=f"RSI {float(strength[-1]):.1f}",
    )


STRATEGY = Strategy("reversal", Reversal, candles_needed, decide)
