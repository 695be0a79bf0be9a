"""Aggressive trend: averages cross, the price leads them, and the RSI leaves room."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    TargetRanges,
    settled,
    settled_wilder,
)
from engine.strategies.columns import crossed, of_columns, only, opening_by_range, side
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


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


def wishes(seen: Seen, params: TrendAggressive) -> Wishes:
    close, strength = seen.close.now, seen.rsi(params.rsi_period).now
    fast, slow = seen.ema(params.ema_fast), seen.ema(params.ema_slow)
    way = crossed(fast, slow)
    has_room = np.where(way > 0, strength < params.rsi_room, strength > 100 - params.rsi_room)
    return opening_by_range(
        seen,
        only(way, has_room & (way == side(close, fast.now))),
        atr_period=params.atr_period,
        stop_ranges=params.atr_multiplier,
        target_ranges=params.tp_atr_mult,
        confidence=np.minimum(90, 75 + 100 * abs(fast.now / slow.now - 1)),
        reason=lambda at: f"averages crossed at RSI {strength[at]:.1f}",
    )


STRATEGY = of_columns("trend_aggressive", TrendAggressive, candles_needed, wishes)
