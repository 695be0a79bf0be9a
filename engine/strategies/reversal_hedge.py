"""Reversal at the wide band: opens against an extreme, closes at the middle.

One leg is opened, the one against the extreme; it is closed on the bar that comes back through
the middle of the band from the leg's side.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import bollinger, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    above,
    began,
    closing,
    crossed,
    opening,
    settled_wilder,
    sign,
    usual_range,
)


class ReversalHedge(Params, frozen=True, kw_only=True):
    rsi_extreme_low: Annotated[
        float, Meta(ge=1, le=49, description="RSI that is extreme, from either end")
    ] = 20.0
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.5
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14


def candles_needed(params: ReversalHedge) -> int:
    periods = settled_wilder(params.rsi_period), params.boll_period, params.atr_period
    return max(periods) + 1


def decide(candles: Candles, params: ReversalHedge) -> Intent | None:
    close = candles.close
    band = bollinger(close, params.boll_period, params.boll_std)
    strength = rsi(close, params.rsi_period)

    def state(at: int) -> Direction | None:
        if strength[at] < params.rsi_extreme_low and above(band.lower[at], close[at]):
            return Direction.LONG
        if strength[at] > 100 - params.rsi_extreme_low and above(close[at], band.upper[at]):
            return Direction.SHORT
        return None

    way = began([state(-2), state(-1)])
    if way is not None:
        usual = usual_range(candles, params.atr_period)
        return opening(
            candles,
            way,
            stop=float(close[-1]) - sign(way) * params.sl_atr_mult * usual,
            target=float(band.middle[-1]),
            confidence=75,
            reason=f"RSI {float(strength[-1]):.1f} beyond the band",
        )
    back = crossed(close, band.middle)
    if back is None:
        return None
    return closing(candles, back, confidence=65, reason="back at the middle of the band")


STRATEGY = Strategy("reversal_hedge", ReversalHedge, candles_needed, decide)
