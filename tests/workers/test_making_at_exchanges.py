"""A maker at the local exchange, through the real classes: what an exchange itself does to it.

Orders travel over HTTP and the market over websockets, in the dialect of each venue.
"""

import dataclasses
import time
from decimal import Decimal
from functools import partial

import ccxt
import pytest
from msgspec.structs import replace

from engine.making import desk
from engine.making.calibration import Calibration
from engine.making.names import Namer, Names
from engine.messages import Margin, PositionMode, Style
from engine.order import OrderStatus
from engine.paper.service.keys import Key
from engine.signal import Direction, Side
from engine.venues import client_ids, open_venue
from engine.venues.binance import Binance
from engine.venues.ccxt import Told
from tests.engine.paper.clients import Control, client, serving
from tests.engine.tickets import ticket
from tests.workers.making import SYMBOL, Centre, Lively
from workers.vault import Credentials

pytestmark = pytest.mark.timeout(120)

DIALECTS = ("binance", "okx", "gate")


@pytest.fixture
def exchange():
    with serving(market=Lively()) as service:
        yield service


@pytest.fixture
def served(rebased, exchange, making, monkeypatch):
    # What nobody answers for is looked up until it can no longer arrive: sooner than in earnest.
    monkeypatch.setattr("workers.hands.ARRIVES_MS", 2_000)
    monkeypatch.setattr(desk, "FIRST_CHASE_MS", 250)
    monkeypatch.setattr(desk, "LONGEST_CHASE_MS", 1_000)
    made = []

    def make(dialect, **params):
        key = next(key for key in exchange.keys if key.dialect == dialect)
        centre = Centre(rebased, making, venue=dialect, key=key, **params)
        made.append(centre)
        return centre

    yield make
    for centre in made:
        centre.end()


def truth(exchange, dialect):
    return Control(exchange).truth(f"{dialect}-demo")


def adapter(exchange, dialect):
    """Another look at the same account."""
    key = next(key for key in exchange.keys if key.dialect == dialect)
    secret = Credentials(key.api_key, key.secret, key.passphrase)
    return open_venue(dialect, secret, base_url=exchange.address)


def stands(exchange, dialect):
    return [one for one in truth(exchange, dialect)["orders"] if one["status"] == "open"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_maker_lives_at_each_exchange(dialect, served, exchange):
    centre = served(dialect, max_order_notional=2000)
    centre.run()
    centre.until(centre.fills, seconds=60, what="a fill")
    centre.stop(seconds=60)
    assert not stands(exchange, dialect)
    assert not truth(exchange, dialect)["positions"]


@pytest.mark.parametrize(
    ("case", "lie", "code"),
    [
        ("too small", {"min_notional": Decimal(1)}, "-4164"),
        ("bad tick", {"tick": Decimal("0.01")}, "-4014"),
        ("too granular", {"step": Decimal("0.00001")}, "-1111"),
    ],
)
def test_an_exchange_whose_rules_have_changed_halts_it(
    case, lie, code, served, exchange, monkeypatch
):
    """What it takes is checked against what it told: that may be of before."""
    before = Binance.market_of

    def told_wrong(self, symbol, words):
        market = before(self, symbol, words)
        return dataclasses.replace(market, instrument=replace(market.instrument, **lie))

    monkeypatch.setattr(Binance, "market_of", told_wrong)
    # A step or two of SOL is worth less than an order has to be, and an odd size shows the others.
    is_small = "min_notional" in lie
    centre = served(
        "binance",
        symbol="SOL/USDT" if is_small else SYMBOL,
        max_order_notional=1 if is_small else 777,
    )
    centre.wish("run")
    centre.wait("halted", seconds=60)
    assert "failures in a row" in centre.last.moves[-1].reason
    told = [one.facts["reason"] for one in centre.alerts("failure")]
    assert any(code in reason for reason in told), told
    assert len(truth(exchange, "binance")["orders"]) <= 12
    assert not stands(exchange, "binance")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *(("place", kind) for kind in ("timeout_before", "timeout_after", "503_after")),
        *(("cancel", kind) for kind in ("timeout_before", "timeout_after", "503_after")),
        ("place", "late_accept"),
    ],
)
def test_an_exchange_that_does_not_answer_leaves_nothing_behind(kind, operation, served, exchange):
    centre = served("binance", most_failures=50)
    centre.run()
    control = Control(exchange)
    control.fault(kind, operation=operation, times=3, delay_ms=500)
    centre.until(lambda: happened(control, kind) == 3, seconds=40, what="all three")
    centre.stop(seconds=60)
    assert not stands(exchange, "binance")
    assert not truth(exchange, "binance")["positions"]


