"""Grid: lines around a mean; each line passed on the way out is traded back to the next.

The lines hang on the mean of the bars shown, so the grid moves slowly with the market. A fall
through a line below the mean buys, a rise through one above it sells; beyond the outermost
line nothing is opened, and the stop is one step behind it.
"""

import math
from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import sma
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, opening, sign


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


def decide(candles: Candles, params: Grid) -> Intent | None:
    mean = float(sma(candles.close, params.lookback)[-1])
    step = 2 * params.price_range / 100 / params.grid_count
    before, now = (float(close / mean - 1) / step for close in candles.close[-2:])
    way = Direction.LONG if now < 0 else Direction.SHORT
    # Lines outward from the mean, whichever side the price is on.
    was, out = -sign(way) * before, -sign(way) * now
    line = math.floor(out + 1e-9)
    if line < 1 or was >= line or out > params.grid_count / 2 + 1e-9:
        return None
    close = float(candles.close[-1])
    outermost = mean * (1 - sign(way) * params.price_range / 100)
    return opening(
        candles,
        way,
        stop=outermost - sign(way) * step * mean,
        target=close + sign(way) * step * mean,
        confidence=60,
        reason=f"line {line} of the grid",
    )


STRATEGY = Strategy("grid", Grid, candles_needed, decide)
