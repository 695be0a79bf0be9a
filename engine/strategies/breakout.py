"""Breakout: a close beyond the extreme of the bars before; the level is the stop, the way to it
once more is the target."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import donchian
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, above, opening


class Breakout(Params, frozen=True, kw_only=True):
    lookback: Annotated[
        int, Meta(ge=2, le=400, description="bars whose extreme must be passed")
    ] = 20


def candles_needed(params: Breakout) -> int:
    return params.lookback + 1


def decide(candles: Candles, params: Breakout) -> Intent | None:
    told = donchian(candles.high, candles.low, params.lookback)
    # The channel of the bars before this one.
    top, bottom, close = float(told.upper[-2]), float(told.lower[-2]), float(candles.close[-1])
    if above(close, top):
        way, level = Direction.LONG, top
    elif above(bottom, close):
        way, level = Direction.SHORT, bottom
    else:
        return None
    return opening(
        candles,
        way,
        stop=level,
        target=close + (close - level),
        confidence=80,
        reason=f"closed beyond the extreme of {params.lookback} bars",
    )


STRATEGY = Strategy("breakout", Breakout, candles_needed, decide)
