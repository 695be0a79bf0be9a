"""Trend adding: buys the pullback of a rising average, sells that of a falling one.

Adding is opening once more: whether a position may grow is for who holds it. It speaks on the
bar that enters the pullback, between one and two `pullback_pct` from the extreme of ten bars.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import donchian, ema, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, began, opening, settled, settled_wilder, sign

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


def decide(candles: Candles, params: TrendAdd) -> Intent | None:
    close = candles.close
    average, strength = ema(close, params.ema_period), rsi(close, RSI_BARS)
    extreme = donchian(candles.high, candles.low, EXTREME_BARS)
    least, room = params.pullback_pct / 100, params.rsi_room

    def state(at: int) -> Direction | None:
        slope = 100 * (average[at] / average[at - SLOPE_BARS] - 1)
        fallen, risen = 1 - close[at] / extreme.upper[at], close[at] / extreme.lower[at] - 1
        if slope > params.slope_pct and least <= fallen <= 2 * least and strength[at] < room:
            return Direction.LONG
        if slope < -params.slope_pct and least <= risen <= 2 * least and strength[at] > 100 - room:
            return Direction.SHORT
        return None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    far = float(extreme.upper[-1] if way is Direction.LONG else extreme.lower[-1])
    return opening(
        candles,
        way,
        stop=float(average[-1]) * (1 - sign(way) * params.sl_pct / 100),
        target=far * (1 + sign(way) * params.tp_pct / 100),
        confidence=75,
        reason="the trend has pulled back",
    )


STRATEGY = Strategy("trend_add", TrendAdd, candles_needed, decide)
