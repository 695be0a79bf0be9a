"""Scalping: an RSI beyond its bounds, with a stop and a target very near."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import rsi
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, began, opening, settled_wilder, sign


class Scalping(Params, frozen=True, kw_only=True):
    scalp_target: Annotated[
        float, Meta(ge=0.01, le=10, description="target, in percent of the price")
    ] = 0.3
    stop_loss: Annotated[
        float, Meta(ge=0.01, le=10, description="stop, in percent of the price")
    ] = 0.2
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    oversold: Annotated[float, Meta(ge=1, le=49, description="RSI below which is bought")] = 30.0
    overbought: Annotated[float, Meta(ge=51, le=99, description="RSI above which is sold")] = 70.0


def candles_needed(params: Scalping) -> int:
    return settled_wilder(params.rsi_period) + 1


def decide(candles: Candles, params: Scalping) -> Intent | None:
    strength = rsi(candles.close, params.rsi_period)

    def state(at: int) -> Direction | None:
        if strength[at] < params.oversold:
            return Direction.LONG
        return Direction.SHORT if strength[at] > params.overbought else None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    close = float(candles.close[-1])
    return opening(
        candles,
        way,
        stop=close * (1 - sign(way) * params.stop_loss / 100),
        target=close * (1 + sign(way) * params.scalp_target / 100),
        confidence=70,
        reason=f"RSI {float(strength[-1]):.1f}",
    )


STRATEGY = Strategy("scalping", Scalping, candles_needed, decide)
