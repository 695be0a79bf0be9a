"""Aggressive trend: averages cross, the price leads them, and the RSI leaves room."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import ema, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    crossed,
    opening_by_range,
    settled,
    settled_wilder,
)


class TrendAggressive(Params, frozen=True, kw_only=True):
    ema_fast: Annotated[int, Meta(ge=1, le=200, description="bars of the fast average")] = 8
    ema_slow: Annotated[int, Meta(ge=2, le=400, description="bars of the slow average")] = 21
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    rsi_room: Annotated[
        float,
        Meta(ge=50, le=100, description="RSI below which a rise has room; mirrored for falls"),
    ] = 65.0
    atr_multiplier: StopRanges = 1.5
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.ema_fast >= self.ema_slow:
            raise ValueError("ema_fast must be below ema_slow")


def candles_needed(params: TrendAggressive) -> int:
    periods = settled(params.ema_slow), settled_wilder(params.rsi_period), params.atr_period
    return max(periods) + 1


def decide(candles: Candles, params: TrendAggressive) -> Intent | None:
    close = candles.close
    fast, slow = ema(close, params.ema_fast), ema(close, params.ema_slow)
    strength = float(rsi(close, params.rsi_period)[-1])
    way = crossed(fast, slow)
    if way is Direction.LONG:
        sound = strength < params.rsi_room and above(close[-1], fast[-1])
    elif way is Direction.SHORT:
        sound = strength > 100 - params.rsi_room and above(fast[-1], close[-1])
    else:
        return None
    if not sound:
        return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.atr_multiplier,
        target_ranges=params.tp_atr_mult,
        confidence=min(90, 75 + 100 * abs(float(fast[-1] / slow[-1]) - 1)),
        reason=f"averages crossed at RSI {strength:.1f}",
    )


STRATEGY = Strategy("trend_aggressive", TrendAggressive, candles_needed, decide)
