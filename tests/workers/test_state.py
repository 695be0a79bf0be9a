"""An account read back: what the venue says, in one answer, and never a secret in it."""

import json
import logging
from decimal import Decimal
from types import SimpleNamespace

import pytest
from nacl.signing import SigningKey

from engine import envelope
from engine.errors import MessageRefused, VenueBusy
from engine.messages import MAX_BYTES, ROWS_PER_STATE, AccountState, Since, StateAsk, Task, Tickets
from engine.signal import Action, Direction
from engine.venues import binance, gate, okx
from engine.venues.base import Holding
from tests.engine.paper.clients import Control
from tests.engine.tickets import ticket
from workers.vault import Opener, open_credentials

SYMBOL = "BTC/USDT"
CANARY = "canary-90aa11"
OUR_ID = "ib" + "c" * 24


class Reading:
    """One account at the local exchange, traded and read back by one host."""

    def __init__(self, venue, host, tasks, state, exchange):
        self.venue, self.host, self.tasks, self.state = venue, host, tasks, state
        self.control = Control(exchange)
        self.key = self.control.open(venue)

    def sealed(self):
        names = {"api_key": "api_key", "api_secret": "secret", "passphrase": "passphrase"}
        secret = {name: self.key[theirs] for name, theirs in names.items()}
        to = bytes(self.host.keys.seal_private.public_key)
        return envelope.seal(json.dumps(secret).encode(), to=to)

    def buy(self, **changes):
        told = {
            "venue": self.venue,
            "quantity": "0.02",
            "client_order_id": OUR_ID,
            "sealed_credentials": self.sealed(),
            "not_after_ms": self.tasks.now_ms() + 20_000,
        }
        return self.tasks.answer(
            ticket(**told | changes),
            self.host,
            Opener("", key=self.host.keys.seal_private),
            self.tasks.now_ms(),
        )

    def ask(self, **changes):
        told = {
            "venue": self.venue,
            "account": "1",
            "sealed_credentials": self.sealed(),
            "asked_at_ms": self.tasks.now_ms(),
            "fills": [Since(symbol=SYMBOL, since_ms=self.tasks.now_ms() - 60_000)],
            "payments_since_ms": self.tasks.now_ms() - 60_000,
        }
        return StateAsk(**told | changes)

    def exchange(self):
        """The adapter that this account's tickets go through."""
        opened = open_credentials(self.sealed(), key=self.host.keys.seal_private)
        with self.host.adapters.lend(self.ask(), opened) as exchange:
            return exchange

    def read(self, **changes):
        return self.state.state_of(self.ask(**changes), self.host)


@pytest.fixture(params=["binance", "okx", "gate"])
def reading(request, rebased, tasks, state, exchange):
    return Reading(request.param, rebased, tasks, state, exchange)


def test_a_state_says_what_the_exchange_says(reading):
    bought = reading.buy()
    told = reading.read(with_rights=True)
    assert told.error == ""
    truth = reading.control.truth(reading.key["account"])
    assert Decimal(told.money.total) == Decimal(truth["cash"])
    (held,) = told.holdings
    assert (held.symbol, held.direction) == (SYMBOL, Direction.LONG)
    assert Decimal(held.quantity) == Decimal(bought.filled)
    assert [row.fill for row in told.fills] == bought.fills
    assert {row.venue_order_id for row in told.fills} == {bought.venue_order_id}
    assert told.instruments[0].symbol == SYMBOL
    assert told.rights.can_trade is not False
    assert abs(told.rights.clock_offset_ms) < 5000
    assert not told.is_cut


def test_a_venue_that_tells_nothing_of_the_key_is_read_all_the_same(reading, monkeypatch):
    def broken():
        raise VenueBusy("rate limit")

    monkeypatch.setattr(reading.exchange(), "check", broken)
    told = reading.read(with_rights=True)
    assert (told.rights.error, told.rights.can_trade) == ("rate limit", None)
    assert told.money.total == "10000"


