"""Keltner: a close beyond the channel is followed, or when fading traded back to its middle."""

from typing import Annotated, Literal

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import keltner
from engine.signal import Direction, Intent
from engine.strategies.base import (
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    began,
    opening,
    settled,
    settled_wilder,
    sign,
    usual_range,
)


class Keltner(Params, frozen=True, kw_only=True):
    ema_period: Annotated[int, Meta(ge=2, le=400, description="bars of the middle")] = 20
    atr_period: Annotated[int, Meta(ge=2, le=200, description="bars of the usual range")] = 10
    atr_mult: Annotated[
        float, Meta(ge=0.1, le=20, description="edges, in usual ranges from the middle")
    ] = 2.0
    mode: Annotated[
        Literal["trend", "fade"], Meta(description="follow the break, or trade it back")
    ] = "trend"
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0


def candles_needed(params: Keltner) -> int:
    return max(settled(params.ema_period), settled_wilder(params.atr_period)) + 1


def decide(candles: Candles, params: Keltner) -> Intent | None:
    channel = keltner(
        candles.high,
        candles.low,
        candles.close,
        average_period=params.ema_period,
        range_period=params.atr_period,
        ranges=params.atr_mult,
    )

    def state(at: int) -> Direction | None:
        if above(candles.close[at], channel.upper[at]):
            return Direction.LONG
        return Direction.SHORT if above(channel.lower[at], candles.close[at]) else None

    beyond = began([state(-2), state(-1)])
    if beyond is None:
        return None
    close, usual = float(candles.close[-1]), usual_range(candles, params.atr_period)
    if params.mode == "trend":
        way, target = beyond, close + sign(beyond) * params.tp_atr_mult * usual
    else:
        way = Direction.SHORT if beyond is Direction.LONG else Direction.LONG
        target = float(channel.middle[-1])
    return opening(
        candles,
        way,
        stop=close - sign(way) * params.sl_atr_mult * usual,
        target=target,
        confidence=75,
        reason="closed beyond the channel",
    )


STRATEGY = Strategy("keltner", Keltner, candles_needed, decide)
