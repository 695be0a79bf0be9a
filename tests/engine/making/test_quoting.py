"""Quotes answer to what they are made of, in the units that they are told in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadParameters
from engine.making.quoting import Bounded, Market, Session, Stationary
from engine.making.units import PriceVolatility, ReturnVolatility, of_price, of_returns

MARKET = Market(sigma=PriceVolatility(2.0), a=140.0, k=1.5)
NOTHING = np.zeros(1)
gammas = st.floats(0.005, 5)
held = st.integers(-10, 10)


def quotings(gamma):
    return Session(MARKET, gamma), Stationary(MARKET, gamma), Bounded(MARKET, gamma, 20)


def test_the_closed_form_has_the_value_that_was_published():
    """The worked example of hftbacktest's guide, in ticks, and the root of seconds."""
    market = Market(sigma=PriceVolatility(10.69), a=2.98616, k=0.0423574)
    quoting = Stationary(market, 0.05)
    assert quoting.half == pytest.approx(20.472085, rel=1e-6)
    assert quoting.shift == pytest.approx(9.763269, rel=1e-6)


@given(gamma=gammas, inventory=held, left=st.floats(0.01, 5))
def test_the_bid_of_who_owes_is_the_ask_of_who_holds(gamma, inventory, left):
    for quoting in quotings(gamma):
        bid, ask = quoting.distances(np.array([float(inventory)]), left)
        other_bid, other_ask = quoting.distances(np.array([float(-inventory)]), left)
        assert bid[0] == pytest.approx(other_ask[0], abs=1e-6)
        assert ask[0] == pytest.approx(other_bid[0], abs=1e-6)


@given(gamma=gammas, inventory=st.integers(-10, 9), left=st.floats(0.01, 5))
def test_who_holds_more_bids_lower_and_asks_lower(gamma, inventory, left):
    for quoting in quotings(gamma):
        bid, ask = quoting.distances(np.array([inventory, inventory + 1.0]), left)
        assert bid[1] > bid[0]
        assert ask[1] < ask[0]


@given(gamma=st.floats(0.05, 2))
def test_more_dislike_of_risk_and_a_rarer_market_move_the_quotes(gamma):
    def quotes(gamma, market):
        return [
            made.distances(np.array([5.0]), 1.0)
            for made in (Session(market, gamma), Stationary(market, gamma))
        ]

    before = quotes(gamma, MARKET)
    for after in (
        quotes(2 * gamma, MARKET),
        quotes(gamma, Market(sigma=MARKET.sigma, a=MARKET.a, k=2 * MARKET.k)),
    ):
        for (bid, ask), (other_bid, other_ask) in zip(before, after, strict=True):
            assert abs((bid + ask) - (other_bid + other_ask))[0] > 1e-3


def test_far_from_the_end_the_exact_answer_is_the_closed_one():
    gamma = 0.1
    bid, ask = Bounded(MARKET, gamma, 40).distances(NOTHING, 50.0)
    stationary = Stationary(MARKET, gamma)
    assert bid[0] == pytest.approx(stationary.half, rel=0.01)
    assert ask[0] == pytest.approx(stationary.half, rel=0.01)


def test_at_its_bound_a_side_is_not_quoted():
    quoting = Bounded(MARKET, 0.1, 3)
    bid, ask = quoting.distances(np.array([3.0, -3.0, 0.0]), 1.0)
    assert list(np.isinf(bid)) == [True, False, False]
    assert list(np.isinf(ask)) == [False, True, False]


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_what_is_no_number_above_zero_is_refused_by_name(wrong):
    for name in ("sigma", "a", "k"):
        with pytest.raises(BadParameters, match=f"{name} is a number above zero"):
            Market(**{"sigma": 1.0, "a": 1.0, "k": 1.0, name: wrong})
    for made in (Session, Stationary):
        with pytest.raises(BadParameters, match="gamma is a number above zero"):
            made(MARKET, wrong)


def test_a_volatility_of_returns_becomes_one_of_prices():
    assert of_price(ReturnVolatility(0.001), mid=600.0) == pytest.approx(0.6)
    assert of_returns(PriceVolatility(0.6), mid=600.0) == pytest.approx(0.001)
