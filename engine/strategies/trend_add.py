"""Trend adding: buys the pullback of a rising average, sells that of a falling one.

Adding is opening once more: whether a position may grow is for who holds it. It speaks on the
bar that enters the pullback, between one and two `pullback_pct` from the extreme of ten bars.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params, settled, settled_wilder
from engine.strategies.columns import always, began, of_columns, opening, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Column, Ways, Wishes

EXTREME_BARS, SLOPE_BARS, RSI_BARS = 10, 5, 14


class TrendAdd(Params, frozen=True, kw_only=True):
    ema_period: Annotated[int, Meta(ge=2, le=400, description="bars of the average")] = 20
    slope_pct: Annotated[
        float, Meta(ge=0.01, le=20, description="change of the average over 5 bars, in percent")
    ] = 0.5
    pullback_pct: Annotated[
        float, Meta(ge=0.05, le=20, description="least pullback in percent; twice it is too much")
    ] = 1.0
    rsi_room: Annotated[
        float,
        Meta(ge=50, le=100, description="RSI below which a rise has room; mirrored for falls"),
    ] = 65.0
    sl_pct: Annotated[
        float, Meta(ge=0.1, le=20, description="stop beyond the average, in percent")
    ] = 2.0
    tp_pct: Annotated[
        float, Meta(ge=0.1, le=50, description="target beyond the extreme, in percent")
    ] = 2.0


def candles_needed(params: TrendAdd) -> int:
    return max(settled(params.ema_period) + SLOPE_BARS, settled_wilder(RSI_BARS), EXTREME_BARS) + 1


def wishes(seen: Seen, params: TrendAdd) -> Wishes:
    average, earlier = seen.ema(params.ema_period), seen.ema_ago(params.ema_period, SLOPE_BARS)
    extreme = seen.donchian(EXTREME_BARS)
    least, room = params.pullback_pct / 100, params.rsi_room

    def state(
        close: Column,
        average: Column,
        earlier: Column,
        strength: Column,
        upper: Column,
        lower: Column,
    ) -> Ways:
        slope = 100 * (average / earlier - 1)
        fallen, risen = 1 - close / upper, close / lower - 1
        return ways(
            (slope > params.slope_pct)
            & (least <= fallen)
            & (fallen <= 2 * least)
            & (strength < room),
            (slope < -params.slope_pct)
            & (least <= risen)
            & (risen <= 2 * least)
            & (strength > 100 - room),
        )

    strength = seen.rsi(RSI_BARS)
    way = began(each(state, seen.close, average, earlier, strength, extreme.upper, extreme.lower))
    far = np.where(way > 0, extreme.upper.now, extreme.lower.now)
    return opening(
        seen,
        way,
        stop=average.now * (1 - way * params.sl_pct / 100),
        target=far * (1 + way * params.tp_pct / 100),
        confidence=75,
        reason=always("the trend has pulled back"),
    )


STRATEGY = of_columns("trend_add", TrendAdd, candles_needed, wishes)
