"""Grid: lines around a mean; each line passed on the way out is traded back to the next.

The lines hang on the mean of the bars shown, so the grid moves slowly with the market. A fall
through a line below the mean buys, a rise through one above it sells; beyond the outermost
line nothing is opened, and the stop is one step behind it.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params
from engine.strategies.columns import of_columns, only, opening
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class Grid(Params, frozen=True, kw_only=True):
    grid_count: Annotated[int, Meta(ge=2, le=200, description="lines, both sides together")] = 10
    price_range: Annotated[
        float, Meta(ge=0.1, le=40, description="outermost lines, in percent from the mean")
    ] = 5.0
    lookback: Annotated[
        int, Meta(ge=2, le=500, description="bars of the mean that the grid hangs on")
    ] = 100


def candles_needed(params: Grid) -> int:
    return params.lookback + 1


def wishes(seen: Seen, params: Grid) -> Wishes:
    close, mean = seen.close, seen.sma(params.lookback).now
    step = 2 * params.price_range / 100 / params.grid_count
    before, now = (column / mean - 1 for column in close)
    way = np.where(now < 0, 1, -1).astype(np.int8)
    # Lines outward from the mean, whichever side the price is on.
    was, out = -way * (before / step), -way * (now / step)
    line = np.floor(out + 1e-9)
    passes = (line >= 1) & (was < line) & (out <= params.grid_count / 2 + 1e-9)
    outermost = mean * (1 - way * params.price_range / 100)
    return opening(
        seen,
        only(way, passes),
        stop=outermost - way * step * mean,
        target=close.now + way * step * mean,
        confidence=60,
        reason=lambda at: f"line {line[at]:.0f} of the grid",
    )


STRATEGY = of_columns("grid", Grid, candles_needed, wishes)
