"""What the store tells is what was put in, whatever was put in when, and whoever died."""

import pytest

from engine.errors import BadCandles, ConflictingBars, MissingBars, NotStored
from engine.market import CandleStore, Gap
from tests.engine.market.series import candles, cut, same

BTC = ("binance", "BTC/USDT")


@pytest.fixture
def store(tmp_path):
    return CandleStore(tmp_path)


def test_what_was_put_is_told(store):
    put = candles(600, 50)
    assert store.put(*BTC, put) == (50, 0, 0)
    assert store.put(*BTC, put) == (0, 50, 0)
    assert same(store.get(*BTC, "1m"), put)
    assert same(store.get(*BTC, "1m", 660, 780), cut(put, 1, 3))
    (told,) = store.list()
    assert (told.venue, told.symbol, told.timeframe, told.bars) == (*BTC, "1m", 50)


def test_missing_bars_are_named(store):
    store.put(*BTC, candles(0, 10))
    store.put(*BTC, candles(1200, 10))
    assert store.gaps(*BTC, "1m") == [Gap(600, 1200, 10)]
    with pytest.raises(MissingBars) as refused:
        store.get(*BTC, "1m")
    assert refused.value.context["missing"] == [(600, 1200)]
    with pytest.raises(MissingBars) as refused:
        store.get(*BTC, "1m", 1200, 1860)
    assert refused.value.context["missing"] == [(1800, 1860)]
    assert len(store.get(*BTC, "5m", 1200, 1800)) == 2


def test_another_bar_for_the_same_time_is_refused_unless_it_replaces(store):
    store.put(*BTC, candles(0, 10))
    other = candles(300, 10, level=200.0)
    with pytest.raises(ConflictingBars) as refused:
        store.put(*BTC, other)
    assert refused.value.context["opened_at"] == 300
    assert refused.value.context["field"] == "open"
    assert same(store.get(*BTC, "1m"), candles(0, 10))
    assert store.put(*BTC, other, replace=True) == (5, 0, 5)


def test_pieces_are_put_together_or_not_at_all(store):
    pieces = [candles(0, 5), candles(600, 5)]
    assert store.put_all(*BTC, pieces) == (10, 0, 0)
    assert [same(*both) for both in zip(store.stretches(*BTC, "1m"), pieces, strict=True)]
    with pytest.raises(BadCandles, match="overlap"):
        store.put_all(*BTC, [candles(6000, 5), candles(6000, 5)])
    with pytest.raises(BadCandles, match="begin on their timeframe"):
        store.put_all(*BTC, [candles(6000, 5), candles(7001, 5)])
    assert store.list()[0].bars == 10


def test_what_is_told_is_the_reader_s_own(store):
    store.put(*BTC, candles(0, 10))
    told = store.get(*BTC, "1m")
    told.close[:] = 7
    assert same(store.get(*BTC, "1m"), candles(0, 10))


def test_a_span_behind_all_bars_is_named(store):
    store.put(*BTC, candles(0, 10))
    with pytest.raises(NotStored, match="of this span"):
        store.get(*BTC, "1m", 6000)


def test_a_timeframe_is_told_by_itself_before_the_finest_that_fits(store):
    hours = candles(0, 4, "1h")
    for bars in (candles(0, 180), candles(0, 40, "15m"), hours):
        store.put(*BTC, bars)
    assert same(store.get(*BTC, "1h"), hours)
    assert len(store.get(*BTC, "5m")) == 36
    assert [one.timeframe for one in store.list()] == ["1m", "15m", "1h"]


def test_what_is_not_stored_is_named(store):
    with pytest.raises(NotStored):
        store.get(*BTC, "1m")
    with pytest.raises(BadCandles, match="symbol"):
        store.get("binance", "../..", "1m")
