"""Every indicator against a slow and plain reading of its definition, on any bars at all.

Short series, flat ones, bars without range or volume: the first values, and those that
nobody can tell, are NaN in both. And nothing that comes later changes what was told.
"""

from operator import gt, lt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import indicators as ours
from tests.engine.indicators import plain
from tests.engine.indicators.plain import Bars

STEPS = st.sampled_from([-3, -1, -0.25, 0, 0, 0, 0.25, 1, 3])
BAR = st.tuples(STEPS, STEPS, STEPS, STEPS, st.sampled_from([0, 0.5, 1, 8]))
MARKETS = st.lists(BAR, min_size=1, max_size=50)
SCALES = st.sampled_from([1e-6, 1.0, 1e6])
PERIODS = st.integers(2, 12)


def market(rows, scale=1.0):
    """A walk from one to the next close; steps of zero are as likely as all others together."""
    moves, opens, tops, bottoms, volume = np.array(rows, np.float64).T
    close = 200 + np.cumsum(moves)
    open_ = close + opens
    high = np.maximum(open_, close) + np.abs(tops)
    low = np.minimum(open_, close) - np.abs(bottoms)
    return Bars(*(column * scale for column in (open_, high, low, close)), volume)


def banded(middle, apart):
    middle, apart = np.array(middle), np.array(apart)
    return middle + apart, middle, middle - apart


def donchian(m, n):
    upper, lower = map(np.array, zip(*plain.extremes(m.high, m.low, n), strict=True))
    return upper, (upper + lower) / 2, lower


def hlc(m):
    return m.high, m.low, m.close


def swung(m, n, source):
    """Swings of n bars to the left and a third of that to the right."""
    if source is ours:
        return ours.swings(m.high, m.low, left=n, right=n // 3)
    turns = plain.turns
    return turns(list(m.high), n, n // 3, gt), turns(list(m.low), n, n // 3, lt)


# By name: the indicator, and what it should be.
DEFINITIONS = {
    "sma": (lambda m, n: ours.sma(m.close, n), lambda m, n: plain.sma(m.close, n)),
    "ema": (lambda m, n: ours.ema(m.close, n), lambda m, n: plain.ema(m.close, n)),
    "deviation": (
        lambda m, n: ours.deviation(m.close, n),
        lambda m, n: plain.deviation(m.close, n),
    ),
    "zscore": (lambda m, n: ours.zscore(m.close, n), lambda m, n: plain.zscore(m.close, n)),
    "rsi": (lambda m, n: ours.rsi(m.close, n), lambda m, n: plain.rsi(m.close, n)),
    "macd": (
        lambda m, n: ours.macd(m.close, fast=n, slow=2 * n, signal=3),
        lambda m, n: plain.macd(list(m.close), n, 2 * n, 3),
    ),
    "rate_of_change": (
        lambda m, n: ours.rate_of_change(m.close, n),
        lambda m, n: plain.rate_of_change(m.close, n),
    ),
    "trend_of": (lambda m, n: ours.trend_of(*hlc(m), n), lambda m, n: plain.trend(*hlc(m), n)),
    "true_range": (lambda m, n: ours.true_range(*hlc(m)), lambda m, n: plain.true_range(*hlc(m))),
    "atr": (lambda m, n: ours.atr(*hlc(m), n), lambda m, n: plain.atr(*hlc(m), n)),
    "mean_range": (
        lambda m, n: ours.mean_range(*hlc(m), n),
        lambda m, n: plain.sma(plain.true_range(*hlc(m)), n),
    ),
    "bollinger": (
        lambda m, n: ours.bollinger(m.close, n, 2.5),
        lambda m, n: banded(plain.sma(m.close, n), 2.5 * np.array(plain.deviation(m.close, n))),
    ),
    "keltner": (
        lambda m, n: ours.keltner(*hlc(m), average_period=n, range_period=3, ranges=1.5),
        lambda m, n: banded(plain.ema(m.close, n), 1.5 * np.array(plain.atr(*hlc(m), 3))),
    ),
    "donchian": (lambda m, n: ours.donchian(m.high, m.low, n), donchian),
    "supertrend": (
        lambda m, n: ours.supertrend(*hlc(m), period=n, ranges=1.0),
        lambda m, n: plain.supertrend(*hlc(m), n, 1.0),
    ),
    "swings": (lambda m, n: swung(m, n, ours), lambda m, n: swung(m, n, plain)),
    "latest": (
        lambda m, n: ours.latest(swung(m, n, ours).low),
        lambda m, n: plain.latest(swung(m, n, plain)[1]),
    ),
    "breaks": (
        lambda m, n: ours.breaks(m.close, *swung(m, n, ours)),
        lambda m, n: plain.breaks(m.close, *swung(m, n, plain)),
    ),
    "gaps": (
        lambda m, n: ours.gaps(m.high, m.low, least=n / 1000),
        lambda m, n: plain.gaps(m.high, m.low, n / 1000),
    ),
    "order_blocks": (
        lambda m, n: ours.order_blocks(m.open, *hlc(m), least_body=n / 13),
        lambda m, n: plain.order_blocks(m.open, *hlc(m), n / 13),
    ),
    "retracement": (
        lambda m, n: ours.retracement(m.high, m.low, n / 12, rising=bool(n % 2)),
        lambda m, n: [
            high - (high - low) * n / 12 if n % 2 else low + (high - low) * n / 12
            for high, low in zip(m.high, m.low, strict=True)
        ],
    ),
    "volume_ratio": (
        lambda m, n: ours.volume_ratio(m.volume, n),
        lambda m, n: plain.volume_ratio(m.volume, n),
    ),
}


def columns(told):
    return [np.asarray(column) for column in (told if isinstance(told, tuple) else (told,))]


def test_every_indicator_has_a_definition():
    assert DEFINITIONS.keys() == {name for name in ours.__all__ if name[0].islower()}


@pytest.mark.parametrize("name", DEFINITIONS)
@given(rows=MARKETS, period=PERIODS, scale=SCALES)
@settings(max_examples=60, deadline=None)
def test_an_indicator_is_what_its_definition_says(name, rows, period, scale):
    told, definition = DEFINITIONS[name]
    bars = market(rows, scale)
    for one, other in zip(
        columns(told(bars, period)), columns(definition(bars, period)), strict=True
    ):
        assert len(one) == len(rows)
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7 * scale)


@pytest.mark.parametrize("name", DEFINITIONS)
@given(rows=MARKETS, later=MARKETS, other=MARKETS, period=PERIODS)
@settings(max_examples=30, deadline=None)
def test_what_comes_later_changes_nothing(name, rows, later, other, period):
    told = DEFINITIONS[name][0]
    known = columns(told(market(rows), period))
    for behind in (later, other):
        for one, whole in zip(known, columns(told(market(rows + behind), period)), strict=True):
            np.testing.assert_allclose(whole[: len(rows)], one, rtol=1e-9, atol=1e-9)
