"""Squeeze: the band has become narrow, and the side of the middle says which way it will open."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, TargetRanges
from engine.strategies.columns import began, of_columns, only, opening, side
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


class BollSqueeze(Params, frozen=True, kw_only=True):
    squeeze_threshold: Annotated[
        float, Meta(ge=0.05, le=20, description="width, in percent of the middle, that is narrow")
    ] = 2.0
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14


def candles_needed(params: BollSqueeze) -> int:
    return max(params.boll_period, params.atr_period) + 1


def wishes(seen: Seen, params: BollSqueeze) -> Wishes:
    """Speaks on the bar on which the band becomes narrow, or the price changes its side in it."""
    band, close = seen.bollinger(params.boll_period, params.boll_std), seen.close
    width = each(lambda upper, middle, lower: (upper - lower) / middle, *band)

    def state(close: Column, middle: Column, width: Column) -> Ways:
        return only(side(close, middle), 100 * width < params.squeeze_threshold)

    way = began(each(state, close, band.middle, width))
    edge = np.where(way > 0, band.upper.now, band.lower.now)
    return opening(
        seen,
        way,
        stop=band.middle.now,
        target=edge + way * params.tp_atr_mult * seen.usual_range(params.atr_period),
        confidence=70,
        reason=lambda at: f"the band is {100 * width.now[at]:.2f} % wide",
    )


STRATEGY = of_columns("boll_squeeze", BollSqueeze, candles_needed, wishes)
