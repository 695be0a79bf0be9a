"""Dense averages: several averages lie close together, and the price leaves the cluster."""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled
from engine.strategies.columns import above, always, began, of_columns, only, opening, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: MaDense) -> Wishes:
    """The stop is the other side of the cluster, but no nearer than `sl_atr_mult` ranges."""
    average = seen.sma if params.ma_type == "SMA" else seen.ema
    lines = [average(period) for period in params.ma_periods]
    top = each(lambda *some: np.maximum.reduce(some), *lines)
    bottom = each(lambda *some: np.minimum.reduce(some), *lines)

    def state(close: Column, top: Column, bottom: Column) -> Ways:
        is_dense = 100 * (top / bottom - 1) < params.dense_threshold
        return only(ways(above(close, top), above(bottom, close)), is_dense)

    way, close = began(each(state, seen.close, top, bottom)), seen.close.now
    usual = seen.usual_range(params.atr_period)
    nearest = close - way * params.sl_atr_mult * usual
    return opening(
        seen,
        way,
        stop=np.where(way > 0, np.minimum(bottom.now, nearest), np.maximum(top.now, nearest)),
        target=close + way * params.tp_atr_mult * usual,
        confidence=75,
        reason=always("the price left its gathered averages"),
    )


STRATEGY = of_columns("ma_dense", MaDense, candles_needed, wishes)
