"""EMA cross: the fast average goes through the slow one, and the price stands beyond a third."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import ema
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    crossed,
    opening_by_range,
    settled,
)


class EmaCross(Params, frozen=True, kw_only=True):
    fast_ema: Annotated[int, Meta(ge=1, le=200, description="bars of the fast average")] = 9
    slow_ema: Annotated[int, Meta(ge=2, le=400, description="bars of the slow average")] = 21
    signal_ema: Annotated[
        int, Meta(ge=1, le=200, description="bars of the average the price must stand beyond")
    ] = 5
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.fast_ema >= self.slow_ema:
            raise ValueError("fast_ema must be below slow_ema")


def candles_needed(params: EmaCross) -> int:
    return max(settled(max(params.slow_ema, params.signal_ema)), params.atr_period) + 1


def decide(candles: Candles, params: EmaCross) -> Intent | None:
    close = candles.close
    way = crossed(ema(close, params.fast_ema), ema(close, params.slow_ema))
    if way is None:
        return None
    price, beyond = close[-1], ema(close, params.signal_ema)[-1]
    confirmed = above(price, beyond) if way is Direction.LONG else above(beyond, price)
    if not confirmed:
        return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=75,
        reason="the fast average went through the slow one, and the price confirms",
    )


STRATEGY = Strategy("ema_cross", EmaCross, candles_needed, decide)
