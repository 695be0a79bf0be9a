"""Squeeze: the band has become narrow, and the side of the middle says which way it will open."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import bollinger
from engine.signal import Direction, Intent
from engine.strategies.base import (
    AtrPeriod,
    Params,
    Strategy,
    TargetRanges,
    above,
    opening,
    sign,
    usual_range,
)


class BollSqueeze(Params, frozen=True, kw_only=True):
    squeeze_threshold: Annotated[
        float, Meta(ge=0.05, le=20, description="width, in percent of the middle, that is narrow")
    ] = 2.0
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14


def candles_needed(params: BollSqueeze) -> int:
    return max(params.boll_period, params.atr_period) + 1


def decide(candles: Candles, params: BollSqueeze) -> Intent | None:
    """Speaks on the bar on which the band becomes narrow, or the price changes its side in it."""
    band = bollinger(candles.close, params.boll_period, params.boll_std)
    close, middle = candles.close, band.middle

    def state(at: int) -> Direction | None:
        if 100 * band.width[at] >= params.squeeze_threshold:
            return None
        if above(close[at], middle[at]):
            return Direction.LONG
        return Direction.SHORT if above(middle[at], close[at]) else None

    way = state(-1)
    if way is None or way is state(-2):
        return None
    edge = float(band.upper[-1] if way is Direction.LONG else band.lower[-1])
    return opening(
        candles,
        way,
        stop=float(middle[-1]),
        target=edge + sign(way) * params.tp_atr_mult * usual_range(candles, params.atr_period),
        confidence=70,
        reason=f"the band is {100 * float(band.width[-1]):.2f} % wide",
    )


STRATEGY = Strategy("boll_squeeze", BollSqueeze, candles_needed, decide)
