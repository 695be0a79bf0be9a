"""Every indicator against a slow and plain reading of its definition, and against the future."""

from functools import partial
from operator import gt, lt

import numpy as np
import pytest

from engine import indicators
from engine.indicators import (
    atr,
    bollinger,
    breaks,
    deviation,
    donchian,
    ema,
    gaps,
    keltner,
    latest,
    macd,
    mean_range,
    order_blocks,
    rate_of_change,
    retracement,
    rsi,
    sma,
    supertrend,
    swings,
    trend_of,
    true_range,
    volume_ratio,
    zscore,
)
from tests.engine.indicators import plain
from tests.engine.indicators.plain import Bars, bars

SEEDS = range(6)
PERIODS = (2, 3, 7, 14, 30)
close_enough = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-9)


@pytest.fixture(params=SEEDS)
def market(request):
    return bars(request.param)


@pytest.fixture(params=PERIODS)
def period(request):
    return request.param


def test_rsi(market, period):
    close_enough(rsi(market.close, period), plain.rsi(market.close, period), atol=1e-7)


def test_macd(market):
    told = macd(market.close, fast=5, slow=12, signal=4)
    line = np.array(plain.ema(market.close[7:], 5)) - np.array(plain.ema(market.close, 12))[7:]
    # The fast average of a MACD starts where the slow one is first known.
    warm = 11 + 3
    signal = plain.ema(list(line[4:]), 4)
    close_enough(told.line[warm:], line[warm - 7 :])
    close_enough(told.signal[warm:], signal[3:])
    close_enough(told.histogram[warm:], told.line[warm:] - told.signal[warm:])
    assert np.isnan(told.line[:warm]).all()


def test_rate_of_change(market, period):
    told = rate_of_change(market.close, period)
    close_enough(told[period:], (market.close[period:] / market.close[:-period] - 1) * 100)


def test_ranges(market, period):
    columns = market.high, market.low, market.close
    close_enough(true_range(*columns), plain.true_range(*columns))
    close_enough(atr(*columns, period), plain.atr(*columns, period))
    close_enough(mean_range(*columns, period), plain.sma(plain.true_range(*columns), period))


def test_a_quiet_market_still_deviates(period):
    quiet = 60_000 + np.tile([0.0, 1e-4, 2e-4, 1e-4], 40)
    close_enough(deviation(quiet, period), plain.deviation(quiet, period), atol=1e-11)


def test_bollinger(market, period):
    told = bollinger(market.close, period, 2.5)
    mean = np.array(plain.sma(market.close, period))
    apart = 2.5 * np.array(plain.deviation(market.close, period))
    close_enough(told.upper, mean + apart)
    close_enough(told.lower, mean - apart)
    close_enough(told.width, 2 * apart / mean)


def test_keltner(market):
    columns = market.high, market.low, market.close
    told = keltner(*columns, average_period=20, range_period=10, ranges=2.0)
    apart = 2 * np.array(plain.atr(*columns, 10))
    close_enough(told.upper, np.array(plain.ema(market.close, 20)) + apart)
    close_enough(told.lower, np.array(plain.ema(market.close, 20)) - apart)


def test_donchian(market, period):
    told = donchian(market.high, market.low, period)
    upper, lower = zip(*plain.extremes(market.high, market.low, period), strict=True)
    close_enough(told.upper, upper)
    close_enough(told.lower, lower)


@pytest.mark.parametrize("ranges", [0.5, 1.0, 3.0])
def test_supertrend(market, ranges):
    columns = market.high, market.low, market.close
    told = supertrend(*columns, period=10, ranges=ranges)
    line, is_up = plain.supertrend(*columns, 10, ranges)
    close_enough(told.line, line)
    assert told.is_up.tolist() == is_up


def test_a_trend_is_strong_whichever_way_it_goes():
    rising = np.linspace(100, 200, 80)
    up = trend_of(rising + 1, rising - 1, rising, 14)
    down = trend_of(301 - rising, 299 - rising, 300 - rising, 14)
    assert up.adx[-1] > 90
    assert down.adx[-1] > 90
    assert up.rising[-1] > up.falling[-1]
    assert down.rising[-1] < down.falling[-1]


@pytest.mark.parametrize(("left", "right"), [(1, 1), (2, 2), (3, 0), (5, 3)])
def test_swings(market, left, right):
    told = swings(market.high, market.low, left=left, right=right)
    close_enough(told.high, plain.turns(list(market.high), left, right, gt))
    close_enough(told.low, plain.turns(list(market.low), left, right, lt))


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


def every(market: Bars) -> dict[str, tuple]:
    """The columns of every indicator there is, by its name."""
    high, low, close = market.high, market.low, market.close
    found = swings(high, low, left=3, right=2)
    told = {
        "atr": atr(high, low, close, 14),
        "bollinger": bollinger(close, 20, 2.0),
        "breaks": breaks(close, found.high, found.low),
        "deviation": deviation(close, 20),
        "donchian": donchian(high, low, 20),
        "ema": ema(close, 12),
        "gaps": gaps(high, low, least=0.001),
        "keltner": keltner(high, low, close, average_period=20, range_period=10, ranges=2.0),
        "latest": latest(found.high),
        "macd": macd(close),
        "mean_range": mean_range(high, low, close, 14),
        "order_blocks": order_blocks(market.open, high, low, close, least_body=0.5),
        "rate_of_change": rate_of_change(close, 14),
        "retracement": retracement(high, low, 0.618, rising=True),
        "rsi": rsi(close, 14),
        "sma": sma(close, 20),
        "supertrend": supertrend(high, low, close, period=10, ranges=3.0),
        "swings": found,
        "trend_of": trend_of(high, low, close, 14),
        "true_range": true_range(high, low, close),
        "volume_ratio": volume_ratio(market.volume, 20),
        "zscore": zscore(close, 20),
    }
    return {name: out if isinstance(out, tuple) else (out,) for name, out in told.items()}


NAMES = sorted(name for name in indicators.__all__ if name[0].islower())


@pytest.mark.parametrize("name", NAMES)
def test_no_indicator_looks_ahead(name):
    market = bars(7)
    whole = every(market)[name]
    for length in (1, 2, 5, 40, 41, 97, 159):
        for told, expected in zip(every(market.cut(length))[name], whole, strict=True):
            np.testing.assert_allclose(told, expected[:length], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_in_is_left_as_it_is(name):
    market = bars(3)
    before = market.cut(len(market.close))
    every(market)[name]
    for column, kept in zip(vars(market).values(), vars(before).values(), strict=True):
        np.testing.assert_array_equal(column, kept)