def happened(control, kind):
    return control.ask("GET", "/faults")["happened"].get(kind, 0)


# --- names


def test_an_id_that_the_exchange_has_had_before_is_no_order_of_now(served, exchange):
    """It says that the id is taken; what stands under it ended long ago."""
    name = Names(Namer(7, 1, is_number=False)).next()
    told = client(exchange, "okx")
    made = told.create_order(
        "BTC/USDT:USDT",
        "limit",
        "buy",
        1,
        20_000,
        {"clOrdId": client_ids.at_venue("okx", name), "tdMode": "cross"},
    )
    told.cancel_order(made["id"], "BTC/USDT:USDT")
    centre = served("okx", max_order_notional=2000)
    centre.run()
    assert len([one for one in truth(exchange, "okx")["orders"] if one["client_id"] == name]) == 1
    centre.stop(seconds=60)
    assert_clean(exchange, "okx")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_that_was_taken_and_is_called_a_duplicate_is_ours(dialect, served, exchange):
    Control(exchange).fault("duplicate", times=2)
    centre = served(dialect, max_order_notional=2000)
    centre.run()
    # Between two quotes there may be none for a moment.
    sides = [one["side"] for one in stands(exchange, dialect)]
    assert max(map(sides.count, sides), default=0) <= 2
    centre.stop(seconds=60)
    assert_clean(exchange, dialect)


def test_a_refusal_that_the_library_tells_as_success_is_found_out(served, exchange, monkeypatch):
    """The class answers that it stands, and the exchange has never seen it."""
    before, left = Binance.send, [2]

    def invented(self, placing):
        if not left[0]:
            return before(self, placing)
        left[0] -= 1
        named = placing.market.native, "1", placing.client_order_id
        return Told(*named, OrderStatus.OPEN, Decimal(0))

    monkeypatch.setattr(Binance, "send", invented)
    centre = served("binance", max_order_notional=2000, most_failures=50)
    centre.wish("run")
    centre.until(lambda: stands(exchange, "binance"), seconds=40, what="an order that stands")
    assert not left[0]
    centre.stop(seconds=60)
    assert_clean(exchange, "binance")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_is_as_old_as_its_exchange_says(dialect, served, exchange):
    centre = served(dialect, max_order_notional=2000)
    centre.run()
    told = {one.venue_order_id: one for one in adapter(exchange, dialect).open_orders(SYMBOL)}
    known = {str(one["number"]): one for one in truth(exchange, dialect)["orders"]}
    assert told
    for number, order in told.items():
        assert order.placed_at_ms == known[number]["placed_at_ms"]
        assert order.price == Decimal(known[number]["price"])
        assert order.quantity == Decimal(known[number]["quantity"])


# --- the market


def source(centre):
    return centre.figure("book_source")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_lost_stream_is_asked_instead_and_streams_again(dialect, served, exchange):
    control = Control(exchange)
    centre = served(dialect, max_order_notional=2000, k=0.1, most_failures=50)
    centre.run()
    centre.until(lambda: source(centre) == "stream", what="a stream")
    control.fault("cut")
    centre.until(lambda: source(centre) == "asked", what="questions")
    assert centre.state == "running"
    centre.until(lambda: stands(exchange, dialect), what="quotes from what was asked")
    control.ask("DELETE", "/faults")
    centre.until(lambda: source(centre) == "stream", seconds=40, what="a stream again")
    centre.stop(seconds=60)
    assert_clean(exchange, dialect)


def test_a_stream_that_stays_open_and_says_nothing_is_not_waited_for(served, exchange):
    centre = served("binance", k=0.1)
    centre.run()
    centre.until(lambda: source(centre) == "stream", what="a stream")
    Control(exchange).fault("silent")
    centre.until(lambda: source(centre) == "asked", what="questions")
    assert centre.figure("book_age_seconds") < 1
    assert centre.state == "running"


