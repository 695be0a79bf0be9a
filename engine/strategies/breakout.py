"""Breakout: a close beyond the extreme of the bars before; the level is the stop, the way to it
once more is the target."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params
from engine.strategies.columns import above, always, of_columns, opening, ways
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class Breakout(Params, frozen=True, kw_only=True):
    lookback: Annotated[
        int, Meta(ge=2, le=400, description="bars whose extreme must be passed")
    ] = 20


def candles_needed(params: Breakout) -> int:
    return params.lookback + 1


def wishes(seen: Seen, params: Breakout) -> Wishes:
    # The channel of the bars before this one.
    told, close = seen.donchian(params.lookback), seen.close.now
    top, bottom = told.upper.before, told.lower.before
    way = ways(above(close, top), above(bottom, close))
    level = np.where(way > 0, top, bottom)
    return opening(
        seen,
        way,
        stop=level,
        target=close + (close - level),
        confidence=80,
        reason=always(f"closed beyond the extreme of {params.lookback} bars"),
    )


STRATEGY = of_columns("breakout", Breakout, candles_needed, wishes)
