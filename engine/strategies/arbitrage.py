"""Arbitrage against its own mean: a price that strayed in percent and in deviations comes back.

There is one symbol and no second leg: nothing here is without risk.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params
from engine.strategies.columns import began, of_columns, opening, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


class Arbitrage(Params, frozen=True, kw_only=True):
    spread_threshold: Annotated[
        float, Meta(ge=0.01, le=20, description="distance from the mean, in percent")
    ] = 0.5
    z_threshold: Annotated[
        float, Meta(ge=0.1, le=10, description="distance from the mean, in deviations")
    ] = 1.5
    lookback: Annotated[int, Meta(ge=2, le=400, description="bars of the mean")] = 20
    sl_pct: Annotated[float, Meta(ge=0.1, le=20, description="stop, in percent of the price")] = 2.0


def candles_needed(params: Arbitrage) -> int:
    return params.lookback + 1


def wishes(seen: Seen, params: Arbitrage) -> Wishes:
    close, mean, z = seen.close, seen.sma(params.lookback), seen.zscore(params.lookback)

    def state(close: Column, mean: Column, z: Column) -> Ways:
        apart = 100 * (close / mean - 1)
        is_far = (abs(apart) >= params.spread_threshold) & (abs(z) >= params.z_threshold)
        return ways(is_far & (apart <= 0), is_far & (apart > 0))

    way = began(each(state, close, mean, z))
    return opening(
        seen,
        way,
        stop=close.now * (1 - way * params.sl_pct / 100),
        target=mean.now,
        confidence=np.minimum(85, 60 + 10 * abs(z.now)),
        reason=lambda at: f"{abs(z.now[at]):.2f} deviations from the mean",
    )


STRATEGY = of_columns("arbitrage", Arbitrage, candles_needed, wishes)
