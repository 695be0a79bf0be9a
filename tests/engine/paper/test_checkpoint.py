"""A journal that has grown long begins anew, and nobody who shares it or dies can tell."""

import json
import multiprocessing
import os
import signal
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.messages import Margin
from engine.paper.account import IdRule
from engine.paper.errors import Refused
from engine.paper.exchange import NUMBERS_PER_MS, Exchange
from engine.paper.generated import GeneratedMarket
from engine.paper.journal import Journal
from engine.paper.orders import Ask, TriggerAsk
from engine.paper.shared import SharedExchange
from engine.paper.truth import truth
from engine.signal import Direction, Side
from tests.engine.paper.floors import INSTRUMENTS

D = Decimal
BTC = "BTC/USDT"
NOW_MS = 1_700_000_000_000
MINUTE = 60_000


def told(exchange):
    """Everything that it is, in words; the house quotes when somebody looks, and so all do now."""
    for symbol in exchange.marks:
        exchange.book(symbol)
    whole = msgspec.to_builtins(exchange.whole())
    for book in whole["books"].values():
        book["quotes"] = [quote | {"placed_at_ms": 0} for quote in book["quotes"]]
    return whole, truth(exchange)


def steps():
    quantity = st.sampled_from([D("0.01"), D("0.5"), D(2)])
    side = st.sampled_from(Side)
    price = st.integers(48_500, 51_500).map(D)
    who = st.sampled_from(["alice", "bob"])
    client_id = st.sampled_from(["", "one", "two"])
    return st.lists(
        st.one_of(
            st.tuples(st.just("tick"), price),
            st.tuples(st.just("place"), who, side, quantity, st.none() | price, client_id),
            st.tuples(st.just("arm"), who, side, price, st.booleans()),
            st.tuples(st.just("cancel"), who, st.integers(0, 3)),
            st.tuples(st.just("leverage"), who, st.integers(1, 50), st.sampled_from(Margin)),
            st.tuples(st.just("silence"), who, st.integers(0, 5)),
            st.tuples(st.just("funding"), st.sampled_from([D("0.0001"), D("-0.01")])),
        ),
        max_size=25,
    )


class Player:
    """Plays the same steps on any exchange; what one refuses, the other must refuse."""

    def __init__(self, exchange):
        self.exchange = exchange
        self.refused = []

    def begin(self):
        self.exchange.begin(NOW_MS)
        self.exchange.tick(NOW_MS, {BTC: D(50_000)})
        for name in ("alice", "bob"):
            self.exchange.open_account(name, cash=D(20_000), ids=IdRule.LATEST)

    def play(self, number, step):
        try:
            getattr(self, step[0])(number, *step[1:])
        except Refused as refusal:
            self.refused.append((number, refusal.reason))

    def tick(self, number, price):
        self.exchange.tick(NOW_MS + number * MINUTE * 30, {BTC: price})

    def place(self, _, who, side, quantity, price, client_id):
        self.exchange.place(who, Ask(BTC, side, quantity, price, client_id=client_id))

    def arm(self, _, who, side, level, whole):
        ask = Ask(BTC, side, D("0.01"))
        rises = level > self.exchange.marks[BTC]
        self.exchange.arm(who, TriggerAsk(ask, level, rises=rises, whole=whole, group="g"))

    def cancel(self, _, who, which):
        numbers = [*self.exchange.account(who).open][which:]
        if numbers:
            self.exchange.cancel(who, numbers[0])

    def leverage(self, _, who, leverage, margin):
        self.exchange.set_leverage(who, BTC, leverage, margin=margin)

    def silence(self, number, who, after):
        self.exchange.cancel_all_at(who, BTC, NOW_MS + (number + after) * MINUTE * 30)

    def funding(self, _, rate):
        self.exchange.pay_funding(rate)


@given(steps(), st.sets(st.integers(0, 24), max_size=3))
@settings(max_examples=int(os.environ.get("CHECKPOINTS", "60")), deadline=None)
def test_a_checkpoint_and_its_tail_are_the_whole_journal(tmp_path_factory, taken, shortened_at):
    home = tmp_path_factory.mktemp("journals")
    plain, short = (
        Player(Exchange(INSTRUMENTS, journal=Journal(home / name, is_synced=False)))
        for name in ("plain", "short")
    )
    for player in (plain, short):
        player.begin()
    for number, step in enumerate(taken, 1):
        if number in shortened_at:
            short.exchange.shorten()
            # Whoever writes no journal has not come to this moment either.
            plain.exchange.note_time()
        plain.play(number, step)
        short.play(number, step)
    for player in (plain, short):
        player.exchange.note_time()
    assert plain.refused == short.refused
    assert told(plain.exchange) == told(short.exchange)
    for name in ("plain", "short"):
        copy = home / f"copy of {name}"
        copy.write_bytes((home / name).read_bytes())
        again = Exchange(INSTRUMENTS, journal=Journal(copy, is_synced=False))
        assert told(again) == told(plain.exchange)
    assert plain.exchange.total() == short.exchange.total()


# --- shared


def shared(path, *, longest=2_000):
    exchange = SharedExchange(path, "alice", GeneratedMarket())
    exchange._journal.longest = longest
    return exchange


def trade(exchange, at_ms, client_id, side=Side.BUY):
    with exchange.visit(at_ms, BTC) as floor:
        return floor.place("alice", Ask(BTC, side, D("0.01"), client_id=client_id)).number


