"""Longer bars are made of all their shorter ones, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.candle import TIMEFRAMES, seconds
from engine.errors import BadCandles
from engine.market import resample
from tests.engine.market.series import candles, same, walk

PAIRS = [
    (short, long)
    for short, step in TIMEFRAMES.items()
    for long, length in TIMEFRAMES.items()
    if length % step == 0 and length // step <= 300
]


@given(st.sampled_from(PAIRS), st.integers(0, 300), st.integers(1, 700), st.integers(0, 9))
def test_every_bar_is_its_shorter_ones(pair, first, count, seed):
    short, long = pair
    step, length = seconds(short), seconds(long)
    told = walk(seed, count, first * step, short)
    groups = {}
    for row, at in enumerate(told.opened_at.tolist()):
        groups.setdefault(at - at % length, []).append(row)
    whole = {at: rows for at, rows in groups.items() if len(rows) == length // step}
    if not whole:
        with pytest.raises(BadCandles, match="fill no bar"):
            resample(told, long)
        return
    joined, before, after = resample(told, long)
    assert joined.opened_at.tolist() == list(whole)
    for bar, rows in enumerate(whole.values()):
        assert joined.open[bar] == told.open[rows[0]]
        assert joined.close[bar] == told.close[rows[-1]]
        assert joined.high[bar] == max(told.high[rows])
        assert joined.low[bar] == min(told.low[rows])
        assert joined.volume[bar] == sum(told.volume[rows])
    assert (before, after) == (min(min(whole.values())), count - 1 - max(max(whole.values())))


def test_joining_twice_is_joining_once():
    told = walk(1, 60 * 24 * 2)
    for middle in ("5m", "15m", "1h"):
        assert same(
            resample(resample(told, middle).candles, "1d").candles, resample(told, "1d").candles
        )


@pytest.mark.parametrize(("have", "wanted"), [("5m", "1m"), ("2s", "5s"), ("1h", "30m")])
def test_bars_are_not_made_of_longer_ones_or_of_a_part(have, wanted):
    with pytest.raises(BadCandles, match="only to a multiple"):
        resample(candles(0, 50, have), wanted)


def test_bars_beside_the_grid_are_refused():
    with pytest.raises(BadCandles, match="do not begin on their timeframe"):
        resample(candles(30, 50), "5m")


def test_what_was_given_is_left_alone():
    told = walk(3, 100)
    joined = resample(told, "1m").candles
    joined.close[0] = 0
    assert np.all(told.close > 0)
