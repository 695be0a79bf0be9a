"""RSI: the market comes back out of the oversold or overbought zone, or falls far into it."""

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


class RsiRule(Params, frozen=True, kw_only=True):
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    oversold: Annotated[
        float, Meta(ge=1, le=49, description="RSI below which the market is oversold")
    ] = 30.0
    overbought: Annotated[
        float, Meta(ge=51, le=99, description="RSI above which the market is overbought")
    ] = 70.0
    extreme: Annotated[
        float, Meta(ge=0, le=49, description="RSI that is far enough by itself, from either end")
    ] = 20.0
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14


def candles_needed(params: RsiRule) -> int:
    return max(settled_wilder(params.rsi_period), params.atr_period) + 1


def decide(candles: Candles, params: RsiRule) -> Intent | None:
    before, now = (float(value) for value in rsi(candles.close, params.rsi_period)[-2:])

    def far(value: float) -> Direction | None:
        if value < params.extreme:
            return Direction.LONG
        return Direction.SHORT if value > 100 - params.extreme else None

    way, confidence = began([far(before), far(now)]), 80.0
    if way is None:
        if before <= params.oversold < now:
            way, confidence = Direction.LONG, 70 + now - params.oversold
        elif before >= params.overbought > now:
            way, confidence = Direction.SHORT, 70 + params.overbought - now
        else:
            return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=min(85, confidence),
        reason=f"RSI {now:.1f} after {before:.1f}",
    )


STRATEGY = Strategy("rsi", RsiRule, candles_needed, decide)
