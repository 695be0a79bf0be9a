"""Averages against a slow and plain reading of their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.indicators import ema, sma
from tests.engine.indicators import plain

columns = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60)
periods = st.integers(1, 25)


@pytest.mark.parametrize(("average", "definition"), [(sma, plain.sma), (ema, plain.ema)])
@given(values=columns, period=periods)
def test_an_average_is_what_its_definition_says(average, definition, values, period):
    told = average(np.array(values), period)
    assert len(told) == len(values)
    np.testing.assert_allclose(told, definition(values, period), rtol=1e-9)


@pytest.mark.parametrize("average", [sma, ema])
@given(values=columns, period=periods, later=st.floats(0.01, 1e6))
def test_no_average_looks_ahead(average, values, period, later):
    known = average(np.array(values), period)
    with_more = average(np.array([*values, later]), period)
    np.testing.assert_allclose(with_more[:-1], known, rtol=1e-12)


@pytest.mark.parametrize("average", [sma, ema])
def test_an_average_changes_nothing_it_was_given(average):
    values = np.arange(1.0, 30.0)
    average(values, 5)
    assert (values == np.arange(1.0, 30.0)).all()
