"""Support and resistance: the close goes through the latest level that five bars have drawn."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params
from engine.strategies.columns import above, always, of_columns, opening, ways
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes

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


def wishes(seen: Seen, params: SrBreak) -> Wishes:
    # The levels that stood before this bar.
    top, bottom = seen.levels_before(SIDE)
    before, close = seen.close
    over, under = top * (1 + params.break_pct / 100), bottom * (1 - params.break_pct / 100)
    way = ways(
        above(close, over) & ~above(before, over), above(under, close) & ~above(under, before)
    )
    level = np.where(way > 0, top, bottom)
    stop = level * (1 - way * params.sl_pct / 100)
    return opening(
        seen,
        way,
        stop=stop,
        target=close + params.rr * (close - stop),
        confidence=np.minimum(85, 70 + 1000 * abs(close / level - 1)),
        reason=always("the close went through a level"),
    )


STRATEGY = of_columns("sr_break", SrBreak, candles_needed, wishes)
