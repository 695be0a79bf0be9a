"""The paper venue's books: exact, shared by processes, and never half written."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.errors import TooLate, UnknownInstrument, VenueRefused
from engine.money import points
from engine.order import OrderStatus
from engine.signal import Action, Direction, Side
from engine.venues.paper import START_BALANCE, TAKER_FEE, PaperVenue
from engine.venues.paper_market import SYMBOLS
from tests.engine.tickets import ticket

IN_TIME = {"not_after_ms": 1 << 52}


def order(number=1, **changes):
    return ticket(**IN_TIME | {"client_order_id": f"ib{number}"} | changes)


@pytest.fixture
def venue(tmp_path):
    return PaperVenue(tmp_path, "1")


def test_an_open_and_a_close_leave_profit_less_fees(venue):
    (bought,) = venue.place(order(1, quantity="0.1")).fills
    assert Decimal(bought.fee) == points(Decimal("0.1") * Decimal(bought.price) * TAKER_FEE)
    assert venue.books().free < venue.balance()
    (sold,) = venue.place(order(2, quantity="0.1", action=Action.CLOSE)).fills
    profit = (Decimal(sold.price) - Decimal(bought.price)) * Decimal("0.1")
    fees = Decimal(sold.fee) + Decimal(bought.fee)
    assert venue.balance() == START_BALANCE + profit - fees
    assert venue.positions() == {}
    assert venue.books().free == venue.balance()


def test_each_order_puts_up_margin_at_its_own_leverage(venue):
    (first,) = venue.place(order(1, quantity="0.1", leverage=10)).fills
    (second,) = venue.place(order(2, quantity="0.1", leverage=1)).fills
    asked = [Decimal("0.1") * Decimal(first.price) / 10, Decimal("0.1") * Decimal(second.price)]
    assert venue.books().margin == {"BTC/USDT:long": sum(asked)}
    venue.place(order(3, quantity="0.05", leverage=100, action=Action.CLOSE))
    assert venue.books().margin == {"BTC/USDT:long": sum(asked) * Decimal("0.75")}


REFUSED = {
    "more than is held": ({"action": Action.CLOSE, "quantity": "0.10001"}, "nothing that large"),
    "the other direction": ({"action": Action.CLOSE, "direction": Direction.SHORT}, "nothing that"),
    "another symbol": ({"action": Action.CLOSE, "symbol": "ETH/USDT"}, "nothing that large"),
    "no margin": ({"quantity": "10", "leverage": 1}, "not enough free margin"),
    "between the steps": ({"quantity": "0.100001"}, "no multiple"),
    "the wrong side": ({"side": Side.SELL}, "a sell does not open a long"),
    "a limit": ({"price": "50000"}, "market orders"),
    "a stop": ({"stop": "50000"}, "market orders"),
    "a target": ({"target": "50000"}, "market orders"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_the_account_cannot_carry_is_refused_and_not_written(venue, changes, reason):
    venue.place(order(1, quantity="0.1"))
    before = venue.path.read_bytes()
    with pytest.raises(VenueRefused, match=reason):
        venue.place(order(2, **changes))
    assert venue.path.read_bytes() == before
    assert venue.find(symbol="BTC/USDT", client_order_id="ib2") is None


def test_a_symbol_that_is_not_traded_is_not_written(venue):
    with pytest.raises(UnknownInstrument):
        venue.place(order(symbol="DOGE/USDT"))
    assert venue.orders() == []


def test_an_order_after_its_time_is_not_taken_but_its_twin_is_found(venue):
    late = {"not_after_ms": int(time.time() * 1000) - 1}
    with pytest.raises(TooLate):
        venue.place(order(1, **late))
    assert venue.orders() == []
    placed = venue.place(order(1))
    assert venue.place(order(1, **late)) == placed


def test_a_name_is_an_order_once(venue):
    placed = venue.place(order(1, quantity="0.1"))
    assert venue.place(order(1, quantity="0.2")) == placed
    assert len(venue.orders()) == 1


def test_a_long_account_name_fits_a_report(tmp_path):
    venue = PaperVenue(tmp_path, "a" * 64)
    placed = venue.place(order(1))
    assert len(placed.venue_order_id) <= 60
    assert len(placed.fills[0].venue_fill_id) <= 64


@pytest.mark.parametrize("kept", [0, 1, 50, -2, -1])
def test_who_dies_while_writing_has_written_nothing(tmp_path, kept):
    venue = PaperVenue(tmp_path, "1")
    venue.place(order(1))
    whole = venue.path.stat().st_size
    venue.place(order(2))
    line = venue.path.read_bytes()[whole:]
    os.truncate(venue.path, whole + len(line[:kept]))

    survivor = PaperVenue(tmp_path, "1")
    assert [known.client_order_id for known in survivor.orders()] == ["ib1"]
    survivor.place(order(2))
    survivor.place(order(3))
    lines = survivor.path.read_bytes().splitlines()
    assert [json.loads(line)["client_order_id"] for line in lines] == ["ib1", "ib2", "ib3"]


PLACER = """
import sys
from pathlib import Path
from engine.venues.paper import PaperVenue
from tests.engine.venues.test_paper import order
venue = PaperVenue(Path(sys.argv[1]), "1")
for number in range(40):
    # Every process places the odd ones; the even ones are its own.
    name = str(number) if number % 2 else sys.argv[2] + str(number)
    venue.place(order(name, quantity="0.001"))
