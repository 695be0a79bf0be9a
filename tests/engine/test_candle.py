"""No strategy sees a series with a gap, a double, or a bar that cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.candle import TIMEFRAMES, Candles, last_closed_bar, seconds
from engine.errors import BadCandles

BARS = 6


def candles(**columns):
    level = np.full(BARS, 100.0)
    told = {
        "timeframe": "1m",
        "opened_at": np.arange(BARS, dtype=np.int64) * 60,
        "open": level,
        "high": level + 2,
        "low": level - 2,
        "close": level + 1,
        "volume": level,
    }
    return Candles(**told | columns)


def changed(name, row, value):
    column = getattr(candles(), name).copy()
    column[row] = value
    return {name: column}


def test_a_sound_series_is_taken():
    assert len(candles()) == BARS
    assert candles().closed_at == BARS * 60


@pytest.mark.parametrize("row", range(1, BARS))
@pytest.mark.parametrize("shift", [60, -60, 1, -3600])
def test_a_gap_a_double_or_disorder_names_its_row(row, shift):
    with pytest.raises(BadCandles, match="missing, doubled or out of order") as refused:
        candles(**changed("opened_at", row, row * 60 + shift))
    assert refused.value.context == {"row": row}


@pytest.mark.parametrize("row", range(BARS))
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, bad) for name in ("open", "high", "low", "close") for bad in (np.nan, np.inf)),
        *((name, bad) for name in ("open", "high", "low", "close") for bad in (0.0, -1.0)),
        *(("high", 100.5), ("high", 97.0), ("low", 100.5), ("low", 103.0)),
        *(("open", 103.0), ("open", 97.0), ("close", 103.0), ("close", 97.0)),
        *(("volume", np.nan), ("volume", -1.0), ("volume", np.inf)),
    ],
)
def test_an_impossible_bar_names_its_row(name, value, row):
    with pytest.raises(BadCandles, match="a bar is impossible") as refused:
        candles(**changed(name, row, value))
    assert refused.value.context == {"row": row}


@pytest.mark.parametrize("name", ["opened_at", "open", "high", "low", "close", "volume"])
def test_columns_of_different_length_are_refused(name):
    with pytest.raises(BadCandles, match="columns differ"):
        candles(**{name: getattr(candles(), name)[:-1]})


def test_no_candles_are_no_series():
    empty = {
        name: getattr(candles(), name)[:0] for name in Candles.__slots__ if name != "timeframe"
    }
    with pytest.raises(BadCandles, match="no candles"):
        candles(**empty)


def test_an_unknown_timeframe_is_named():
    with pytest.raises(BadCandles, match="unknown timeframe"):
        replace(candles(), timeframe="7m")


@given(st.sampled_from(sorted(TIMEFRAMES)), st.floats(86_400 * 2, 4_102_444_800))
def test_the_last_closed_bar_has_closed_and_the_next_has_not(timeframe, now):
    opened, length = last_closed_bar(timeframe, now), seconds(timeframe)
    assert opened % length == 0
    assert opened + length <= now < opened + 2 * length