def test_without_stream_and_answers_its_quotes_go(served, exchange):
    control = Control(exchange)
    centre = served("binance", max_order_notional=2000, most_failures=50)
    centre.run()
    control.fault("cut")
    control.fault("503_before", operation="public", times=10_000)
    centre.until(lambda: not stands(exchange, "binance"), what="no quotes")
    assert centre.state == "running"
    control.ask("DELETE", "/faults")
    centre.until(lambda: stands(exchange, "binance"), what="quotes again")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_market_that_says_the_same_again_is_seen_by_its_own_time(dialect, served, exchange):
    """Answers come as quickly as ever, and all of them are of before."""
    control = Control(exchange)
    centre = served(dialect, max_order_notional=2000)
    centre.run()
    control.fault("frozen")
    centre.until(lambda: not stands(exchange, dialect), what="no quotes")
    assert centre.state == "running"
    control.ask("DELETE", "/faults")
    centre.until(lambda: stands(exchange, dialect), what="quotes again")


def test_trades_that_stream_are_told_to_the_calibration(served, exchange, monkeypatch):
    centre = served("binance", max_order_notional=2000, calibrates=True)
    seen, heard = [], Calibration.trade

    def told(self, *trade):
        seen.append(trade)
        heard(self, *trade)

    monkeypatch.setattr(Calibration, "trade", told)
    centre.run()
    centre.until(lambda: source(centre) == "stream", what="a stream")
    taker = client(exchange, "binance", key=Key(**Control(exchange).open("binance")))
    # Others trade there, too: ours are the ones that buy.
    centre.until(partial(bought, taker, seen), seconds=40, what="our trade on the tape")


def bought(taker, seen):
    if any(is_buy for _, is_buy, _, _ in seen):
        return True
    taker.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
    time.sleep(0.3)
    return False


# --- its limits


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_switch_for_dead_men_takes_the_quotes_of_a_maker_that_is_gone(dialect):
    skipped = [0]
    with serving(clock=lambda: int(time.time() * 1000) + skipped[0]) as exchange:
        venue = adapter(exchange, dialect)
        names = Names(Namer(7, 1, is_number=False))
        for side, price in ((Side.BUY, "57000"), (Side.SELL, "64000")):
            asked = ticket(
                client_order_id=names.next(),
                side=side,
                direction=Direction.LONG if side is Side.BUY else Direction.SHORT,
                quantity="0.01",
                price=price,
                style=Style.POST_ONLY,
                position_mode=PositionMode.ONE_WAY,
                margin=Margin.CROSS,
                venue=dialect,
                not_after_ms=int(time.time() * 1000) + 5_000,
            )
            if side is Side.BUY:
                venue.make_ready(asked)
            venue.quote(asked)
        assert len(stands(exchange, dialect)) == 2
        assert venue.end_unless_heard(SYMBOL, 30)
        skipped[0] = 29_000
        assert len(stands(exchange, dialect)) == 2
        skipped[0] = 31_000
        assert not stands(exchange, dialect)


def test_a_switch_at_okx_takes_quotes_and_leaves_what_a_person_placed():
    skipped = [0]
    with serving(clock=lambda: int(time.time() * 1000) + skipped[0]) as exchange:
        told = client(exchange, "okx")

        def place(words):
            words |= {"tdMode": "cross"}
            made = told.create_order("BTC/USDT:USDT", "limit", "buy", 1, 20_000, words)
            return told.fetch_order(made["id"], "BTC/USDT:USDT")

        by_hand, quote = place({"tag": "person"}), place({"tag": "quote"})
        assert by_hand["info"]["tag"] == "person"
        assert quote["info"]["tag"] == "quote"
        with pytest.raises(ccxt.ExchangeError, match="tag"):
            place({"tag": "more than sixteen letters"})
        assert len(stands(exchange, "okx")) == 2
        assert adapter(exchange, "okx").end_unless_heard(SYMBOL, 30)
        skipped[0] = 31_000
        left = [str(one["number"]) for one in stands(exchange, "okx")]
        assert left == [by_hand["id"]]


def assert_clean(exchange, dialect):
    assert not stands(exchange, dialect)
    assert not truth(exchange, dialect)["positions"]
