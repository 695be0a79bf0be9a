"""Smart money and Fibonacci, the plain form: swings that later bars confirm, entry by a retest.

It is `smc_fibo_flex` with most choices made: a break is followed from a Fibonacci level or an
order block once price has come back and refused the zone. The money at risk is sizing's matter.
"""

from typing import Annotated, Literal

from msgspec import Meta

from engine.candle import Candles
from engine.signal import Intent
from engine.strategies import smc_fibo_flex
from engine.strategies.base import Params, Strategy
from engine.strategies.smc_fibo_flex import SmcFiboFlex


class SmcFibo(Params, frozen=True, kw_only=True):
    min_rr: Annotated[
        float, Meta(ge=0.1, le=5, description="least reward for the risk of a setup")
    ] = 2.0
    fibo_levels: Annotated[
        tuple[Annotated[float, Meta(ge=0.1, le=0.95)], ...],
        Meta(min_length=1, max_length=8, description="shares of the move given back at an entry"),
    ] = (0.5, 0.618, 0.705)
    fibo_tolerance: Annotated[
        float, Meta(ge=0, le=0.02, description="share of the price within which a level is reached")
    ] = 0.005
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
    htf_multiplier: Annotated[
        int, Meta(ge=2, le=24, description="bars that make one of the higher timeframe")
    ] = 4
    require_htf_filter: Annotated[
        bool, Meta(description="open only with a higher trend that is known")
    ] = True
    require_retest: Annotated[
        bool, Meta(description="the bar that comes back must also refuse the zone")
    ] = True
    retest_bars: Annotated[
        int, Meta(ge=1, le=200, description="bars within which price must come back")
    ] = 20
    pinbar_ratio: Annotated[
        float, Meta(ge=1, le=4, description="least wick of a pin bar, in bodies")
    ] = 1.5
    allow_engulf: Annotated[
        bool, Meta(description="an engulfing bar refuses a zone as a pin bar does")
    ] = True
    fibo_fallback: Annotated[
        bool, Meta(description="without a break, follow the trend from the better half of the move")
    ] = True
    stop_source: Annotated[
        Literal["auto", "swing", "ob"],
        Meta(description="stop beyond the zone's edge, the swing, or the nearest order block"),
    ] = "auto"
    tp_mode: Annotated[
        Literal["swing", "rr", "fibo"],
        Meta(description="target at the end of the move, by the risk, or beyond the move"),
    ] = "swing"
    structure: Annotated[
        Literal["both", "bos", "choch"], Meta(description="breaks with the trend, against, or both")
    ] = "both"
    bias: Annotated[
        Literal["with_trend", "both"], Meta(description="whether the higher trend may be opposed")
    ] = "with_trend"


def flexible(params: SmcFibo) -> SmcFiboFlex:
    return SmcFiboFlex(
        min_rr=params.min_rr,
        rr=params.min_rr,
        fibo_levels=params.fibo_levels,
        fibo_tolerance=params.fibo_tolerance,
        ob_valid_bars=params.lookback,
        fvg_valid_bars=params.lookback,
        swing=params.swing_left,
        swing_right=params.swing_right,
        stop_buffer_pct=params.sl_buffer_pct,
        htf_multiplier=params.htf_multiplier,
        require_htf_filter=params.require_htf_filter,
        require_retest=params.require_retest,
        retest_bars=params.retest_bars,
        pinbar_ratio=params.pinbar_ratio,
        patterns=("pinbar", "engulfing") if params.allow_engulf else ("pinbar",),
        fibo_fallback=params.fibo_fallback,
        stop_source=params.stop_source,
        tp_mode=params.tp_mode,
        structure=params.structure,
        bias=params.bias,
    )


def candles_needed(params: SmcFibo) -> int:
    return smc_fibo_flex.candles_needed(flexible(params))


def decide(candles: Candles, params: SmcFibo) -> Intent | None:
    return smc_fibo_flex.decide(candles, flexible(params))


STRATEGY = Strategy("smc_fibo", SmcFibo, candles_needed, decide)
