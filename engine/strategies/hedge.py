"""Hedge: both directions at the middle of the band, one where the price is away from it.

What is held is not the rule's to know. `legs` opens both directions on the bar that goes through
the middle; `decide`, which has one answer, opens the leg that faces the middle on the bar on
which price and RSI come to stand on one side of it.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import bollinger, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    Params,
    Strategy,
    above,
    began,
    crossed,
    opening,
    settled_wilder,
    sign,
)

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


def leg(candles: Candles, way: Direction, params: Hedge, *, confidence: int) -> Intent | None:
    stop = float(candles.close[-1]) * (1 - sign(way) * params.stop_loss_pct / 100)
    reason = f"{way.value} leg of a hedge"
    return opening(candles, way, stop=stop, confidence=confidence, reason=reason)


def is_wide(candles: Candles, params: Hedge) -> bool:
    width = bollinger(candles.close, params.boll_period, params.boll_std).width[-1]
    return bool(100 * width > params.min_width_pct)


def both(candles: Candles, params: Hedge) -> tuple[Intent, ...]:
    middle = bollinger(candles.close, params.boll_period, params.boll_std).middle
    if not is_wide(candles, params):
        return ()
    if crossed(candles.close, middle) is not None:
        ways = [Direction.LONG, Direction.SHORT]
        opened = [leg(candles, way, params, confidence=65) for way in ways]
        return tuple(intent for intent in opened if intent is not None)
    one = decide(candles, params)
    return () if one is None else (one,)


def decide(candles: Candles, params: Hedge) -> Intent | None:
    close = candles.close
    middle = bollinger(close, params.boll_period, params.boll_std).middle
    strength = rsi(close, RSI_BARS)

    def state(at: int) -> Direction | None:
        if strength[at] < params.rsi_threshold and above(middle[at], close[at]):
            return Direction.LONG
        if strength[at] > params.rsi_threshold and above(close[at], middle[at]):
            return Direction.SHORT
        return None

    way = began([state(-2), state(-1)])
    if way is None or not is_wide(candles, params):
        return None
    return leg(candles, way, params, confidence=60)


STRATEGY = Strategy("hedge", Hedge, candles_needed, decide, hedge=both)
