"""Scalping: an RSI beyond its bounds, with a stop and a target very near."""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import Params, settled_wilder
from engine.strategies.columns import began, of_columns, opening, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: Scalping) -> Wishes:
    strength = seen.rsi(params.rsi_period)

    def state(strength: Column) -> Ways:
        return ways(strength < params.oversold, strength > params.overbought)

    way, close = began(each(state, strength)), seen.close.now
    return opening(
        seen,
        way,
        stop=close * (1 - way * params.stop_loss / 100),
        target=close * (1 + way * params.scalp_target / 100),
        confidence=70,
        reason=lambda at: f"RSI {strength.now[at]:.1f}",
    )


STRATEGY = of_columns("scalping", Scalping, candles_needed, wishes)
