"""Swing: the close goes through its average; the target is a share of the price."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import sma
from engine.signal import Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    crossed,
    opening,
    sign,
    usual_range,
)


class Swing(Params, frozen=True, kw_only=True):
    ma_period: Annotated[int, Meta(ge=2, le=400, description="bars of the average")] = 20
    swing_target: Annotated[
        float, Meta(ge=0.1, le=90, description="target, in percent of the price")
    ] = 5.0
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14


def candles_needed(params: Swing) -> int:
    return max(params.ma_period, params.atr_period) + 1


def decide(candles: Candles, params: Swing) -> Intent | None:
    way = crossed(candles.close, sma(candles.close, params.ma_period))
    if way is None:
        return None
    close = float(candles.close[-1])
    usual = usual_range(candles, params.atr_period)
    return opening(
        candles,
        way,
        stop=close - sign(way) * params.sl_atr_mult * usual,
        target=close * (1 + sign(way) * params.swing_target / 100),
        confidence=75,
        reason="the close went through its average",
    )


STRATEGY = Strategy("swing", Swing, candles_needed, decide)
