"""Mean reversion: opens where the price strays from its mean, closes where it is nearly back."""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import deviation, sma, zscore
from engine.signal import Direction, Intent
from engine.strategies.base import (
    SAME,
    AtrPeriod,
    Params,
    StopRanges,
    Strategy,
    began,
    closing,
    opening,
    sign,
    usual_range,
)


class MeanReversion(Params, frozen=True, kw_only=True):
    period: Annotated[int, Meta(ge=3, le=400, description="bars of the mean")] = 20
    std_mult: Annotated[
        float, Meta(ge=0.1, le=6, description="deviations from the mean that open")
    ] = 2.0
    exit_std: Annotated[
        float, Meta(ge=0, le=5, description="deviations from the mean that close")
    ] = 0.5
    sl_atr_mult: StopRanges = 2.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.exit_std >= self.std_mult:
            raise ValueError("exit_std must be below std_mult")


def candles_needed(params: MeanReversion) -> int:
    return max(params.period, params.atr_period) + 1


def decide(candles: Candles, params: MeanReversion) -> Intent | None:
    close = candles.close
    z, spread = zscore(close, params.period), deviation(close, params.period)
    if spread[-1] <= SAME * close[-1]:
        return None

    def state(at: int) -> Direction | None:
        if z[at] < -params.std_mult:
            return Direction.LONG
        return Direction.SHORT if z[at] > params.std_mult else None

    now, before = float(z[-1]), float(z[-2])
    way = began([state(-2), state(-1)])
    if way is not None:
        mean = float(sma(close, params.period)[-1])
        usual = usual_range(candles, params.atr_period)
        return opening(
            candles,
            way,
            stop=float(close[-1]) - sign(way) * params.sl_atr_mult * usual,
            target=mean - sign(way) * params.exit_std * float(spread[-1]),
            confidence=min(90, 70 + 10 * (abs(now) - params.std_mult)),
            reason=f"{now:+.2f} deviations from the mean",
        )
    if before < -params.exit_std <= now:
        return closing(candles, Direction.LONG, confidence=70, reason="back near the mean")
    if before > params.exit_std >= now:
        return closing(candles, Direction.SHORT, confidence=70, reason="back near the mean")
    return None


STRATEGY = Strategy("mean_reversion", MeanReversion, candles_needed, decide)
