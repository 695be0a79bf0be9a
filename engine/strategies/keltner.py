"""Keltner: a close beyond the channel is followed, or when fading traded back to its middle."""

from typing import Annotated, Literal

from msgspec import Meta

from engine.strategies.base import Params, StopRanges, TargetRanges, settled, settled_wilder
from engine.strategies.columns import above, always, began, of_columns, opening, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes


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


def wishes(seen: Seen, params: Keltner) -> Wishes:
    channel = seen.keltner(
        average_period=params.ema_period, range_period=params.atr_period, ranges=params.atr_mult
    )

    def state(close: Column, upper: Column, lower: Column) -> Ways:
        return ways(above(close, upper), above(lower, close))

    beyond = began(each(state, seen.close, channel.upper, channel.lower))
    close, usual = seen.close.now, seen.usual_range(params.atr_period)
    if params.mode == "trend":
        way, target = beyond, close + beyond * params.tp_atr_mult * usual
    else:
        way, target = -beyond, channel.middle.now
    return opening(
        seen,
        way,
        stop=close - way * params.sl_atr_mult * usual,
        target=target,
        confidence=75,
        reason=always("closed beyond the channel"),
    )


STRATEGY = of_columns("keltner", Keltner, candles_needed, wishes)
