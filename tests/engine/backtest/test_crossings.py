"""Crossings are those that a plain loop finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import crossings, ema_crossings
from engine.backtest.crossings import ema_rows
from engine.indicators import ema
from tests.engine.backtest.markets import walk


@st.composite
def columns(draw):
    length = draw(st.integers(1, 200))
    values = st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=length, max_size=length)
    warm = draw(st.integers(0, length))
    fast, slow = np.array(draw(values)), np.array(draw(values))
    slow[:warm] = np.nan
    return fast, slow


@given(columns())
def test_crossings(pair):
    fast, slow = pair
    expected, was_above = [], None
    for bar, (one, other) in enumerate(zip(fast, slow, strict=True)):
        if not np.isnan(other):
            if was_above is not None and (one > other) != was_above:
                expected.append((bar, one > other))
            was_above = one > other
    bars, rises = crossings(fast, slow)
    assert list(zip(bars, rises, strict=True)) == expected


@pytest.mark.parametrize(("fast", "slow"), [(3, 9), (12, 26), (1, 2), (30, 400)])
def test_crossings_of_averages_are_those_of_the_indicator(fast, slow):
    close = walk(3, 5000, tick=0.001).close
    expected = crossings(ema(close, fast), ema(close, slow))
    told = ema_crossings(close, fast, slow)
    assert np.array_equal(told[0], expected[0])
    assert np.array_equal(told[1], expected[1])
    assert len(told[0]) > 20


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_of_averages_are_those_of_the_indicator(threads):
    close, periods = walk(3, 1000, tick=0.001).close, [9, 1, 2, 400, 26]
    expected = [ema(close, period) for period in periods]
    told = ema_rows(close, periods, threads=threads)
    assert np.allclose(told, expected, rtol=1e-14, atol=0, equal_nan=True)
    assert ema_rows(close, []).shape == (0, 1000)


def test_too_few_values_do_not_cross():
    assert len(ema_crossings(np.arange(1.0, 9.0), 3, 9)[0]) == 0
    assert len(ema_crossings(np.arange(1.0, 10.0), 3, 9)[0]) == 0
