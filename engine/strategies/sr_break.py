"""Support and resistance: the close goes through the latest level that five bars have drawn."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.candle import Candles
from engine.indicators import latest, swings
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, above, opening, sign

SIDE = 2


class SrBreak(Params, frozen=True, kw_only=True):
    lookback: Annotated[int, Meta(ge=5, le=400, description="bars that a level lives")] = 50
    break_pct: Annotated[
        float, Meta(ge=0, le=10, description="least way beyond the level, in percent")
    ] = 0.1
    sl_pct: Annotated[
        float, Meta(ge=0.1, le=20, description="stop on the other side of the level, in percent")
    ] = 1.0
    rr: Annotated[float, Meta(ge=0.1, le=20, description="target, in risks")] = 2.0


def candles_needed(params: SrBreak) -> int:
    return params.lookback + 2 * SIDE + 1


def decide(candles: Candles, params: SrBreak) -> Intent | None:
    told = swings(candles.high, candles.low, left=SIDE, right=SIDE)
    # The levels that stood before this bar.
    top, bottom = float(latest(told.high)[-2]), float(latest(told.low)[-2])
    before, close = float(candles.close[-2]), float(candles.close[-1])
    over, under = top * (1 + params.break_pct / 100), bottom * (1 - params.break_pct / 100)
    if not np.isnan(top) and above(close, over) and not above(before, over):
        way, level = Direction.LONG, top
    elif not np.isnan(bottom) and above(under, close) and not above(under, before):
        way, level = Direction.SHORT, bottom
    else:
        return None
    stop = level * (1 - sign(way) * params.sl_pct / 100)
    return opening(
        candles,
        way,
        stop=stop,
        target=close + params.rr * (close - stop),
        confidence=min(85, 70 + 1000 * abs(close / level - 1)),
        reason="the close went through a level",
    )


STRATEGY = Strategy("sr_break", SrBreak, candles_needed, decide)
