"""Mean reversion: opens where the price strays from its mean, closes where it is nearly back."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import SAME, AtrPeriod, Params, StopRanges
from engine.strategies.columns import (
    always,
    began,
    chosen,
    closing,
    of_columns,
    only,
    opening,
    ways,
)
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


class MeanReversion(Params, frozen=True, kw_only=True):
    period: Annotated[int, Meta(ge=3, le=400, description="bars of the mean")] = 20
    std_mult: Annotated[
        float, Meta(ge=0.1, le=6, description="deviations from the mean that open")
    ] = 2.0
    exit_std: Annotated[
        float, Meta(ge=0, le=5, description="deviations from the mean that close")
    ] = 0.5
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.exit_std >= self.std_mult:
            raise ValueError("exit_std must be below std_mult")


def candles_needed(params: MeanReversion) -> int:
    return max(params.period, params.atr_period) + 1


def wishes(seen: Seen, params: MeanReversion) -> Wishes:
    close, z = seen.close.now, seen.zscore(params.period)
    spread = seen.deviation(params.period).now
    before, now = z
    deviates = spread > SAME * close

    def state(z: Column) -> Ways:
        return ways(z < -params.std_mult, z > params.std_mult)

    way = only(began(each(state, z)), deviates)
    opened = opening(
        seen,
        way,
        stop=close - way * params.sl_atr_mult * seen.usual_range(params.atr_period),
        target=seen.sma(params.period).now - way * params.exit_std * spread,
        confidence=np.minimum(90, 70 + 10 * (abs(now) - params.std_mult)),
        reason=lambda at: f"{now[at]:+.2f} deviations from the mean",
    )
    back = ways(
        (before < -params.exit_std) & (now >= -params.exit_std),
        (before > params.exit_std) & (now <= params.exit_std),
    )
    closed = closing(seen, only(back, deviates), confidence=70, reason=always("back near the mean"))
    return chosen(way != 0, opened, closed)


STRATEGY = of_columns("mean_reversion", MeanReversion, candles_needed, wishes)
