"""Supertrend: the close turns the trailing line; the line is the stop."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import supertrend
from engine.signal import Direction, Intent
from engine.strategies.base import (
    Params,
    Strategy,
    TargetRanges,
    opening,
    settled_wilder,
    sign,
    usual_range,
)

# The line remembers its last turn; it is followed over this many bars.
FOLLOWED = 100


class SupertrendRule(Params, frozen=True, kw_only=True):
    period: Annotated[int, Meta(ge=2, le=200, description="bars of the usual range")] = 10
    multiplier: Annotated[
        float, Meta(ge=0.1, le=20, description="line, in usual ranges from the bar's middle")
    ] = 3.0
    tp_atr_mult: TargetRanges = 4.0


def candles_needed(params: SupertrendRule) -> int:
    return settled_wilder(params.period) + FOLLOWED


def decide(candles: Candles, params: SupertrendRule) -> Intent | None:
    told = supertrend(
        candles.high, candles.low, candles.close, period=params.period, ranges=params.multiplier
    )
    if told.is_up[-1] == told.is_up[-2]:
        return None
    way = Direction.LONG if told.is_up[-1] else Direction.SHORT
    usual = usual_range(candles, params.period)
    return opening(
        candles,
        way,
        stop=float(told.line[-1]),
        target=float(candles.close[-1]) + sign(way) * params.tp_atr_mult * usual,
        confidence=80,
        reason="the line turned",
    )


STRATEGY = Strategy("supertrend", SupertrendRule, candles_needed, decide)
