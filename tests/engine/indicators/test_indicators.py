"""Indicators on bars where one can see what they should tell."""

from functools import partial

import numpy as np
import pytest

from engine.indicators import (
    bollinger,
    breaks,
    deviation,
    gaps,
    latest,
    order_blocks,
    retracement,
    trend_of,
    volume_ratio,
)
from tests.engine.indicators import plain
from tests.engine.indicators.plain import bars
from tests.engine.indicators.test_definitions import DEFINITIONS

SEEDS = range(6)
PERIODS = (2, 3, 7, 14, 30)
close_enough = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9)


@pytest.fixture(params=SEEDS)
def market(request):
    return bars(request.param)


@pytest.fixture(params=PERIODS)
def period(request):
    return request.param


def test_a_quiet_market_still_deviates(period):
    quiet = 60_000 + np.tile([0.0, 1e-4, 2e-4, 1e-4], 40)
    close_enough(deviation(quiet, period), plain.deviation(quiet, period), atol=1e-11)


def test_a_trend_is_strong_whichever_way_it_goes():
    rising = np.linspace(100, 200, 80)
    up = trend_of(rising + 1, rising - 1, rising, 14)
    down = trend_of(301 - rising, 299 - rising, 300 - rising, 14)
    assert up.adx[-1] > 90
    assert down.adx[-1] > 90
    assert up.rising[-1] > up.falling[-1]
    assert down.rising[-1] < down.falling[-1]


def test_the_latest_is_carried_forward():
    nan = np.nan
    told = latest(np.array([nan, 3.0, nan, nan, 5.0, nan]))
    np.testing.assert_array_equal(told, [nan, 3, 3, 3, 5, 5])


def test_gaps_are_named_with_their_edges():
    high = np.array([10.0, 12, 14, 14, 9])
    low = np.array([9.0, 10, 11, 12, 8])
    told = gaps(high, low, least=0.01)
    np.testing.assert_array_equal(told.top, [np.nan, np.nan, 11, np.nan, 11])
    np.testing.assert_array_equal(told.bottom, [np.nan, np.nan, 10, np.nan, 9])
    assert told.is_demand.tolist() == [False, False, True, False, False]
    assert np.isnan(gaps(high, low, least=0.5).top).all()


def test_an_order_block_is_the_opposite_bar_before_a_strong_one():
    open_ = np.array([10.0, 10.0, 8.9, 12.2, 12.0])
    close = np.array([10.5, 9.0, 12.0, 12.4, 11.0])
    high, low = np.maximum(open_, close) + 0.1, np.minimum(open_, close) - 0.1
    told = order_blocks(open_, high, low, close, least_body=0.5)
    assert (told.top[2], told.bottom[2], told.is_demand[2]) == (10.1, 8.9, True)
    assert (told.top[1], told.bottom[1], told.is_demand[1]) == (10.6, 9.9, False)
    assert (told.top[4], told.bottom[4], told.is_demand[4]) == (12.5, 12.1, False)
    assert np.isnan(told.top[[0, 3]]).all()


@pytest.mark.parametrize(
    ("level", "rising", "price"),
    [(0.5, True, 150), (0.618, True, 138.2), (0.618, False, 161.8), (0, True, 200)],
)
def test_a_retracement_is_a_share_of_the_way_back(level, rising, price):
    told = retracement(np.array([200.0]), np.array([100.0]), level, rising=rising)
    close_enough(told, [price])


def test_a_swing_is_broken_once():
    close = np.array([10.0, 12, 13, 9, 8])
    high = np.array([11.0, np.nan, np.nan, np.nan, np.nan])
    low = np.array([9.5, np.nan, np.nan, np.nan, np.nan])
    assert breaks(close, high, low).tolist() == [0, 1, 0, -1, 0]


def test_volume_beside_what_was_usual():
    told = volume_ratio(np.array([1.0, 3, 4, 0, 0, 5]), 2)
    np.testing.assert_array_equal(told, [np.nan, np.nan, 2, 0, 0, np.nan])


def test_a_channel_s_width_is_a_share_of_its_middle(market, period):
    told = bollinger(market.close, period, 2.5)
    close_enough(told.width, 5 * deviation(market.close, period) / told.middle)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_what_goes_in_is_left_as_it_is(name):
    market = bars(3)
    before = market.cut(len(market.close))
    DEFINITIONS[name][0](market, 5)
    for column, kept in zip(vars(market).values(), vars(before).values(), strict=True):
        np.testing.assert_array_equal(column, kept)
