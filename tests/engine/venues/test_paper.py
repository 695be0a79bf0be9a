"""The paper venue: an exchange over a journal that processes share and nobody can half write."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.errors import OutcomeUnknown, TooLate, UnknownInstrument, VenueRefused
from engine.messages import Margin, PaymentKind, Style
from engine.order import OrderStatus
from engine.paper.account import START_CASH
from engine.paper.generated import SYMBOLS
from engine.paper.market import Tick
from engine.paper.shared import SharedExchange
from engine.signal import Action, Direction, Side
from engine.venues import paper
from engine.venues.paper import PaperVenue
from tests.engine.paper.floors import BTC, INSTRUMENTS, START_MS
from tests.engine.tickets import ticket

LONG, SHORT = Direction.LONG, Direction.SHORT
CLOSE = {"action": Action.CLOSE}
STEP_MS = 250
HOUR_MS = 3_600_000


def order(number=1, **changes):
    return ticket(**{"not_after_ms": 1 << 52, "client_order_id": f"ib{number}"} | changes)


class Scripted:
    """A market, and a clock, that the test moves: from each moment on the price is another."""

    def __init__(self, monkeypatch):
        self.now_ms = START_MS
        self.moves = [(0, Decimal(60_000))]
        monkeypatch.setattr(paper, "now_ms", lambda: self.now_ms)

    def instruments(self):
        return INSTRUMENTS

    def prices(self, at_ms, symbols):
        *_, last = (price for moment, price in self.moves if moment <= at_ms)
        return dict.fromkeys(symbols, last)

    def path(self, symbols, after_ms, until_ms):
        step_ms = max(STEP_MS, (until_ms - after_ms) // 1_000)
        for at_ms in range(after_ms // step_ms * step_ms + step_ms, until_ms + 1, step_ms):
            yield Tick(at_ms, self.prices(at_ms, symbols))

    def goes(self, *prices, every_ms=1_000):
        """Through these prices, while nobody looks."""
        for price in prices:
            self.now_ms += every_ms
            self.moves.append((self.now_ms, Decimal(price)))
        self.now_ms += every_ms


@pytest.fixture
def market(monkeypatch):
    return Scripted(monkeypatch)


@pytest.fixture
def venue(tmp_path, market):
    return PaperVenue(tmp_path, "1", market=market)


def truth(tmp_path, market=None):
    """What the lines say to somebody who reads them for the first time."""
    return PaperVenue(tmp_path, "1", market=market).truth()


def test_an_open_and_a_close_leave_profit_less_fees(venue, market):
    (bought,) = venue.place(order(1, quantity="0.1")).fills
    assert (bought.price, bought.fee) == ("60006", "3.0003")
    (held,) = venue.holdings()
    assert (held.direction, held.quantity, held.leverage) == (LONG, Decimal("0.1"), 10)
    assert held.margin is Margin.ISOLATED
    assert venue.balance().free == venue.balance().total - Decimal("600.06")
    market.goes(61_000)
    (sold,) = venue.place(order(2, quantity="0.1", **CLOSE)).fills
    profit = (Decimal(sold.price) - Decimal(bought.price)) * Decimal("0.1")
    assert venue.balance().total == START_CASH + profit - Decimal(bought.fee) - Decimal(sold.fee)
    assert venue.balance().free == venue.balance().total
    assert venue.holdings() == []


def test_long_and_short_are_held_apart_each_with_its_leverage_and_margin(venue):
    venue.place(order(1, leverage=5))
    venue.place(order(2, direction=SHORT, leverage=50, margin=Margin.CROSS))
    told = {one.direction: (one.leverage, one.margin) for one in venue.holdings()}
    assert told == {LONG: (5, Margin.ISOLATED), SHORT: (50, Margin.CROSS)}
    assert venue.check().is_hedged


def test_a_limit_order_rests_until_the_market_comes_and_is_canceled_otherwise(venue, market):
    waiting = venue.place(order(1, price="59000"))
    far = venue.place(order(2, price="58000"))
    assert (waiting.status, far.status) == (OrderStatus.OPEN, OrderStatus.OPEN)
    market.goes(58_990, 60_000)
    assert [one.client_order_id for one in venue.open_orders()] == ["ib2"]
    filled = venue.find(symbol=BTC, client_order_id="ib1")
    assert (filled.status, filled.fills[0].price) == (OrderStatus.FILLED, "59000")
    for _ in range(2):
        gone = venue.cancel(symbol=BTC, client_order_id="ib2")
        assert gone.status is OrderStatus.CANCELED
    assert venue.cancel(symbol=BTC, client_order_id="ib3") is None
    with pytest.raises(VenueRefused, match="fill at once"):
        venue.place(order(4, price="61000", style=Style.POST_ONLY))


def test_a_stop_fires_at_its_moment_though_nobody_looks(venue, market, tmp_path):
    venue.place(order(1, stop="59000", target="63000"))
    market.goes(59_500, 58_990, 64_000)
    assert venue.holdings() == []
    _, closed = venue.fills_since(BTC, 0)
    assert (closed.side, closed.client_order_id) == (Side.SELL, "")
    assert Decimal(58_900) < Decimal(closed.fill.price) < Decimal(59_000)
    assert closed.fill.filled_at_ms == START_MS + 2_000
    states = {one["status"] for one in truth(tmp_path, market)["triggers"]}
    assert states == {"fired", "canceled"}


def test_stop_and_target_are_replaced_and_a_refused_one_takes_nothing_away(venue):
    venue.place(order(1, stop="59000", target="63000"))
    protecting = {"symbol": BTC, "direction": LONG}
    venue.protect(**protecting, stop=Decimal(59_500), target=None)
    assert [one["ask"]["level"] for one in waiting(venue)] == ["59500"]
    with pytest.raises(VenueRefused, match="trigger at once"):
        venue.protect(**protecting, stop=Decimal(61_000), target=None)
    assert [one["ask"]["level"] for one in waiting(venue)] == ["59500"]
    venue.protect(**protecting, stop=None, target=None)
    assert waiting(venue) == []


def test_an_order_that_is_found_is_protected_if_what_it_opened_is_held(venue):
    asked = order(1, stop="59000")
    placed = venue.place(order(1))
    assert (venue.protected(asked, placed), len(waiting(venue))) == (placed, 1)
    venue.place(order(2, **CLOSE))
    assert (venue.protected(asked, placed), waiting(venue)) == (placed, [])
    told = venue.place(order(3, stop="61000"))
    assert "would trigger" in told.unprotected


def waiting(venue):
    return [one for one in venue.truth()["triggers"] if one["status"] == "waiting"]


def test_who_cannot_carry_a_position_is_liquidated_while_nobody_looks(venue, market):
    venue.place(order(1, quantity="0.5", leverage=50))
    market.goes(58_000)
    assert venue.holdings() == []
    assert START_CASH - 700 < venue.balance().total < START_CASH - 500


def test_funding_is_paid_when_it_is_due(venue, market):
    venue.place(order(1, quantity="0.1"))
    since_ms = market.now_ms
    market.goes(60_000, 60_000, every_ms=HOUR_MS)
    (paid,) = venue.payments_since(since_ms + 1)
    assert (paid.kind, paid.amount) == (PaymentKind.FUNDING, Decimal("-0.6"))
    (deposit, _) = venue.payments_since(0)
    assert (deposit.kind, deposit.amount) == (PaymentKind.DEPOSIT, START_CASH)


REFUSED = {
    "the other direction": (CLOSE | {"direction": SHORT}, "nothing to reduce"),
    "another symbol": (CLOSE | {"symbol": "ETH/USDT", "quantity": "1"}, "nothing to reduce"),
    "no margin": ({"quantity": "10", "leverage": 1}, "not enough free margin"),
    "between the steps": ({"quantity": "0.100001"}, "no multiple of the step"),
    "between the ticks": ({"price": "59000.05"}, "no multiple of the tick"),
    "the wrong side": ({"side": Side.SELL}, "a sell does not open a long"),
    "another margin": ({"margin": Margin.CROSS}, "another margin mode"),
    "too much leverage": ({"leverage": 150}, "no such leverage"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_the_account_cannot_carry_is_refused_and_there_is_no_order(venue, changes, reason):
    venue.place(order(1, quantity="0.1"))
    before = venue.truth()
    with pytest.raises(VenueRefused, match=reason):
        venue.place(order(2, **changes))
    assert venue.is_absent(order(2))
    after = venue.truth()
    assert [after[name] for name in ("orders", "fills", "cash")] == [
        before[name] for name in ("orders", "fills", "cash")
    ]
    (held,) = after["positions"]
    assert (held["quantity"], held["margin"]) == ("0.1", Margin.ISOLATED)


def test_a_symbol_that_is_not_traded_is_named(venue):
    with pytest.raises(UnknownInstrument):
        venue.place(order(symbol="DOGE/USDT"))
    assert venue.truth()["orders"] == []


def test_an_order_after_its_time_is_not_taken_but_its_twin_is_found(venue, market):
    late = {"not_after_ms": market.now_ms - 1}
    with pytest.raises(TooLate):
        venue.place(order(1, **late))
    placed = venue.place(order(1))
    assert venue.place(order(1, **late)) == placed == venue.place(order(1, quantity="0.2"))
    assert len(venue.truth()["orders"]) == 1


@pytest.mark.parametrize("kept", [0, 1, 50, -2, -1])
def test_who_dies_while_writing_has_written_nothing(tmp_path, kept):
    dying, journal = PaperVenue(tmp_path, "1"), tmp_path / "1.journal"
    dying.place(order(1))
    whole = journal.stat().st_size
    dying.place(order(2))
    lines = journal.read_bytes()[whole:].splitlines(keepends=True)
    ticks, line = lines[:-1], lines[-1]
    os.truncate(journal, whole + sum(map(len, ticks)) + len(line[:kept]))

    survivor = PaperVenue(tmp_path, "1")
    assert [one["client_id"] for one in survivor.truth()["orders"]] == ["ib1"]
    survivor.place(order(2))
    survivor.place(order(3))
    asked = [json.loads(line) for line in journal.read_bytes().splitlines()]
    placed = [line["ask"]["client_id"] for line in asked if line["do"] == "place"]
    assert placed == ["ib1", "ib2", "ib3"]


def test_what_could_not_be_written_is_unknown_and_then_as_the_lines_say(tmp_path, monkeypatch):
    venue = PaperVenue(tmp_path, "1")
    venue.place(order(1))
    with monkeypatch.context() as full:

        def no_room(_):
            raise OSError("no room")

        full.setattr("engine.paper.journal.os.fsync", no_room)
        with pytest.raises(OutcomeUnknown):
            venue.place(order(2))
    found = [one["client_id"] for one in venue.truth()["orders"]]
    assert found == [one["client_id"] for one in truth(tmp_path)["orders"]]
    venue.place(order(3))


def test_a_journal_that_cannot_be_read_says_nothing(tmp_path):
    PaperVenue(tmp_path, "1").place(order(1))
    with (tmp_path / "1.journal").open("a") as file:
        file.write("what is this?\n")
    with pytest.raises(OutcomeUnknown, match="not JSON"):
        PaperVenue(tmp_path, "1").find(symbol=BTC, client_order_id="ib1")


PLACER = """
import sys
from pathlib import Path
from engine.venues.paper import PaperVenue
from tests.engine.venues.test_paper import order
venue = PaperVenue(Path(sys.argv[1]), "1")
for number in range(20):
    # Every process places the odd ones; the even ones are its own.
    name = str(number) if number % 2 else sys.argv[2] + str(number)
    venue.place(order(name, quantity="0.001"))
