"""At what is shipped the model is alive, and it adapts the way it should."""

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadParameters
from engine.making.calibration import Calibration, drawn_to, from_fills
from engine.making.events import BookSeen
from engine.making.model import answer
from engine.making.params import MakerParams, changed, describe, read_params
from engine.making.rules import rules_of
from engine.making.units import BPS, Bps, ReturnVolatility, over_a_minute, over_a_second
from engine.making.watch import Seen, memory_of, pictured, see

DEFAULTS = MakerParams()
# BNB at GRVT: 600 USDT in ticks of a cent, in basis points.
TICK = 0.01 / 600 * BPS


def quiet(rules, **changes):
    seen = Seen(sigma=rules.usual, is_measured=True, z=0.0, depth=1.0, imbalance=0.0)
    return seen._replace(**changes)


def answered(params=DEFAULTS, left_seconds=20.0, **changes):
    rules = rules_of(params)
    return answer(rules, quiet(rules, **changes), params.k, params.a, left_seconds)


@pytest.mark.parametrize("model", ["closed", "rolling", "session"])
@pytest.mark.parametrize("name", ["gamma", "k"])
def test_at_the_defaults_doubling_moves_the_spread_by_a_tick(model, name):
    params = changed(DEFAULTS, model=model)
    doubled = changed(params, **{name: 2 * getattr(params, name)})
    before, after = answered(params), answered(doubled)
    assert 2 * abs(after.half - before.half) >= TICK


def test_at_the_defaults_full_inventory_shifts_the_quotes_by_half_of_the_half_spread():
    told = answered()
    # Equity 1,000: an order is a hundred, and the most that is held is far more.
    assert 1 * told.shift >= told.half / 2


def test_no_bound_cuts_the_spread_at_the_defaults():
    told = answered()
    assert DEFAULTS.min_spread_bps < 2 * told.half < DEFAULTS.max_spread_bps


@given(louder=st.floats(1.01, 20))
def test_a_louder_market_is_quoted_wider(louder):
    before, after = answered(), answered(sigma=ReturnVolatility(louder * rules_of(DEFAULTS).usual))
    assert after.gamma >= before.gamma
    assert after.half > before.half


@given(depth=st.floats(0.05, 0.95))
def test_a_thinner_book_is_quoted_wider(depth):
    assert answered(depth=depth).k < answered().k
    assert answered(depth=depth).half > answered().half


def test_a_session_shifts_less_as_it_ends():
    params = changed(DEFAULTS, model="session")
    assert answered(params, 1.0).shift < answered(params, 100.0).shift


def looked(mids, params=DEFAULTS):
    rules, memory, at_ms, seen = rules_of(params), memory_of(params), 0, None
    for mid in mids:
        at_ms += 250
        book = BookSeen(at_ms, ((mid - 1, 100),), ((mid + 1, 100),))
        seen = see(rules, memory, pictured(book), at_ms)
    return seen


def test_volatility_is_measured_in_its_own_unit():
    chance = np.random.default_rng(3)
    a_minute = ReturnVolatility(0.002)
    moves = chance.normal(0, over_a_second(a_minute) * 0.5, 4000)
    mids = np.round(6_000_000 * np.exp(np.cumsum(moves))).astype(int).tolist()
    assert over_a_minute(looked(mids).sigma) == pytest.approx(a_minute, rel=0.15)


def test_while_little_was_seen_the_usual_volatility_stands_in():
    assert looked([60_000, 61_000]).sigma == rules_of(DEFAULTS).usual
    assert not looked([60_000] * 4).is_measured
    assert looked([60_000] * 5).is_measured


def test_a_volatility_that_falls_is_none_to_be_afraid_of():
    wild = [60_000 + 50 * (n % 2) for n in range(400)]
    assert looked([60_000 + n % 2 for n in range(400)] + wild[:20]).z > 3.6
    assert looked(wild + [60_000] * 400).z < 0


def test_what_is_traded_tells_a_and_k_and_how_sure_they_are():
    chance = np.random.default_rng(11)
    a, k, covered = 2.0, 0.8, 0
    for _ in range(200):
        calibration = Calibration(1e9)
        gaps = chance.exponential(1 / (2 * a), 500).cumsum() * 1000
        for number, (at, reached) in enumerate(
            zip(gaps, chance.exponential(1 / k, 500), strict=True)
        ):
            calibration.trade(int(at), number % 2 == 0, Bps(reached), Bps(0.0))
        told = calibration.estimate(int(gaps[-1]))
        covered += told.k_low <= k <= told.k_high
    assert 0.90 <= covered / 200 <= 0.98


def test_after_ten_thousand_orders_both_are_within_a_tenth():
    chance = np.random.default_rng(5)
    a, k, nearest = 2.0, 0.8, 0.3
    calibration = Calibration(1e9)
    at = chance.exponential(1 / (2 * a * exp(-k * nearest)), 10_000).cumsum() * 1000
    for number, far in enumerate(chance.exponential(1 / k, 10_000)):
        calibration.trade(int(at[number]), number % 2 == 0, Bps(nearest + far), Bps(nearest))
    told = calibration.estimate(int(at[-1]))
    assert told.a == pytest.approx(a, rel=0.1)
    assert told.k == pytest.approx(k, rel=0.1)


def test_trades_of_one_order_are_one():
    calibration = Calibration(600)
    for number in range(40):
        for distance in (1.0, 3.0, 2.0):
            calibration.trade(number * 100, True, Bps(distance), Bps(0.0))
    told = calibration.estimate(4000)
    assert told.count == 40
    assert told.k == pytest.approx(1 / 3)


def test_what_is_old_is_forgotten_and_too_little_tells_nothing():
    calibration = Calibration(30)
    for number in range(100):
        calibration.trade(number, number % 2 == 0, Bps(1.0), Bps(0.0))
    assert calibration.estimate(99).count == 100
    assert calibration.estimate(60_000) is None


def test_own_fills_tell_the_same():
    chance = np.random.default_rng(2)
    a, k = 0.5, 0.7
    exposed = [(Bps(d), 20_000.0) for d in (0.5, 1.0, 2.0, 3.0)]
    filled = [
        distance
        for distance, seconds in exposed
        for _ in range(chance.poisson(a * exp(-k * distance) * seconds))
    ]
    told = from_fills(exposed, filled)
    assert told.a_low <= a <= told.a_high
    assert told.k_low <= k <= told.k_high
    assert from_fills([(Bps(1.0), 100.0)], [Bps(1.0)] * 50) is None


def test_little_is_drawn_to_what_was_assumed():
    assert drawn_to(9.0, 1.0, 0) == 1.0
    assert drawn_to(9.0, 1.0, 10**9) == pytest.approx(9.0)
    with pytest.raises(BadParameters):
        drawn_to(0.0, 1.0, 5)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"gamma": 0.001}, "gamma"),
        ({"k": 31}, r"\$\.k"),
        ({"min_spread_bps": 20}, "min_spread_bps is at most max_spread_bps"),
        ({"two_sided_at": 0.7}, "two_sided_at is at most one_sided_at"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_parameters_are_refused_by_name(values, told):
    with pytest.raises(BadParameters, match=told):
        read_params(values)


def test_every_parameter_says_what_it_means():
    assert all(one.meaning for one in describe())
    assert {one.name for one in describe()} == set(MakerParams.__struct_fields__)
