"""RSI: the market comes back out of the oversold or overbought zone, or falls far into it."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled_wilder
from engine.strategies.columns import began, of_columns, only, opening_by_range, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: RsiRule) -> Wishes:
    strength = seen.rsi(params.rsi_period)
    before, now = strength

    def far(value: Column) -> Ways:
        return ways(value < params.extreme, value > 100 - params.extreme)

    went_far = began(each(far, strength))
    rises = (before <= params.oversold) & (now > params.oversold)
    falls = (before >= params.overbought) & (now < params.overbought)
    came_back = only(ways(rises, falls), went_far == 0)
    beyond = np.where(rises, now - params.oversold, params.overbought - now)
    return opening_by_range(
        seen,
        went_far + came_back,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=np.where(went_far != 0, 80, np.minimum(85, 70 + beyond)),
        reason=lambda at: f"RSI {now[at]:.1f} after {before[at]:.1f}",
    )


STRATEGY = of_columns("rsi", RsiRule, candles_needed, wishes)
