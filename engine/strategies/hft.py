"""Fast trading: a stretched RSI, a bar that turns, and a close beyond the short average."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import ema, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    Params,
    Strategy,
    above,
    opening,
    settled,
    settled_wilder,
    sign,
)


class Hft(Params, frozen=True, kw_only=True):
    profit_target: Annotated[
        float, Meta(ge=0.01, le=10, description="target, in percent of the price")
    ] = 0.15
    stop_loss: Annotated[
        float, Meta(ge=0.01, le=10, description="stop, in percent of the price")
    ] = 0.1
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 7
    oversold: Annotated[float, Meta(ge=1, le=49, description="RSI below which is bought")] = 35.0
    overbought: Annotated[float, Meta(ge=51, le=99, description="RSI above which is sold")] = 65.0
    ema_period: Annotated[int, Meta(ge=1, le=100, description="bars of the average")] = 5


def candles_needed(params: Hft) -> int:
    return max(settled_wilder(params.rsi_period), settled(params.ema_period)) + 1


def decide(candles: Candles, params: Hft) -> Intent | None:
    """The RSI is that of the bar before, which the turn starts from."""
    close, opened = float(candles.close[-1]), float(candles.open[-1])
    strength = float(rsi(candles.close, params.rsi_period)[-2])
    average = float(ema(candles.close, params.ema_period)[-1])
    if strength < params.oversold and above(close, opened) and above(close, average):
        way = Direction.LONG
    elif strength > params.overbought and above(opened, close) and above(average, close):
        way = Direction.SHORT
    else:
        return None
    return opening(
        candles,
        way,
        stop=close * (1 - sign(way) * params.stop_loss / 100),
        target=close * (1 + sign(way) * params.profit_target / 100),
        confidence=65,
        reason=f"the bar turned at RSI {strength:.1f}",
    )


STRATEGY = Strategy("hft", Hft, candles_needed, decide)