def test_an_empty_account_is_no_failure(reading):
    told = reading.read()
    assert (told.error, told.holdings, told.fills, told.rights) == ("", [], [], None)
    assert told.money.total == "10000"


def test_reading_changes_nothing_at_the_venue(reading):
    reading.buy()
    before = reading.control.truth(reading.key["account"])["orders"]
    reading.read(with_rights=True)
    assert reading.control.truth(reading.key["account"])["orders"] == before


def test_a_fill_on_the_cursor_is_told_and_one_before_it_is_not(reading):
    reading.buy()
    told = reading.read().fills
    last = max(row.fill.filled_at_ms for row in told)
    on_it = [row for row in told if row.fill.filled_at_ms == last]
    assert reading.read(fills=[Since(symbol=SYMBOL, since_ms=last)]).fills == on_it
    assert reading.read(fills=[Since(symbol=SYMBOL, since_ms=last + 1)]).fills == []


def test_more_fills_than_a_page_of_the_venue_are_all_told_once(reading, monkeypatch):
    for venue, name in ((binance, "PAGE"), (okx, "PAGE"), (gate, "PAGE"), (gate, "LONG_PAGE")):
        monkeypatch.setattr(venue, name, 2)
    for number in range(5):
        reading.buy(client_order_id=f"ib{'e' * 23}{number}")
    truth = reading.control.truth(reading.key["account"])["orders"]
    numbers = [str(fill) for order in truth for fill in order["fills"]]
    assert len(numbers) >= 5
    assert sorted(row.fill.venue_fill_id for row in reading.read().fills) == sorted(numbers)


@pytest.mark.parametrize("price", ["48000", "52000"])
def test_what_fired_is_told_as_such_and_found_by_the_venue_s_number(reading, price):
    reading.control.hold(BTC="50000")
    bought = reading.buy(stop="49000", target="51000")
    by_hand = reading.buy(client_order_id="ib" + "d" * 24)
    reading.control.hold(BTC=price)
    minute_ago = reading.tasks.now_ms() - 60_000
    held = Since(symbol=SYMBOL, since_ms=minute_ago, held_since_ms=minute_ago)
    told = reading.read(fills=[held])
    fired = [row for row in told.fills if row.is_protection]
    numbers = {row.venue_order_id for row in told.fills if not row.is_protection}
    assert numbers == {bought.venue_order_id, by_hand.venue_order_id}
    (true,) = [
        order
        for order in reading.control.truth(reading.key["account"])["orders"]
        if order["origin"] == "trigger"
    ]
    assert {row.venue_order_id for row in fired} == {str(true["number"])}
    assert sum(Decimal(row.fill.quantity) for row in fired) == Decimal("0.04")
    assert told.holdings == []

    number = fired[0].venue_order_id
    named = {"venue_order_id": number, "client_order_id": f"venue-{number}", "task": Task.LOOK_UP}
    found = reading.buy(action=Action.CLOSE, quantity="0.04", **named)
    assert (found.status, found.fills) == ("filled", [row.fill for row in fired])
    # A number that is of another order is no answer.
    other = reading.buy(action=Action.OPEN, **named)
    assert (other.status, other.reason) == ("unknown", f"{number} is a sell order")
    none = reading.buy(action=Action.CLOSE, **named | {"venue_order_id": "999999"})
    assert (none.status, none.reason) == ("unknown", "the venue has no 999999")
    # Where the books hold nothing, nothing of ours was protected.
    told = reading.read(fills=[Since(symbol=SYMBOL, since_ms=minute_ago)])
    assert not any(row.is_protection for row in told.fills)


