"""Reversal at the wide band: opens against an extreme, closes at the middle.

One leg is opened, the one against the extreme; it is closed on the bar that comes back through
the middle of the band from the leg's side.
"""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, settled_wilder
from engine.strategies.columns import (
    above,
    always,
    began,
    chosen,
    closing,
    crossed,
    of_columns,
    opening,
    ways,
)
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


class ReversalHedge(Params, frozen=True, kw_only=True):
    rsi_extreme_low: Annotated[
        float, Meta(ge=1, le=49, description="RSI that is extreme, from either end")
    ] = 20.0
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.5
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14


def candles_needed(params: ReversalHedge) -> int:
    periods = settled_wilder(params.rsi_period), params.boll_period, params.atr_period
    return max(periods) + 1


def wishes(seen: Seen, params: ReversalHedge) -> Wishes:
    band = seen.bollinger(params.boll_period, params.boll_std)
    strength = seen.rsi(params.rsi_period)

    def state(close: Column, strength: Column, upper: Column, lower: Column) -> Ways:
        return ways(
            (strength < params.rsi_extreme_low) & above(lower, close),
            (strength > 100 - params.rsi_extreme_low) & above(close, upper),
        )

    way, close = began(each(state, seen.close, strength, band.upper, band.lower)), seen.close.now
    opened = opening(
        seen,
        way,
        stop=close - way * params.sl_atr_mult * seen.usual_range(params.atr_period),
        target=band.middle.now,
        confidence=75,
        reason=lambda at: f"RSI {strength.now[at]:.1f} beyond the band",
    )
    closed = closing(
        seen,
        crossed(seen.close, band.middle),
        confidence=65,
        reason=always("back at the middle of the band"),
    )
    return chosen(way != 0, opened, closed)


STRATEGY = of_columns("reversal_hedge", ReversalHedge, candles_needed, wishes)
