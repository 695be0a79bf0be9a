"""Arbitrage against its own mean: a price that strayed in percent and in deviations comes back.

There is one symbol and no second leg: nothing here is without risk.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import sma, zscore
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, began, opening, sign


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


def decide(candles: Candles, params: Arbitrage) -> Intent | None:
    close, mean = candles.close, sma(candles.close, params.lookback)
    z = zscore(close, params.lookback)

    def state(at: int) -> Direction | None:
        apart = 100 * (close[at] / mean[at] - 1)
        if abs(apart) < params.spread_threshold or abs(z[at]) < params.z_threshold:
            return None
        return Direction.SHORT if apart > 0 else Direction.LONG

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    return opening(
        candles,
        way,
        stop=float(close[-1]) * (1 - sign(way) * params.sl_pct / 100),
        target=float(mean[-1]),
        confidence=min(85, 60 + 10 * abs(float(z[-1]))),
        reason=f"{abs(float(z[-1])):.2f} deviations from the mean",
    )


STRATEGY = Strategy("arbitrage", Arbitrage, candles_needed, decide)
