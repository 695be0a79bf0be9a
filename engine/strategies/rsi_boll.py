"""RSI and band: an extreme RSI at the edge of the Bollinger band, back to its middle."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import bollinger, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import SAME, Params, Strategy, opening, settled_wilder


class RsiBoll(Params, frozen=True, kw_only=True):
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    oversold: Annotated[
        float, Meta(ge=1, le=49, description="RSI below which the market is oversold")
    ] = 30.0
    overbought: Annotated[
        float, Meta(ge=51, le=99, description="RSI above which the market is overbought")
    ] = 70.0
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    touch_pct: Annotated[
        float, Meta(ge=0, le=5, description="percent from the edge that counts as touching it")
    ] = 1.0
    sl_pct: Annotated[
        float, Meta(ge=0.1, le=20, description="stop beyond the edge, in percent")
    ] = 2.0


def candles_needed(params: RsiBoll) -> int:
    return max(settled_wilder(params.rsi_period), params.boll_period)


def decide(candles: Candles, params: RsiBoll) -> Intent | None:
    strength = float(rsi(candles.close, params.rsi_period)[-1])
    told = bollinger(candles.close, params.boll_period, params.boll_std)
    upper, middle, lower = (float(column[-1]) for column in told)
    close, touch, beyond = float(candles.close[-1]), params.touch_pct / 100, params.sl_pct / 100
    if upper - lower <= SAME * middle:
        return None
    if strength < params.oversold and close <= lower * (1 + touch):
        way, stop, depth = Direction.LONG, lower * (1 - beyond), params.oversold - strength
    elif strength > params.overbought and close >= upper * (1 - touch):
        way, stop, depth = Direction.SHORT, upper * (1 + beyond), strength - params.overbought
    else:
        return None
    return opening(
        candles,
        way,
        stop=stop,
        target=middle,
        confidence=min(80, 60 + depth),
        reason=f"RSI {strength:.1f} at the edge of the band",
    )


STRATEGY = Strategy("rsi_boll", RsiBoll, candles_needed, decide)
