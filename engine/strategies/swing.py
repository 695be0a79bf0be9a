"""Swing: the close goes through its average; the target is a share of the price."""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges
from engine.strategies.columns import always, crossed, of_columns, opening
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class Swing(Params, frozen=True, kw_only=True):
    ma_period: Annotated[int, Meta(ge=2, le=400, description="bars of the average")] = 20
    swing_target: Annotated[
        float, Meta(ge=0.1, le=90, description="target, in percent of the price")
    ] = 5.0
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14


def candles_needed(params: Swing) -> int:
    return max(params.ma_period, params.atr_period) + 1


def wishes(seen: Seen, params: Swing) -> Wishes:
    way, close = crossed(seen.close, seen.sma(params.ma_period)), seen.close.now
    return opening(
        seen,
        way,
        stop=close - way * params.sl_atr_mult * seen.usual_range(params.atr_period),
        target=close * (1 + way * params.swing_target / 100),
        confidence=75,
        reason=always("the close went through its average"),
    )


STRATEGY = of_columns("swing", Swing, candles_needed, wishes)
