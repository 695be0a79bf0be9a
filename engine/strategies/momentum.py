"""Momentum: the change over some bars passes a threshold; the bar that passes it speaks."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges
from engine.strategies.columns import above, began, of_columns, opening_by_range, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: Momentum) -> Wishes:
    change = seen.rate_of_change(params.momentum_period)

    def state(change: Column) -> Ways:
        least = params.momentum_threshold
        return ways(above(change, least), above(-change, least))

    return opening_by_range(
        seen,
        began(each(state, change)),
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=np.minimum(90, 70 + abs(change.now)),
        reason=lambda at: f"{change.now[at]:+.2f} % in {params.momentum_period} bars",
    )


STRATEGY = of_columns("momentum", Momentum, candles_needed, wishes)