"""


def test_several_processes_share_one_truth(tmp_path):
    placers = [
        subprocess.Popen([sys.executable, "-c", PLACER, str(tmp_path), name])
        for name in ("a", "b", "c")
    ]
    for placer in placers:
        assert placer.wait(60) == 0
    told = truth(tmp_path)
    assert len(told["orders"]) == 3 * 10 + 10
    (held,) = told["positions"]
    assert Decimal(held["quantity"]) == Decimal("0.001") * 40
    fees = sum(Decimal(one["fee"]) for one in told["fills"])
    assert Decimal(told["cash"]) == START_CASH - fees


class Sharing(RuleBasedStateMachine):
    """An account traded through several instances: they agree with each other and the lines."""

    @initialize()
    def begin(self):
        self.home = tempfile.TemporaryDirectory()
        self.path = Path(self.home.name) / "1.journal"
        self.numbers = itertools.count()
        self.placed = {}
        self.venues = [self.opened() for _ in range(2)]

    def opened(self):
        return PaperVenue(Path(self.home.name), "1")

    def teardown(self):
        self.home.cleanup()

    @rule(
        which=st.integers(0, 1),
        symbol=st.sampled_from(sorted(SYMBOLS)),
        direction=st.sampled_from(Direction),
        action=st.sampled_from(Action),
        share=st.integers(1, 12),
        leverage=st.sampled_from([1, 3, 10, 100]),
        away=st.sampled_from([None, -2, -1, 1]),
        stop=st.booleans(),
    )
    def trade(self, which, symbol, direction, action, share, leverage, away, stop):
        shape = SYMBOLS[symbol].instrument
        venue = self.venues[which]
        price = venue.price(symbol)
        quantity = (Decimal(400) / price * share / shape.step).to_integral_value() * shape.step
        near = (price * (100 + (away or 0)) / 100 / shape.tick).to_integral_value() * shape.tick
        below = (price / 2 / shape.tick).to_integral_value() * shape.tick
        asked = order(
            next(self.numbers),
            symbol=symbol,
            direction=direction,
            action=action,
            quantity=format(quantity, "f"),
            leverage=leverage,
            price=None if away is None else format(near, "f"),
            stop=format(below if direction is LONG else below * 3, "f") if stop else None,
        )
        try:
            self.placed[asked.client_order_id] = asked, venue.place(asked)
        except VenueRefused:
            assert self.venues[1 - which].is_absent(asked)

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 1), data=st.data())
    def again(self, which, data):
        asked, done = self.placed[data.draw(st.sampled_from(sorted(self.placed)))]
        now = self.venues[which].place(asked)
        assert now.venue_order_id == done.venue_order_id
        assert now.filled >= done.filled

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 1), data=st.data())
    def cancel(self, which, data):
        asked, _ = self.placed[data.draw(st.sampled_from(sorted(self.placed)))]
        names = {"symbol": asked.symbol, "client_order_id": asked.client_order_id}
        done = self.venues[which].cancel(**names)
        assert done == self.venues[1 - which].find(**names)
        assert done.status is not OrderStatus.OPEN

    @precondition(lambda self: self.path.exists())
    @rule(size=st.floats(0, 0.999))
    def tear(self, size):
        """Somebody dies in the middle of writing one more line."""
        line = self.path.read_bytes().splitlines()[0]
        with self.path.open("ab") as file:
            file.write(line[: int(len(line) * size)])

    @rule(which=st.integers(0, 1))
    def begin_anew(self, which):
        self.venues[which].close()
        self.venues[which] = self.opened()

    @invariant()
    def all_know_the_same_and_no_money_is_lost(self):
        fresh = self.opened()
        told = [told_by(venue) for venue in (*self.venues, fresh)]
        fresh.close()
        assert told[0] == told[1] == told[2]
        assert {one["client_id"] for one in told[0]["orders"]} - {""} == set(self.placed)


def told_by(venue):
    """Without what follows from the price of the moment."""
    with venue._visit() as (exchange, _):
        assert exchange.total() == exchange.deposited()
    told = venue.truth()
    return {name: told[name] for name in told if name not in ("available", "unrealised")}


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_each_account_has_an_exchange_of_its_own(tmp_path):
    PaperVenue(tmp_path, "1").place(order(1))
    assert PaperVenue(tmp_path, "2").truth()["orders"] == []


def test_an_account_begins_with_what_it_is_first_opened_with(tmp_path):
    assert PaperVenue(tmp_path, "1", cash=Decimal(500)).balance().total == 500
    assert PaperVenue(tmp_path, "1").balance().total == 500


def test_a_visit_without_anything_at_stake_writes_nothing(tmp_path):
    shared = SharedExchange(tmp_path / "1.journal", "1", paper.GeneratedMarket())
    with shared.visit(START_MS):
        pass
    before = (tmp_path / "1.journal").read_bytes()
    with shared.visit(START_MS + HOUR_MS) as exchange:
        assert exchange.account("1").cash == START_CASH
    assert (tmp_path / "1.journal").read_bytes() == before
