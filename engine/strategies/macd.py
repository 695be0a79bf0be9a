"""MACD: the line goes beyond its signal. The bar on which that begins speaks, not each after it."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import macd
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    TargetRanges,
    above,
    began,
    opening_by_range,
    settled,
)


class MacdRule(Params, frozen=True, kw_only=True):
    macd_fast: Annotated[int, Meta(ge=2, le=100, description="bars of the fast average")] = 12
    macd_slow: Annotated[int, Meta(ge=3, le=200, description="bars of the slow average")] = 26
    macd_signal: Annotated[int, Meta(ge=2, le=100, description="bars of the signal")] = 9
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.macd_fast >= self.macd_slow:
            raise ValueError("macd_fast must be below macd_slow")


def candles_needed(params: MacdRule) -> int:
    return max(settled(params.macd_slow) + settled(params.macd_signal), params.atr_period) + 1


def decide(candles: Candles, params: MacdRule) -> Intent | None:
    close = candles.close
    told = macd(close, fast=params.macd_fast, slow=params.macd_slow, signal=params.macd_signal)
    # Beside the price, so that what only floats see is no state.
    share = told.histogram / close

    def state(at: int) -> Direction | None:
        if above(1 + share[at], 1):
            return Direction.LONG
        return Direction.SHORT if above(1, 1 + share[at]) else None

    way = began([state(-2), state(-1)])
    if way is None:
        return None
    return opening_by_range(
        candles,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=min(85, 65 + 5 * 100 * abs(share[-1])),
        reason="the MACD line went beyond its signal",
    )


STRATEGY = Strategy("macd", MacdRule, candles_needed, decide)
