"""Hedge: both directions at the middle of the band, one where the price is away from it.

What is held is not the rule's to know. `legs` opens both directions on the bar that goes through
the middle; `decide`, which has one answer, opens the leg that faces the middle on the bar on
which price and RSI come to stand on one side of it.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.signal import Intent
from engine.strategies.base import Params, settled_wilder
from engine.strategies.columns import (
    Flags,
    above,
    began,
    crossed,
    of_columns,
    only,
    opening,
    ways,
)
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes

RSI_BARS = 14


class Hedge(Params, frozen=True, kw_only=True):
    stop_loss_pct: Annotated[
        float, Meta(ge=0.1, le=50, description="stop of each leg, in percent of the price")
    ] = 5.0
    rsi_threshold: Annotated[
        float, Meta(ge=10, le=90, description="RSI below which is bought, above which is sold")
    ] = 50.0
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    min_width_pct: Annotated[
        float, Meta(ge=0, le=50, description="least width of the band, in percent of its middle")
    ] = 0.0


def candles_needed(params: Hedge) -> int:
    return max(settled_wilder(RSI_BARS), params.boll_period) + 1


def legs(seen: Seen, way: Ways, params: Hedge, *, confidence: int) -> Wishes:
    return opening(
        seen,
        only(way, is_wide(seen, params)),
        stop=seen.close.now * (1 - way * params.stop_loss_pct / 100),
        confidence=confidence,
        reason=lambda at: f"{'long' if way[at] > 0 else 'short'} leg of a hedge",
    )


def is_wide(seen: Seen, params: Hedge) -> Flags:
    upper, middle, lower = (
        column.now for column in seen.bollinger(params.boll_period, params.boll_std)
    )
    return 100 * ((upper - lower) / middle) > params.min_width_pct


def both(candles: Candles, params: Hedge) -> tuple[Intent, ...]:
    seen = Seen(candles, len(candles))
    turned = crossed(seen.close, seen.sma(params.boll_period)) != 0
    told = [legs(seen, ways(is_long=turned), params, confidence=65)]
    told += [legs(seen, ways(is_short=turned), params, confidence=65)]
    if not turned[0]:
        told = [wishes(seen, params)]
    return tuple(intent for each in told if (intent := each.intent(0)) is not None)


def wishes(seen: Seen, params: Hedge) -> Wishes:
    def state(close: Column, middle: Column, strength: Column) -> Ways:
        return ways(
            (strength < params.rsi_threshold) & above(middle, close),
            (strength > params.rsi_threshold) & above(close, middle),
        )

    way = began(each(state, seen.close, seen.sma(params.boll_period), seen.rsi(RSI_BARS)))
    return legs(seen, way, params, confidence=60)


STRATEGY = of_columns("hedge", Hedge, candles_needed, wishes, hedge=both)
