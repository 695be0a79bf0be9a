"""Reversal: an RSI at its extreme is taken to turn; the bar on which it gets there speaks."""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled_wilder
from engine.strategies.columns import began, of_columns, opening_by_range, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: Reversal) -> Wishes:
    strength = seen.rsi(params.rsi_period)

    def state(strength: Column) -> Ways:
        return ways(strength < params.rsi_extreme, strength > 100 - params.rsi_extreme)

    return opening_by_range(
        seen,
        began(each(state, strength)),
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=80,
        reason=lambda at: f"RSI {strength.now[at]:.1f}",
    )


STRATEGY = of_columns("reversal", Reversal, candles_needed, wishes)
