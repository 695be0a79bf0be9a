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
    fast, slow, use_ema = describe(strategy_named("ma_cross"))
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
