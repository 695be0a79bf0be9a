"""What every strategy of the library promises, whatever it does."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import engine.strategies
from engine.candle import Candles
from engine.errors import BadParameters
from engine.signal import Action, Direction
from engine.strategies import LIBRARY, describe, schema, space, strategy_named
from engine.strategies.base import first_bars
from tests.engine.strategies.markets import series, wandering

EVERY = [
    pytest.param(strategy, values, id=f"{code}-{name}")
    for code, strategy in sorted(LIBRARY.items())
    for name, values in {"as it comes": {}, **strategy.presets}.items()
]
CODES = sorted(LIBRARY)
NO_STRATEGIES = {
    "__init__",
    "base",
    "columns",
    "found",
    "members",
    "seen",
    "smart_money",
    "wishes",
}


@pytest.mark.parametrize(("strategy", "values"), EVERY)
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    speed=st.sampled_from((0.0, 0.0005, 0.005, 0.03)),
    scale=st.sampled_from((1e-6, 1.0, 60_000.0)),
    later=st.integers(1, 40),
)
def test_the_future_and_a_second_look_change_nothing(strategy, values, seed, speed, scale, later):
    params = strategy.read_params(values)
    needed = strategy.candles_needed(params)
    whole = wandering(seed, needed + 40 + later, speed=speed, scale=scale)
    bars = needed + 40
    known = first_bars(whole, bars, start=40)
    before = [column.copy() for column in columns(known)]
    told, legs = strategy.decide(known, params), strategy.legs(known, params)
    # All there is is looked at, and then its end is cut.
    for intent in strategy.legs(whole, params):
        is_sound(intent, whole)
    assert strategy.decide(first_bars(whole, bars, start=40), params) == told
    assert strategy.legs(known, params) == legs
    # A copy apart from the past and the future in memory.
    alone = Candles(
        known.timeframe, known.opened_at.copy(), *(column.copy() for column in columns(known))
    )
    assert strategy.decide(alone, params) == told
    assert strategy.legs(alone, params) == legs
    assert all(
        np.array_equal(one, other) for one, other in zip(before, columns(known), strict=True)
    )
    for intent in (*legs, *([told] if told else [])):
        is_sound(intent, known)


def columns(candles):
    return candles.open, candles.high, candles.low, candles.close, candles.volume


def is_sound(intent, candles):
    assert 0 <= intent.confidence <= 100
    assert intent.reason
    assert float(intent.price) == candles.close[-1]
    way = 1 if intent.direction is Direction.LONG else -1
    if intent.action is Action.CLOSE:
        assert intent.stop is None
        assert intent.target is None
    if intent.stop is not None:
        assert intent.stop > 0
        assert way * (intent.price - intent.stop) > 0
    if intent.target is not None:
        assert intent.target > 0
        assert way * (intent.target - intent.price) > 0


@pytest.mark.parametrize("code", CODES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_whatever_the_bounds_allow_can_decide(code, data):
    strategy = LIBRARY[code]
    kinds = {"int": st.integers, "float": st.floats}
    values = {
        name: data.draw(
            st.sampled_from(span.choices)
            if span.kind == "choice"
            else st.sampled_from((span.least, span.most)) | kinds[span.kind](span.least, span.most),
            label=name,
        )
        for name, span in space(strategy).items()
        if data.draw(st.booleans())
    }
    try:
        params = strategy.read_params(values)
    except BadParameters as error:
        # Two parameters may not go together; each by itself is within its bounds.
        if "$." in error.message:
            raise
        reject()
    needed = strategy.candles_needed(params)
    assert needed >= 1
    whole = wandering(data.draw(st.integers(0, 99)), needed + 3, speed=0.01)
    for bars in (needed - 1, needed, needed + 3):
        for intent in strategy.legs(first_bars(whole, max(1, bars)), params):
            is_sound(intent, first_bars(whole, bars))


@pytest.mark.parametrize(("strategy", "values"), EVERY)
def test_until_it_is_warm_it_wants_nothing(strategy, values):
    params = strategy.read_params(values)
    needed = strategy.candles_needed(params)
    whole = wandering(1, needed, speed=0.02)
    for bars in {1, 2, 3, needed // 2, needed - 1} - {0, needed}:
        assert strategy.decide(first_bars(whole, bars), params) is None
        assert strategy.legs(first_bars(whole, bars), params) == ()
    strategy.decide(whole, params)


@pytest.mark.parametrize(("strategy", "values"), EVERY)
def test_a_market_that_stands_still_gives_no_reason_to_open(strategy, values):
    params = strategy.read_params(values)
    still = series([0.1] * (strategy.candles_needed(params) + 3))
    if strategy.hedge is None:
        assert strategy.decide(still, params) is None


@pytest.mark.parametrize("code", CODES)
def test_every_parameter_says_what_it_is(code):
    strategy = LIBRARY[code]
    assert strategy.code == code
    told = describe(strategy)
    assert [one.name for one in told] == [
        one.name for one in msgspec.structs.fields(strategy.params)
    ]
    defaults = strategy.read_params({})
    for one in told:
        assert one.meaning, one.name
        assert getattr(defaults, one.name) == one.default
        if one.kind in ("int", "float"):
            assert one.least is not None
            assert one.most is not None
            assert one.least < one.most
            if one.default is not None:
                items = one.default if one.is_list else (one.default,)
                assert all(one.least <= item <= one.most for item in items)
        if one.kind == "choice":
            assert set(one.default if one.is_list else (one.default,)) <= set(one.choices)


def test_a_form_is_told_all_it_needs():
    fast, slow, use_ema, *_ = describe(strategy_named("ma_cross"))
    told = fast.name, fast.kind, fast.default, fast.least, fast.most
    assert told == ("fast_ma", "int", 5, 1, 200)
    assert fast.meaning == "bars of the fast average"
    assert (slow.name, use_ema.kind, use_ema.default) == ("slow_ma", "bool", False)
    named = {one.name: one for one in describe(strategy_named("market_regime"))}
    assert named["sl_tp_mode"].choices == ("atr", "margin_pct")
    assert named["ma_periods"].is_list
    assert named["ma_periods"].kind == "int"
    assert named["trending_tp_pct"].may_be_empty
    assert (named["trending_tp_pct"].default, named["trending_tp_pct"].most) == (None, 20)
    assert not named["tp_pct"].may_be_empty
    assert "ma_periods" not in space(strategy_named("market_regime"))
    assert space(strategy_named("ma_cross"))["use_ema"].choices == (False, True)


def test_every_file_of_the_library_is_registered():
    files = {path.stem for path in Path(engine.strategies.__file__).parent.glob("*.py")}
    assert files - NO_STRATEGIES == set(LIBRARY)


@pytest.mark.parametrize("code", CODES)
def test_every_bound_is_kept_and_named(code):
    strategy = LIBRARY[code]
    for one in describe(strategy):
        wrong = {"text": [7], "bool": [1, "yes", None], "choice": ["nonsense", 7]}.get(one.kind, [])
        if one.kind in ("int", "float"):
            wrong = [one.least - 1, one.most + 1, "5", math.nan, math.inf]
        for value in wrong:
            with pytest.raises(BadParameters, match=rf"^{code}: .*`\$\.{one.name}") as refused:
                strategy.read_params({one.name: [value] if one.is_list else value})
            assert refused.value.code == "bad_parameters"
    with pytest.raises(BadParameters, match="no_such_thing"):
        strategy.read_params({"no_such_thing": 1})


@pytest.mark.parametrize("code", CODES)
def test_the_optimisers_space_is_made_of_the_bounds(code):
    strategy = LIBRARY[code]
    named = {one.name: one for one in describe(strategy)}
    for name, span in space(strategy).items():
        one = named[name]
        assert (span.least, span.most) == (one.least, one.most)
        if span.kind == "choice":
            assert one.default in span.choices
    assert set(schema(strategy)["$defs"][strategy.params.__name__]["properties"]) == set(named)


def test_a_preset_is_named_or_refused():
    regime = strategy_named("market_regime")
    assert regime.preset("15m").cooldown_bars == 20
    assert regime.preset("15m", cooldown_bars=3).cooldown_bars == 3
    with pytest.raises(BadParameters, match="unknown preset") as refused:
        regime.preset("2m")
    assert refused.value.context["known"] == sorted(regime.presets)
    assert strategy_named("market_regime_aggressive") is regime


# What users of such strategies know them by: codes, names and defaults that saved parameters
# rely on. To change one is to change what somebody trades.
KNOWN = {
    "ma_cross": "fast_ma=5 slow_ma=20 use_ema=False atr_sl_mult=2 atr_tp_mult=4",
    "ema_cross": "fast_ema=9 slow_ema=21 signal_ema=5 sl_atr_mult=2 tp_atr_mult=3",
    "macd": "macd_fast=12 macd_slow=26 macd_signal=9 sl_atr_mult=2 tp_atr_mult=3",
    "rsi": "rsi_period=14 oversold=30 overbought=70 extreme=20 sl_atr_mult=2 tp_atr_mult=3",
    "rsi_boll": "rsi_period=14 oversold=30 overbought=70 boll_period=20 boll_std=2 touch_pct=1",
    "boll_squeeze": "squeeze_threshold=2 boll_period=20 boll_std=2 tp_atr_mult=3",
    "breakout": "lookback=20",
    "momentum": "momentum_period=14 momentum_threshold=5 sl_atr_mult=1.5 tp_atr_mult=4",
    "trend_aggressive": "ema_fast=8 ema_slow=21 atr_multiplier=1.5 tp_atr_mult=3",
    "trend_add": "ema_period=20 pullback_pct=1 slope_pct=0.5 rsi_room=65 sl_pct=2 tp_pct=2",
    "swing": "ma_period=20 swing_target=5 sl_atr_mult=2",
    "ma_dense": "ma_periods=(5,10,20,60) ma_type=SMA dense_threshold=2 sl_atr_mult=1.5",
    "reversal": "rsi_extreme=20 sl_atr_mult=2 tp_atr_mult=4",
    "scalping": "scalp_target=0.3 stop_loss=0.2 oversold=30 overbought=70",
    "arbitrage": "spread_threshold=0.5 z_threshold=1.5 lookback=20 sl_pct=2",
    "hedge": "stop_loss_pct=5 rsi_threshold=50 boll_period=20",
    "hedge_conservative": "boll_period=20 stop_loss_pct=5 rsi_threshold=50 min_width_pct=2",
    "reversal_hedge": "rsi_extreme_low=20 boll_std=2.5",
    "smc": "lookback=50 ob_min_body_ratio=0.5 fvg_min_gap=0.001 liquidity_lookback=20"
    " require_fvg=False require_sweep=False sl_buffer_atr=0.5 tp_atr_mult=3",
    "smc_fibo": "min_rr=2 fibo_levels=(0.5,0.618,0.705) fibo_tolerance=0.005 lookback=50"
    " swing_left=5 swing_right=3 sl_buffer_pct=0.05 htf_multiplier=4 htf_ema_fast=20"
    " htf_ema_slow=50 require_htf_filter=True require_retest=True retest_bars=20"
    " pinbar_ratio=1.5 allow_engulf=True fibo_fallback=True stop_source=auto tp_mode=swing"
    " structure=both bias=with_trend",
    "smc_fibo_flex": "direction=both signal_cooldown=0 rr=2 min_rr=2 entry_source=auto"
    " wick_ob=True fvg_fill_mode=touch ob_fvg_overlap=0.3"
    " entry_mode=limit fibo_levels=(0.5,0.618,0.705) fibo_tolerance=0.005 fibo_fallback=True"
    " structure=both bias=with_trend swing=3 htf_swing=3 auto_profile=off stop_buffer_pct=0.05"
    " stop_buffer_mode=fixed sl_atr_multiplier=0.5 stop_source=auto tp_mode=swing"
    " retest_bars=20 retest_ignore_stop_touch=False pinbar_ratio=1.5 ob_type=reversal"
    " ob_min_body_ratio=0.5 ob_max_tests=3 ob_valid_bars=100 fvg_min_pct=0.15 fvg_valid_bars=50"
    " atr_period=14 require_retest=True pattern_min_score=1 duplicate_signal_filter_bars=3"
    " htf_multiplier=4 htf_ema_fast=20 htf_ema_slow=50 require_htf_filter=True",
    "mtf": "sl_pct=1 tp_pct=3",
    "sr_break": "lookback=50 break_pct=0.1 sl_pct=1 rr=2",
    "grid": "grid_count=10 price_range=5",
    "hft": "profit_target=0.15 stop_loss=0.1 rsi_period=7 ema_period=5 oversold=35 overbought=65",
    "turtle": "entry_period=20 exit_period=10 atr_period=20 risk_unit=2",
    "mean_reversion": "period=20 std_mult=2 exit_std=0.5 sl_atr_mult=2",
    "keltner": "ema_period=20 atr_period=10 atr_mult=2 mode=trend",
    "supertrend": "period=10 multiplier=3 tp_atr_mult=4",
    "portfolio": "min_agreement=0.5 min_confidence=60",
    "market_regime": "adx_period=14 adx_trend=25 adx_range=15 bb_period=20 bb_std=2"
    " bb_squeeze_threshold=0.02 ma_periods=(10,20,50) sl_tp_mode=margin_pct leverage=20"
    " tp_pct=1.2 sl_pct=0.3 ranging_tp_pct=None ranging_sl_pct=None trending_tp_pct=None"
    " trending_sl_pct=None skip_ranging=False atr_period=14 atr_mult_sl=1.2 atr_mult_tp=4.5"
    " rsi_filter=False rsi_period=14 rsi_overbought=70 rsi_oversold=30 macd_filter=True"
    " volume_filter=True volume_min_ratio=1 min_confidence=0 cooldown_bars=12",
}
PRESETS = {
    "market_regime": {"1h", "15m", "wide_target", "trends_only"},
    "smc_fibo_flex": {"conservative", "balanced", "aggressive", "forex_specific", "steady"},
}


@pytest.mark.parametrize("code", CODES)
def test_names_and_defaults_are_those_it_is_known_by(code):
    told = {one.name: plainly(one.default) for one in describe(LIBRARY[code])}
    known = dict(pair.split("=") for pair in KNOWN[code].split())
    assert {name: told.get(name) for name in known} == known
    assert set(LIBRARY[code].presets) == PRESETS.get(code, set())


def plainly(value):
    if isinstance(value, tuple):
        return f"({','.join(map(plainly, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_presets_of_market_regime_are_those_that_were_measured():
    regime = strategy_named("market_regime")
    told = {name: regime.preset(name) for name in regime.presets}
    shares = {name: (each.tp_pct, each.sl_pct) for name, each in told.items()}
    assert shares == {
        "1h": (1.2, 0.3),
        "15m": (0.6, 0.4),
        "wide_target": (1.0, 0.5),
        "trends_only": (1.0, 0.5),
    }
    assert (told["1h"].cooldown_bars, told["15m"].cooldown_bars) == (12, 20)
    assert [name for name, each in told.items() if each.skip_ranging] == ["trends_only"]