print(venue.balance())
"""


def test_several_processes_share_one_truth(tmp_path):
    placers = [
        subprocess.Popen(
            [sys.executable, "-c", PLACER, str(tmp_path), name], stdout=subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    for placer in placers:
        placer.communicate()
        assert placer.returncode == 0
    venue = PaperVenue(tmp_path, "1")
    assert len(venue.orders()) == 3 * 20 + 20
    held = venue.positions()["BTC/USDT:long"]
    assert held.quantity == Decimal("0.001") * 80
    assert venue.balance() == START_BALANCE - held.fees


class Exchange(RuleBasedStateMachine):
    """An account traded through several instances, compared with a plain reading of its fills."""

    @initialize()
    def begin(self):
        self.home = tempfile.TemporaryDirectory()
        self.numbers = itertools.count()
        self.placed = {}
        self.venues = [PaperVenue(Path(self.home.name), "1") for _ in range(2)]

    def teardown(self):
        self.home.cleanup()

    def held(self, symbol, direction):
        position = self.venues[0].positions().get(f"{symbol}:{direction}")
        return position.quantity if position else Decimal(0)

    @rule(
        which=st.integers(0, 1),
        symbol=st.sampled_from(sorted(SYMBOLS)),
        direction=st.sampled_from(Direction),
        action=st.sampled_from(Action),
        share=st.integers(1, 12),
        leverage=st.sampled_from([1, 3, 10, 125]),
    )
    def trade(self, which, symbol, direction, action, share, leverage):
        step = SYMBOLS[symbol].instrument.step
        base = Decimal(400) / Decimal(SYMBOLS[symbol].level)
        if action is Action.CLOSE and self.held(symbol, direction):
            base = self.held(symbol, direction) / 10  # a share of 10 is all, 12 is too much
        quantity = (base * share / step).to_integral_value() * step
        asked = order(
            next(self.numbers),
            symbol=symbol,
            direction=direction,
            action=action,
            quantity=format(max(quantity, step), "f"),
            leverage=leverage,
        )
        before = self.held(symbol, direction)
        try:
            done = self.venues[which].place(asked)
        except VenueRefused:
            assert (
                self.venues[1 - which].find(symbol=symbol, client_order_id=asked.client_order_id)
                is None
            )
            return
        assert done.status is OrderStatus.FILLED
        self.placed[asked.client_order_id] = (asked, done)
        if action is Action.OPEN:
            assert self.venues[which].books().free >= 0
        else:
            assert before >= Decimal(asked.quantity)

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 1), data=st.data())
    def again(self, which, data):
        name = data.draw(st.sampled_from(sorted(self.placed)))
        asked, done = self.placed[name]
        assert self.venues[which].place(asked) == done

    @rule(which=st.integers(0, 1))
    def too_late(self, which):
        with pytest.raises(TooLate):
            self.venues[which].place(order(next(self.numbers), not_after_ms=1))

    @precondition(lambda self: self.placed)
    @rule(size=st.floats(0, 0.999))
    def tear(self, size):
        """Somebody dies in the middle of writing one more line."""
        line = self.venues[0].path.read_bytes().splitlines()[0]
        with self.venues[0].path.open("ab") as file:
            file.write(line[: int(len(line) * size)])

    @rule(which=st.integers(0, 1))
    def begin_anew(self, which):
        self.venues[which] = PaperVenue(Path(self.home.name), "1")

    @invariant()
    def the_books_are_those_of_the_fills(self):
        held, margin = {}, {}
        cash = START_BALANCE
        for asked, done in self.placed.values():
            (fill,) = done.fills
            where = f"{asked.symbol}:{asked.direction}"
            amount, price = Decimal(fill.quantity), Decimal(fill.price)
            quantity, cost = held.get(where, (Decimal(0), Decimal(0)))
            if asked.action is Action.OPEN:
                held[where] = quantity + amount, cost + amount * price
                margin[where] = margin.get(where, 0) + amount * price / asked.leverage
            else:
                paid = cost * amount / quantity
                held[where] = quantity - amount, cost - paid
                margin[where] *= (quantity - amount) / quantity
                sign = 1 if asked.direction is Direction.LONG else -1
                cash += sign * (amount * price - paid)
            cash -= Decimal(fill.fee)
        for venue in self.venues:
            books = venue.books()
            assert list(books.orders) == list(self.placed)
            assert abs(books.cash - cash) < Decimal("1e-15")
            positions = {where: state.quantity for where, state in books.positions.items()}
            assert positions == {where: kept[0] for where, kept in held.items() if kept[0]}
            for where in positions:
                assert abs(books.margin[where] - margin[where]) < Decimal("1e-15")
            assert books.margin.keys() == positions.keys()


TestExchange = Exchange.TestCase
TestExchange.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)


def test_each_account_has_books_of_its_own(tmp_path):
    PaperVenue(tmp_path, "1").place(order(1))
    assert PaperVenue(tmp_path, "2").orders() == []