def test_a_journal_that_is_visited_for_ever_stays_short(tmp_path):
    path = tmp_path / "alice.journal"
    exchange = shared(path)
    trade(exchange, NOW_MS, "first")
    longest = 0
    for minute in range(1, 200):
        with exchange.visit(NOW_MS + minute * MINUTE, BTC):
            longest = max(longest, path.stat().st_size)
    assert longest < 4 * len(path.read_bytes().splitlines()[0]) + 2_000 + 1_000
    assert json.loads(path.read_bytes().splitlines()[0])["do"] == "stand_as"
    with shared(path).visit(NOW_MS + 200 * MINUTE) as floor:
        assert floor.by_client_id("alice", "first").filled == D("0.01")


def test_who_shares_it_goes_on_in_the_file_that_took_its_place(tmp_path):
    one, two = shared(tmp_path / "j"), shared(tmp_path / "j", longest=1 << 20)
    for number in range(40):
        trade(one, NOW_MS + number * MINUTE, f"one{number}")
        trade(two, NOW_MS + number * MINUTE + 1, f"two{number}", Side.SELL)
    with one.visit(NOW_MS + 60 * MINUTE) as here, shared(tmp_path / "other").visit(NOW_MS) as other:
        assert len(here.account("alice").orders) == 80
        assert len(other.account("alice").orders) == 0
        mine = truth(here)
    with two.visit(NOW_MS + 60 * MINUTE) as there:
        assert truth(there) == mine
    assert (tmp_path / "j").read_bytes().count(b"stand_as") == 1


def test_numbers_never_come_again_after_the_journal_was_wiped(tmp_path):
    path = tmp_path / "j"
    exchange = shared(path)
    first = [trade(exchange, NOW_MS + n, f"a{n}") for n in range(3)]
    path.unlink()
    # Also for a process that has the old one open: it would trade where nobody looks.
    second = [trade(exchange, NOW_MS + 10 + n, f"a{n}") for n in range(3)]
    third = [trade(shared(path), NOW_MS + 20, "b")]
    assert first[0] > NOW_MS * NUMBERS_PER_MS
    assert len({*first, *second, *third}) == 7
    assert sorted(first + second + third) == first + second + third


def test_a_journal_of_before_keeps_its_numbers(tmp_path):
    old = Exchange(GeneratedMarket().instruments(), journal=Journal(tmp_path / "j"))
    old.tick(NOW_MS, GeneratedMarket().prices(NOW_MS))
    old.open_account("alice", cash=D(10_000), ids=IdRule.ALWAYS)
    number = old.place("alice", Ask(BTC, Side.BUY, D("0.01"))).number
    old._journal.close()
    assert number < 100
    assert number < trade(shared(tmp_path / "j"), NOW_MS + MINUTE, "next") < 100


# --- killed


def busy(path, failpoints, number, told):
    """Trades until it is killed, and says what it was answered."""
    os.environ["IRONBULL_FAILPOINTS"] = failpoints
    exchange = shared(Path(path))
    for step in range(60):
        name = f"p{number}-{step}"
        trade(exchange, NOW_MS + step * 1000, name, Side.BUY if step % 2 else Side.SELL)
        told.put(name)


@pytest.mark.parametrize("dies", ["paper.shortening", "paper.shortened"])
def test_whoever_dies_while_shortening_loses_nothing_that_was_answered(tmp_path, dies):
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / dies).touch()
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    arguments = [(str(tmp_path / "j"), str(tmp_path / "points"), n, told) for n in range(1, 4)]
    working = [context.Process(target=busy, args=one) for one in arguments]
    for process in working:
        process.start()
    for process in working:
        process.join(120)
    # One was killed in the middle of it, and the others went on.
    assert sorted(process.exitcode for process in working) == [-signal.SIGKILL, 0, 0]
    answered = set()
    while not told.empty():
        answered.add(told.get())
    with shared(tmp_path / "j").visit(NOW_MS + MINUTE * 5) as floor:
        placed = floor.account("alice").order_of
        assert answered <= set(placed)
        # The one who died was answered all but perhaps its last.
        assert len(set(placed) - answered) <= 1
        assert floor.total() == floor.deposited()
    assert (tmp_path / "j").read_bytes().count(b"stand_as") == 1
    assert not (tmp_path / "points" / dies).exists()


def test_begun_is_begun(tmp_path):
    exchange = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    exchange.begin(NOW_MS)
    with pytest.raises(Refused):
        exchange.begin(NOW_MS)
    exchange.tick(NOW_MS, {BTC: D(50_000)})
    exchange.open_account("alice", cash=D(10), ids=IdRule.ALWAYS)
    with pytest.raises(Refused):
        exchange.stand_as(exchange.whole())


def test_hedged_accounts_keep_both_sides(tmp_path):
    exchange = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    exchange.tick(NOW_MS, {BTC: D(50_000)})
    exchange.open_account("alice", cash=D(10_000), ids=IdRule.ALWAYS)
    exchange.set_hedge("alice", True)
    exchange.set_margin("alice", BTC, Margin.ISOLATED)
    for direction, side in ((Direction.LONG, Side.BUY), (Direction.SHORT, Side.SELL)):
        exchange.place("alice", Ask(BTC, side, D("0.01"), direction=direction))
    exchange.shorten()
    before = told(exchange)
    exchange._journal.close()
    again = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    assert told(again) == before
    assert len(again.account("alice").holdings) == 2
