"""Smart money and Fibonacci, the plain form: swings that later bars confirm, entry by a retest.

It is `smc_fibo_flex` with most choices made: a break is followed from a Fibonacci level or an
order block once price has come back and refused the zone. The money at risk is sizing's matter.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.signal import Intent
from engine.strategies import smc_fibo_flex
from engine.strategies.base import Strategy
from engine.strategies.smc_fibo_flex import Retracing, SmcFiboFlex


class SmcFibo(Retracing, frozen=True, kw_only=True):
    lookback: Annotated[
        int, Meta(ge=10, le=300, description="bars that order blocks are looked for in")
    ] = 50
    swing_left: Annotated[int, Meta(ge=1, le=20, description="bars before a swing")] = 5
    swing_right: Annotated[
        int, Meta(ge=0, le=20, description="bars after a swing that confirm it")
    ] = 3
    sl_buffer_pct: Annotated[
        float, Meta(ge=0, le=5, description="room beyond the stop, in percent of it")
    ] = 0.05
    allow_engulf: Annotated[
        bool, Meta(description="an engulfing bar refuses a zone as a pin bar does")
    ] = True


def flexible(params: SmcFibo) -> SmcFiboFlex:
    alike = {name: getattr(params, name) for name in Retracing.__struct_fields__}
    return SmcFiboFlex(
        **alike,
        rr=params.min_rr,
        ob_valid_bars=params.lookback,
        fvg_valid_bars=params.lookback,
        swing=params.swing_left,
        swing_right=params.swing_right,
        stop_buffer_pct=params.sl_buffer_pct,
        patterns=("pinbar", "engulfing") if params.allow_engulf else ("pinbar",),
    )


def candles_needed(params: SmcFibo) -> int:
    return smc_fibo_flex.candles_needed(flexible(params))


def decide(candles: Candles, params: SmcFibo) -> Intent | None:
    return smc_fibo_flex.decide(candles, flexible(params))


STRATEGY = Strategy("smc_fibo", SmcFibo, candles_needed, decide)
