"""Whatever is asked in whatever order, the exchange's books stay true."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.messages import Margin, Style
from engine.money import ZERO
from engine.paper import margin as carrying
from engine.paper.account import IdRule
from engine.paper.errors import Refused
from engine.paper.exchange import Exchange
from engine.paper.journal import Journal
from engine.paper.market import Quoting
from engine.paper.orders import Origin, TriggerAsk
from engine.paper.truth import truth
from engine.signal import Direction, Side
from tests.engine.paper.floors import BTC, ETH, INSTRUMENTS, ask, exact, floor, move, opened

NAMES = ("alice", "bob", "carol")
PRICES = {BTC: (st.integers(560, 640), 100), ETH: (st.integers(280, 320), 10)}
# Shallow, so that orders are often filled in part and meet each other.
QUOTING = Quoting(levels=3, notional=Decimal(2_000))
names = st.sampled_from(NAMES)
symbols = st.sampled_from([BTC, ETH])
quantities = st.integers(1, 400).map(lambda hundredths: Decimal(hundredths) / 100)
directions = st.sampled_from(Direction)


def a_price(symbol):
    steps, factor = PRICES[symbol]
    return steps.map(lambda step: Decimal(step * factor))


class Trading(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.home = tempfile.TemporaryDirectory()
        self.path = Path(self.home.name, "journal")
        self.journal = Journal(self.path, is_synced=False)
        self.exchange = floor(journal=self.journal, quoting=QUOTING)
        for name, rule_of_ids in zip(NAMES, IdRule, strict=True):
            opened(self.exchange, name, cash=20_000, ids=rule_of_ids)

    def attempt(self, asked, *details, **named):
        """What is refused leaves no trace; the rest is looked at by the invariants."""
        before = truth(self.exchange)
        try:
            getattr(self.exchange, asked)(*details, **named)
        except Refused:
            assert truth(self.exchange) == before

    @rule(
        name=names,
        symbol=symbols,
        side=st.sampled_from(Side),
        quantity=quantities,
        style=st.sampled_from(Style),
        direction=directions,
        is_reduce_only=st.booleans(),
        client_id=st.sampled_from(["", "ib1", "ib2"]),
        data=st.data(),
    )
    def place(self, name, symbol, quantity, direction, data, **details):
        price = data.draw(st.none() | a_price(symbol))
        if price is None:
            details["style"] = Style.PLAIN
        if self.exchange.accounts[name].is_hedged:
            details["direction"] = direction
        quantity *= 1 if symbol == BTC else 10
        self.attempt("place", name, ask(**details, quantity=quantity, price=price, symbol=symbol))

    @rule(name=names, number=st.integers(1, 60))
    def cancel(self, name, number):
        self.attempt("cancel", name, number)

    @rule(
        name=names,
        symbol=symbols,
        side=st.sampled_from(Side),
        direction=directions,
        whole=st.booleans(),
        rises=st.booleans(),
        group=st.sampled_from(["", "1"]),
        data=st.data(),
    )
    def arm(self, name, symbol, side, direction, whole, rises, group, data):
        account = self.exchange.accounts[name]
        order = ask(
            side,
            0 if whole else data.draw(quantities),
            symbol=symbol,
            direction=direction if account.is_hedged else None,
            is_reduce_only=True,
        )
        level = data.draw(a_price(symbol))
        self.attempt("arm", name, TriggerAsk(order, level, rises=rises, whole=whole, group=group))

    @rule(symbol=symbols, seconds=st.integers(0, 30_000), data=st.data())
    def move(self, symbol, seconds, data):
        name = "btc" if symbol == BTC else "eth"
        move(self.exchange, seconds=seconds, **{name: data.draw(a_price(symbol))})

    @rule(name=names, is_hedged=st.booleans())
    def set_hedge(self, name, is_hedged):
        self.attempt("set_hedge", name, is_hedged)

    @rule(name=names, symbol=symbols, margin=st.sampled_from(Margin))
    def set_margin(self, name, symbol, margin):
        self.attempt("set_margin", name, symbol, margin)

    @rule(name=names, symbol=symbols, leverage=st.integers(0, 120))
    def set_leverage(self, name, symbol, leverage):
        self.attempt("set_leverage", name, symbol, leverage)

    @rule(rate=st.integers(-30, 30).map(lambda steps: Decimal(steps) / 10_000))
    def pay_funding(self, rate):
        self.exchange.pay_funding(rate)

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def no_money_is_made_or_lost(self):
        assert self.exchange.total() == self.exchange.deposited()

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def what_one_holds_somebody_owes(self):
        everyone = [*self.exchange.accounts.values(), self.exchange.house]
        for symbol in INSTRUMENTS:
            longs = sum((one.held(symbol, Direction.LONG) for one in everyone), ZERO)
            assert longs == sum((one.held(symbol, Direction.SHORT) for one in everyone), ZERO)

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def no_book_is_crossed(self):
        for symbol in INSTRUMENTS:
            book = self.exchange.book(symbol)
            assert not book.is_crossed()
            resting = [*book.bids.orders(), *book.asks.orders()]
            assert book.guests == len([order for order in resting if order.number])

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def what_cannot_be_carried_is_gone(self):
        for account in self.exchange.accounts.values():
            assert not carrying.cannot_carry(account, self.exchange.marks, self.exchange.rates)
            put_up = sum((one.put_up for one in account.holdings.values()), ZERO)
            assert carrying.crossed(account) or account.cash >= put_up

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def positions_are_what_the_fills_add_up_to(self):
        for account in self.exchange.accounts.values():
            for symbol in INSTRUMENTS:
                bought = sum(
                    (
                        one.quantity if one.side is Side.BUY else -one.quantity
                        for one in account.executions
                        if one.symbol == symbol
                    ),
                    ZERO,
                )
                long, short = (account.held(symbol, one) for one in Direction)
                assert bought == long - short
                assert account.is_hedged or not (long and short)

    @precondition(lambda self: hasattr(self, "exchange"))
    @invariant()
    def orders_are_what_their_fills_add_up_to(self):
        for account in self.exchange.accounts.values():
            assert set(account.open) == {
                one.number for one in account.orders.values() if one.is_open
            }
            for order in account.orders.values():
                assert order.filled == sum((fill.quantity for fill in order.fills), ZERO)
                assert order.left >= 0
                if order.origin is Origin.OWNER and order.ask.price is not None:
                    assert all(is_as_good(order, fill.price) for fill in order.fills)

    def teardown(self):
        if hasattr(self, "exchange"):
            told = truth(self.exchange)
            self.journal.close()
            again = Journal(self.path, is_synced=False)
            assert same_but_for_an_idle_tick(truth(comes_back(again)), told)
            again.close()
            self.home.cleanup()


def comes_back(journal):
    return Exchange(INSTRUMENTS, journal=journal, quoting=QUOTING)


def same_but_for_an_idle_tick(again, told):
    """A last tick that changed nothing is not in the journal: the next one makes up for it."""
    moved = ("at_ms", "marks")
    unmoved = [
        {key: value for key, value in one.items() if key not in moved} for one in (again, told)
    ]
    for one in unmoved:
        for account in one["accounts"].values():
            account.pop("available"), account.pop("unrealised")
    return unmoved[0] == unmoved[1]


def is_as_good(order, price):
    return price <= order.ask.price if order.ask.side is Side.BUY else price >= order.ask.price


Trading.TestCase.settings = settings(max_examples=80, stateful_step_count=50)
TestTrading = Trading.TestCase


@settings(max_examples=40)
@given(cut=st.integers(0, 100_000))
def test_a_journal_cut_anywhere_is_an_exchange_that_stopped_there(cut):
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "journal")
        exchange = floor(journal=Journal(path, is_synced=False))
        opened(exchange)
        for number in range(6):
            exchange.place("alice", ask("buy", exact("0.01"), 59_000 + number))
            move(exchange, btc=59_500 - 200 * number)
        exchange._journal.close()
        whole = path.read_bytes()
        path.write_bytes(whole[: cut % len(whole)])
        again = Exchange(INSTRUMENTS, journal=Journal(path, is_synced=False))
        kept = path.read_bytes()
        assert whole.startswith(kept)
        assert len(kept) == whole.rfind(b"\n", 0, cut % len(whole)) + 1
        assert again.total() == again.deposited()
        again._journal.close()