def test_a_venue_that_fails_is_told_as_a_failure_and_not_as_empty(reading, monkeypatch):
    venue = reading.exchange()
    for failure, said in (
        (VenueBusy("rate limit"), "rate limit"),
        (KeyError(CANARY), "the adapter failed: KeyError"),
    ):

        def broken(failure=failure):
            raise failure

        monkeypatch.setattr(venue, "holdings", broken)
        told = reading.read()
        assert (told.error, told.money, told.holdings) == (said, None, [])


def test_more_than_one_answer_holds_is_told_in_parts(reading, monkeypatch):
    (fill,) = reading.buy().fills[:1]
    owned = SimpleNamespace(
        symbol=SYMBOL, client_order_id=OUR_ID, venue_order_id="v" * 64, side="buy", fill=fill
    )
    venue = reading.exchange()
    monkeypatch.setattr(venue, "fills_since", lambda symbol, since_ms: [owned] * 500)
    told = reading.read()
    assert told.is_cut
    assert len(told.fills) == ROWS_PER_STATE
    signed = envelope.sign(
        told, sender="walk", receiver="centre", key=reading.host.keys.sign_private
    )
    assert len(signed) < MAX_BYTES * 2


def test_too_many_positions_are_refused_rather_than_told_in_part(reading, monkeypatch):
    venue = reading.exchange()
    row = Holding(SYMBOL, Direction.LONG, Decimal(1), Decimal(1), 1, "isolated", Decimal(0))
    monkeypatch.setattr(venue, "holdings", lambda: [row] * (ROWS_PER_STATE + 1))
    assert "more than one answer holds" in reading.read().error


def test_a_venue_without_an_adapter_has_no_state(rebased, tasks, state, exchange):
    reading = Reading("binance", rebased, tasks, state, exchange)
    assert "no adapter for nowhere" in reading.read(venue="nowhere").error


def test_bad_keys_are_an_error_that_quotes_none(rebased, tasks, state, exchange, caplog):
    caplog.set_level(logging.DEBUG)
    reading = Reading("binance", rebased, tasks, state, exchange)
    reading.key = {"api_key": f"{CANARY}-key", "secret": f"{CANARY}-secret", "passphrase": ""}
    told = reading.read()
    assert told.error
    assert CANARY not in repr(told) + caplog.text


def test_an_ask_is_answered_once_to_the_centre(rebased, tasks, state, exchange, centre_key):
    reading = Reading("okx", rebased, tasks, state, exchange)
    state.answer(reading.ask(), rebased)
    ((task, queue, told),) = rebased.sent
    assert (task, queue) == ("orders.record_state", "centre.states")
    assert isinstance(told, AccountState)


def test_only_the_centre_asks(rebased, tasks, state, exchange, centre_key):
    ask = Reading("okx", rebased, tasks, state, exchange).ask()

    def signed(message, key, sender="centre"):
        return envelope.sign(message, sender=sender, receiver="walk", key=key)

    assert tasks.read_message(signed(ask, centre_key), rebased, StateAsk) == ask
    for text in (
        signed(ask, SigningKey.generate()),
        signed(ask, centre_key, sender="walk"),
        signed(Tickets(tickets=[ticket()]), centre_key),
    ):
        with pytest.raises(MessageRefused):
            tasks.read_message(text, rebased, StateAsk)


def test_what_is_watched_is_told_with_open_interest_and_funding(reading):
    reading.buy()
    (told,) = reading.read(watched=[SYMBOL]).instruments
    assert (Decimal(told.open_interest), Decimal(told.funding)) == (
        Decimal("0.02"),
        Decimal("0.0001"),
    )
    (unwatched,) = reading.read().instruments
    assert (unwatched.open_interest, unwatched.funding) == (None, None)


def test_a_venue_that_does_not_tell_open_interest_is_read_all_the_same(reading, monkeypatch):
    def away(self, symbol):
        raise VenueBusy("no")

    monkeypatch.setattr(type(reading.exchange()), "interest", away)
    state = reading.read(watched=[SYMBOL])
    assert state.error == ""
    assert state.instruments[0].open_interest is None
    assert state.instruments[0].price
