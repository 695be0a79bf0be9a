"""Bars of a venue come into the store page by page, each once, whoever fails in between."""

import numpy as np
import pytest

from engine.errors import UnknownInstrument, VenueBusy, VenueRefused
from engine.market import CandleStore, FaultyCandles
from engine.market.fetching import PAUSES, SETTLED_SECONDS, fetch, last_settled
from engine.paper.generated import GeneratedMarket
from engine.paper.service.service import PaperService
from engine.venues import open_venue
from tests.engine.market.series import COLUMNS
from tests.engine.venues.local_venue import DROPPED, Keys, LocalVenue, serve, several
from tests.engine.venues.stages import BARS, BARS_FROM_MS, HOUR_MS
from tests.engine.venues.stages.binance import STAGE

NOW = 1_700_000_000
UNTIL = last_settled("1m", NOW)
BTC = "BTC/USDT"
KLINES = "GET /fapi/v1/klines"
FROM, TO = BARS_FROM_MS // 1000, (BARS_FROM_MS + 2 * HOUR_MS) // 1000
LIMITED = (429, {"code": -1003, "msg": "Too many requests."})


@pytest.fixture(scope="module")
def address():
    service = PaperService(clock=lambda: NOW * 1000)
    service.start()
    yield service.address
    service.stop()


@pytest.fixture
def local():
    venue = LocalVenue()
    server = serve(venue)
    yield venue
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path):
    return CandleStore(tmp_path)


def fetched(store, source, venue="binance", timeframe="1h", since=FROM, until=TO, wait=None):
    pages = fetch(
        store, source, venue, BTC, timeframe, since=since, until=until, wait=wait or [].append
    )
    return list(pages)


@pytest.mark.parametrize("venue", ["binance", "okx", "gate"])
def test_all_pages_are_stored_and_the_next_time_only_what_is_new(store, address, venue):
    source = open_venue(venue, Keys(), base_url=address)
    count = 2 * source.bars_at_once + 50
    since = UNTIL - count * 60
    pages = fetched(store, source, venue, "1m", since, UNTIL - 300)
    assert [page.asked for page in pages] == [
        source.bars_at_once,
        2 * source.bars_at_once,
        count - 5,
    ]
    assert (pages[-1].left, pages[-1].added) == (0, count - 5)
    (page,) = fetched(store, source, venue, "1m", since, UNTIL)
    assert (page.asked, page.added) == (5, 5)
    assert fetched(store, source, venue, "1m", since, UNTIL) == []
    told = store.get(venue, BTC, "1m", since, UNTIL)
    market = GeneratedMarket().candles(BTC, "1m", count, UNTIL * 1000)
    for name in COLUMNS[:-1]:
        np.testing.assert_allclose(getattr(told, name), getattr(market, name), rtol=1e-12)
    np.testing.assert_allclose(told.volume, market.volume, atol=0.001)


def test_holes_are_filled_and_earlier_bars_are_reached(store, address):
    source = open_venue("binance", Keys(), base_url=address)
    for first, last in ((300, 200), (100, 50)):
        fetched(store, source, "binance", "1m", UNTIL - first * 60, UNTIL - last * 60)
    pages = fetched(store, source, "binance", "1m", UNTIL - 400 * 60, UNTIL)
    assert [page.asked for page in pages] == [100, 200, 250]
    assert len(store.get("binance", BTC, "1m")) == 400


def test_a_venue_that_is_busy_or_silent_is_asked_again(store, local):
    answers = several(LIMITED, DROPPED, (502, "<html>"), [], (503, "?"), STAGE.answers[KLINES])
    waits = []
    source = STAGE.open(local, **{KLINES: answers})
    (page,) = fetched(store, source, wait=waits.append)
    assert (page.asked, page.added, waits) == (2, 0, list(PAUSES[:3]))
    (page,) = fetched(store, source, wait=waits.append)
    assert (page.added, waits) == (2, [*PAUSES[:3], PAUSES[0]])


def test_a_venue_that_stays_busy_ends_it_and_keeps_what_came(store, local):
    source = STAGE.open(local, **{KLINES: several(STAGE.answers[KLINES], LIMITED)})
    waits = []
    with pytest.raises(VenueBusy):
        fetched(store, source, since=FROM - 3600 * 1500, wait=waits.append)
    assert waits == list(PAUSES)
    assert local.count(KLINES) == 1 + len(PAUSES) + 1


def test_a_refusal_is_not_asked_again(store, local):
    refused = (400, {"code": -1121, "msg": "Invalid symbol."})
    waits = []
    with pytest.raises(VenueRefused, match="Invalid symbol"):
        fetched(store, STAGE.open(local, **{KLINES: refused}), wait=waits.append)
    with pytest.raises(UnknownInstrument):
        list(fetch(store, STAGE.open(local), "binance", "MOON/USDT", "1h", since=FROM, until=TO))
    assert waits == []


def bar(row, **changes):
    at, *values = BARS[row]
    told = dict(zip(("at", "open", "high", "low", "close", "volume"), (at, *values), strict=True))
    return list((told | changes).values())


@pytest.mark.parametrize(
    ("case", "told", "fault"),
    [
        ("high below low", [bar(0, high="1"), bar(1)], "impossible"),
        ("no number", [bar(0, close="NaN"), bar(1)], "not_finite"),
        ("a price of zero", [bar(0, low="0"), bar(1)], "not_positive"),
        ("beside the grid", [bar(0), bar(1, at=BARS[1][0] + 1)], "off_grid"),
        ("twice, otherwise", [bar(0), bar(0, close="60000"), bar(1)], "differing_duplicate"),
    ],
)
def test_faults_of_a_venue_are_named_and_not_stored(store, local, case, told, fault):
    with pytest.raises(FaultyCandles, match=fault):
        fetched(store, STAGE.open(local, **{KLINES: told}))
    assert store.list() == []


def test_bars_told_twice_or_in_disorder_are_stored_once(store, local):
    (page,) = fetched(store, STAGE.open(local, **{KLINES: [bar(1), bar(0), bar(1)]}))
    assert page.added == 2


def test_bars_that_a_venue_has_not_stay_missing_and_are_told(store, local):
    """Nobody traded for hours, or the venue was down: the store says so, and so does the page."""
    far = {"at": BARS[0][0] + 9 * HOUR_MS}
    (page,) = fetched(
        store, STAGE.open(local, **{KLINES: [bar(0), bar(1, **far)]}), until=TO + 36_000
    )
    assert (page.asked, page.added) == (12, 2)
    (gap,) = store.gaps("binance", BTC, "1h")
    assert gap.bars == 8


def test_a_bar_is_settled_some_seconds_after_it_closed():
    closes = NOW // 60 * 60
    assert last_settled("1m", closes + SETTLED_SECONDS) == closes
    assert last_settled("1m", closes + SETTLED_SECONDS - 0.1) == closes - 60
