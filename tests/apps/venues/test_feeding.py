"""Bars of real venues are fetched as they close, and where one is missing nobody decides."""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from apps.signals import services as signals
from apps.signals.models import Signal
from apps.strategies.models import Strategy, Watch
from apps.venues import feeding
from apps.venues.market import candle_store
from apps.venues.models import Feed
from apps.venues.selectors import AWAITED_SECONDS, awaited, candles
from engine.errors import MissingBars, NotStored, VenueBusy
from engine.paper.generated import GeneratedMarket
from engine.paper.service.service import PaperService
from engine.venues.paper import PaperBars
from tests.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 0, 11, tzinfo=UTC)
SERIES = ("okx", "BTC/USDT", "1m")


class Source(PaperBars):
    """The market's bars, from a venue that may be away or leave some out."""

    def __init__(self):
        self.asked, self.is_away, self.hidden_ms = 0, False, set()

    def bars(self, symbol, timeframe, *, since_ms, until_ms):
        self.asked += 1
        if self.is_away:
            raise VenueBusy("maintenance")
        told = super().bars(symbol, timeframe, since_ms=since_ms, until_ms=until_ms)
        return [bar for bar in told if bar.opened_at_ms not in self.hidden_ms]


@pytest.fixture
def source(settings, tmp_path, monkeypatch):
    """In place of a venue's adapter, whose own words are tried with the paper exchange below."""
    settings.CANDLE_DIRECTORY = tmp_path / "candles"
    source = Source()
    monkeypatch.setattr(feeding, "bar_source", lambda venue: source)
    return source


def bars(now=NOW, count=30):
    return candles(venue="okx", symbol="BTC/USDT", timeframe="1m", bars=count, now=now)


def feed():
    return Feed.objects.get()


def test_what_is_wanted_is_fetched_once_a_bar(source):
    feeding.want({SERIES: 30}, now=NOW)
    assert [feeding.fetch_due(now=NOW + timedelta(seconds=s)) for s in (0, 1, 40)] == [1, 0, 0]
    series = bars()
    assert (len(series), series.closed_at) == (30, NOW.replace(second=0).timestamp())
    own = GeneratedMarket().candles("BTC/USDT", "1m", 30, int(NOW.timestamp() * 1000))
    assert np.allclose(series.close, own.close)
    assert feed().known_until == NOW.replace(second=0)
    assert feeding.fetch_due(now=NOW + timedelta(seconds=60)) == 1
    assert len(bars(NOW + timedelta(seconds=60))) == 30


def test_the_newest_bar_has_to_be_there(source):
    with pytest.raises(NotStored):
        bars()
    feeding.want({SERIES: 30}, now=NOW)
    feeding.fetch_due(now=NOW)
    with pytest.raises(MissingBars):
        bars(NOW + timedelta(seconds=60))


def test_for_a_moment_a_bar_is_awaited_and_then_it_is_missing(source):
    feeding.want({SERIES: 30}, now=NOW)
    feeding.fetch_due(now=NOW)
    assert awaited(NOW) == set()
    closed = NOW.replace(minute=1, second=0)
    assert awaited(closed + timedelta(seconds=1)) == {SERIES}
    assert awaited(closed + timedelta(seconds=AWAITED_SECONDS)) == set()


def test_a_venue_that_is_away_is_asked_less_and_less_often_and_said_once(source, caplog):
    source.is_away = True
    feeding.want({SERIES: 30}, now=NOW)
    with caplog.at_level(logging.ERROR):
        for second in range(300):
            feeding.fetch_due(now=NOW + timedelta(seconds=second))
    assert source.asked == 8
    assert "maintenance" in feed().problem
    assert len(caplog.records) == 1
    source.is_away = False
    feeding.fetch_due(now=NOW + timedelta(seconds=400))
    assert (feed().problem, feed().attempts) == ("", 0)


def test_a_bar_that_the_venue_leaves_out_is_never_made_up(source):
    hole = NOW.replace(second=0) - timedelta(minutes=5)
    source.hidden_ms = {int(hole.timestamp() * 1000)}
    feeding.want({SERIES: 30}, now=NOW)
    feeding.fetch_due(now=NOW)
    assert feed().problem == "the venue has not told 1 bars"
    with pytest.raises(MissingBars):
        bars()
    assert len(bars(count=4)) == 4


def test_the_hungriest_counts_and_what_nobody_wants_is_left(source):
    feeding.want({SERIES: 30}, now=NOW)
    feeding.want({SERIES: 50}, now=NOW)
    feeding.want({SERIES: 20}, now=NOW)
    assert feed().bars == 50
    assert feeding.fetch_due(now=NOW + timedelta(days=1, seconds=1)) == 0


@pytest.fixture
def strategy(source):
    strategy = SubscriptionFactory().tenant_strategy.strategy
    fields = {"timeframe": "1m", "venue": "okx", "params": {"fast_ma": 3, "slow_ma": 8}}
    Strategy.objects.filter(pk=strategy.pk).update(**fields)
    return Strategy.objects.get(pk=strategy.pk)


def test_a_strategy_on_a_real_venue_decides_on_every_bar(strategy, source, hints):
    for second in range(0, 1800, 5):
        signals.scan(now=NOW + timedelta(seconds=second))
        feeding.fetch_due(now=NOW + timedelta(seconds=second))
    watch = Watch.objects.get()
    assert (watch.bar_at, watch.problem) == (NOW.replace(minute=28, second=0), "")
    found = list(Signal.objects.all())
    assert found
    # Each on the bar that had just closed: fetched when it was settled, and not a bar later.
    assert all(signal.status == Signal.Status.PUBLISHED for signal in found)


def test_where_bars_are_missing_there_is_no_signal_and_the_watch_says_so(strategy, source, hints):
    source.is_away = True
    for second in range(0, 600, 5):
        signals.scan(now=NOW + timedelta(seconds=second))
        feeding.fetch_due(now=NOW + timedelta(seconds=second))
    assert not Signal.objects.exists()
    assert "nothing is stored" in Watch.objects.get().problem


def test_the_bars_come_over_a_venues_own_words(settings, tmp_path):
    settings.CANDLE_DIRECTORY = tmp_path / "candles"
    service = PaperService(clock=lambda: int(NOW.timestamp() * 1000))
    service.start()
    try:
        settings.VENUE_BASE_URLS = {"okx": service.address}
        feeding.want({SERIES: 30}, now=NOW)
        feeding.fetch_due(now=NOW)
    finally:
        service.stop()
    assert feed().problem == ""
    assert len(candle_store().get(*SERIES)) == 30
