"""Two rows of yields: a difference is found where there is one, and seldom where there is none."""

from decimal import Decimal

import numpy as np
import pytest

from engine.report.difference import difference


def row(seed, mean, count=40):
    drawn = np.random.default_rng(seed).normal(mean, 1, count)
    return [Decimal(str(round(one, 6))) for one in drawn]


def test_a_clear_difference_is_sure_and_its_interval_has_no_zero():
    told = difference(row(1, 0), row(2, 2))
    assert told.mean == pytest.approx(2, abs=0.6)
    assert told.interval.low > 0
    assert told.is_sure
    assert difference(row(1, 0), row(2, 2)) == told


def test_of_rows_of_one_kind_about_one_in_twenty_looks_sure():
    told = [difference(row(seed, 0), row(seed + 1000, 0), draws=200) for seed in range(60)]
    assert sum(one.is_sure for one in told) <= 9


def test_equal_rows_differ_by_nothing():
    told = difference(row(3, 1), row(3, 1))
    assert (told.mean, told.by_chance) == (0, 1)


def test_a_short_row_says_nothing():
    assert difference(row(1, 0, 9), row(2, 5)) is None
    assert difference([], []) is None
