"""Two timeframes agree: averages, RSI and MACD of these bars, and the averages of higher ones.

Higher bars are made of these on the clock's boundaries and count once complete. The bar on
which all come to agree speaks.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import ema, macd, rsi
from engine.signal import Direction, Intent
from engine.strategies.base import (
    Params,
    Strategy,
    above,
    began,
    first_bars,
    opening,
    settled,
    settled_wilder,
    sign,
)
from engine.strategies.smart_money import higher

AVERAGES, STRENGTHS = (10, 20, 50), (7, 14)


class Mtf(Params, frozen=True, kw_only=True):
    htf_multiplier: Annotated[
        int, Meta(ge=2, le=24, description="bars that make one of the higher timeframe")
    ] = 4
    htf_ema: Annotated[
        int, Meta(ge=2, le=50, description="bars of the average of the higher timeframe")
    ] = 20
    sl_pct: Annotated[
        float, Meta(ge=0.1, le=20, description="stop beyond the slowest average, in percent")
    ] = 1.0
    tp_pct: Annotated[float, Meta(ge=0.1, le=50, description="target, in percent of the price")] = (
        3.0
    )


def candles_needed(params: Mtf) -> int:
    own = max(settled(AVERAGES[-1]), settled(26) + settled(9), settled_wilder(STRENGTHS[-1]))
    return max(own, params.htf_multiplier * (settled(params.htf_ema) + 1)) + 1


def higher_trend(candles: Candles, params: Mtf) -> Direction | None:
    bars = higher(candles, params.htf_multiplier)
    price, average = bars.close[-1], ema(bars.close, params.htf_ema)[-1]
    if above(price, average):
        return Direction.LONG
    return Direction.SHORT if above(average, price) else None


def decide(candles: Candles, params: Mtf) -> Intent | None:
    close = candles.close
    averages = [ema(close, period) for period in AVERAGES]
    strengths = [rsi(close, period) for period in STRENGTHS]
    histogram = macd(close).histogram
    before = first_bars(candles, len(candles) - 1)

    def state(at: int, trend: Direction | None) -> Direction | None:
        lines = [average[at] for average in averages]
        rsis = [strength[at] for strength in strengths]
        price, share = close[at], 1 + histogram[at] / close[at]
        if trend is Direction.LONG:
            agrees = all(above(price, line) for line in lines) and above(share, 1)
            return trend if agrees and min(rsis) > 50 else None
        if trend is Direction.SHORT:
            agrees = all(above(line, price) for line in lines) and above(1, share)
            return trend if agrees and max(rsis) < 50 else None
        return None

    states = [state(-2, higher_trend(before, params)), state(-1, higher_trend(candles, params))]
    way = began(states)
    if way is None:
        return None
    return opening(
        candles,
        way,
        stop=float(averages[-1][-1]) * (1 - sign(way) * params.sl_pct / 100),
        target=float(close[-1]) * (1 + sign(way) * params.tp_pct / 100),
        confidence=85,
        reason="both timeframes agree",
    )


STRATEGY = Strategy("mtf", Mtf, candles_needed, decide)
