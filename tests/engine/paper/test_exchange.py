"""The exchange in a process: orders, positions, margin, conditional orders and the journal."""

import json
from contextlib import contextmanager, suppress
from decimal import Decimal

import pytest

from engine.messages import Margin, Style
from engine.paper.account import IdRule
from engine.paper.errors import JournalBroken, Reason, Refused
from engine.paper.exchange import Exchange
from engine.paper.generated import GeneratedMarket
from engine.paper.journal import Journal
from engine.paper.market import Quoting, replayed_candles, replayed_trades
from engine.paper.orders import Money, Origin, Status
from engine.paper.truth import truth
from engine.signal import Direction, Side
from tests.engine.paper.floors import (
    BTC,
    INSTRUMENTS,
    START_MS,
    ask,
    exact,
    floor,
    move,
    opened,
    stop,
)

LONG = ask("buy", 1, direction=Direction.LONG)


@pytest.fixture
def exchange():
    made = floor()
    opened(made)
    return made


@pytest.fixture
def alice(exchange):
    return exchange.accounts["alice"]


@contextmanager
def refused(reason):
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.reason is reason


def test_a_market_order_walks_the_quotes_of_the_house(exchange, alice):
    order = exchange.place("alice", ask("buy", "0.5"))
    assert order.status is Status.FILLED
    # The first level is worth 20,000 USDT: 0.33333 coins. The rest fills at the second.
    assert [(fill.price, fill.quantity) for fill in order.fills] == [
        (Decimal("60006.0"), Decimal("0.33333")),
        (Decimal("60012.0"), Decimal("0.16667")),
    ]
    assert alice.cash == 10_000 - order.fees
    assert alice.held(BTC, Direction.LONG) == Decimal("0.5")


def test_a_market_order_larger_than_all_quotes_is_filled_in_part():
    exchange = floor(quoting=Quoting(levels=2, notional=Decimal(600)))
    opened(exchange)
    order = exchange.place("alice", ask("buy", "0.05"))
    assert (order.status, order.filled) == (Status.CANCELED, Decimal("0.03"))


def test_a_limit_order_rests_and_fills_at_its_own_price_as_maker(exchange, alice):
    order = exchange.place("alice", ask("buy", "0.01", 59_000))
    assert order.status is Status.OPEN
    move(exchange, btc=58_900)
    assert order.status is Status.FILLED
    (fill,) = order.fills
    assert (fill.price, fill.is_maker) == (Decimal(59_000), True)
    assert fill.fee == Decimal("0.01") * 59_000 * exchange.rates.maker


def test_who_came_first_at_a_price_is_filled_first():
    exchange = floor(quoting=Quoting(levels=1, notional=Decimal(600)))
    for name in ("alice", "bob"):
        opened(exchange, name)
    first = exchange.place("alice", ask("buy", "0.01", 59_000))
    second = exchange.place("bob", ask("buy", "0.01", 59_000))
    better = exchange.place("bob", ask("buy", "0.001", 59_001))
    move(exchange, btc=58_950)
    assert (better.status, first.left, second.left) == (
        Status.FILLED,
        Decimal("0.01") - first.filled,
        Decimal("0.01"),
    )
    assert first.filled > second.filled == 0


def test_an_ioc_order_never_rests(exchange):
    order = exchange.place("alice", ask("buy", "1", 60_006, style=Style.IOC))
    assert (order.status, order.filled) == (Status.CANCELED, Decimal("0.33333"))


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_post_only_order_never_takes(is_strict):
    exchange = floor()
    opened(exchange, refuses_takers=is_strict)
    taker = ask("buy", "0.01", 60_100, style=Style.POST_ONLY)
    if is_strict:
        with refused(Reason.WOULD_TAKE):
            exchange.place("alice", taker)
    else:
        assert exchange.place("alice", taker).status is Status.CANCELED
    assert not exchange.accounts["alice"].executions
    maker = exchange.place("alice", ask("buy", "0.01", 59_900, style=Style.POST_ONLY))
    assert maker.is_open


def test_nobody_trades_with_themselves(exchange, alice):
    resting = exchange.place("alice", ask("buy", "0.01", "60002"))
    sold = exchange.place("alice", ask("sell", "0.01"))
    assert resting.status is Status.CANCELED
    assert not resting.filled
    assert sold.average == Decimal("59994.0")


def test_one_way_a_larger_sell_turns_the_position(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    exchange.place("alice", ask("sell", "0.3"))
    assert alice.held(BTC, Direction.LONG) == 0
    assert alice.held(BTC, Direction.SHORT) == Decimal("0.2")


def test_hedged_both_directions_are_held_at_once(exchange, alice):
    exchange.set_hedge("alice", True)
    exchange.place("alice", ask("buy", "0.1", direction=Direction.LONG))
    exchange.place("alice", ask("sell", "0.2", direction=Direction.SHORT))
    exchange.place("alice", ask("sell", "0.04", direction=Direction.LONG))
    assert alice.held(BTC, Direction.LONG) == Decimal("0.06")
    assert alice.held(BTC, Direction.SHORT) == Decimal("0.2")
    with refused(Reason.BAD_DIRECTION):
        exchange.place("alice", ask("buy", "0.1"))
    with refused(Reason.HAS_POSITION):
        exchange.set_hedge("alice", False)


def test_a_reduce_only_order_never_turns_a_position(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    order = exchange.place("alice", ask("sell", "0.3", is_reduce_only=True))
    assert (order.status, order.filled) == (Status.CANCELED, Decimal("0.1"))
    assert not alice.holdings
    with refused(Reason.NOTHING_HELD):
        exchange.place("alice", ask("sell", "0.3", is_reduce_only=True))


def test_a_resting_reduce_only_order_ends_with_the_position(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    resting = exchange.place("alice", ask("sell", "0.1", 61_000, is_reduce_only=True))
    exchange.place("alice", ask("sell", "0.1"))
    move(exchange, btc=61_500)
    assert (resting.status, resting.filled) == (Status.CANCELED, 0)
    assert not alice.holdings


@pytest.mark.parametrize(
    ("case", "asked", "reason"),
    [
        ("no multiple of the step", ask("buy", "0.000001"), Reason.BAD_QUANTITY),
        ("nothing", ask("buy", 0), Reason.BAD_QUANTITY),
        ("below five USDT", ask("buy", "0.00001"), Reason.TOO_SMALL),
        ("no multiple of the tick", ask("buy", "0.1", "60000.05"), Reason.BAD_PRICE),
        ("far above the mark", ask("buy", "0.1", 70_000), Reason.PRICE_BAND),
        ("more than the margin carries", ask("buy", "5"), Reason.NO_MARGIN),
        ("a resting order counts", ask("buy", "5", 59_000), Reason.NO_MARGIN),
        (
            "a direction in one-way mode",
            ask("buy", 1, direction=Direction.LONG),
            Reason.BAD_DIRECTION,
        ),
        ("an unknown symbol", ask("buy", 1, symbol="DOGE/USDT"), Reason.UNKNOWN_SYMBOL),
    ],
)
def test_refuses_and_leaves_no_trace(exchange, case, asked, reason):
    before = truth(exchange)
    with refused(reason):
        exchange.place("alice", asked)
    assert truth(exchange) == before


@pytest.mark.parametrize(
    ("rule", "while_open", "once_done"),
    [
        (IdRule.OPEN, False, True),
        (IdRule.ALWAYS, False, False),
        (IdRule.LATEST, True, True),
    ],
)
def test_a_client_id_is_unique_as_its_dialect_says(rule, while_open, once_done):
    exchange = floor()
    opened(exchange, ids=rule)
    asked = ask("buy", "0.01", 59_000, client_id="ib1")

    def is_taken():
        with suppress(Refused):
            return bool(exchange.place("alice", asked))
        return False

    first = exchange.place("alice", asked)
    assert is_taken() is while_open
    for order in list(exchange.accounts["alice"].open.values()):
        exchange.cancel("alice", order.number)
    assert is_taken() is once_done
    latest = exchange.by_client_id("alice", "ib1")
    assert (latest is first) is not (while_open or once_done)


def test_isolated_margin_is_all_that_a_position_can_lose(exchange, alice):
    exchange.set_margin("alice", BTC, Margin.ISOLATED)
    exchange.set_leverage("alice", BTC, 50)
    bought = exchange.place("alice", ask("buy", "1"))
    (holding,) = alice.holdings.values()
    put_up = holding.put_up
    assert put_up == bought.value / 50
    move(exchange, btc=50_000)
    assert not alice.holdings
    liquidated = list(alice.orders.values())[-1]
    assert liquidated.origin is Origin.LIQUIDATION
    assert alice.cash == 10_000 - bought.fees - put_up
    assert alice.moved[-1].kind is Money.INSURANCE
    assert exchange.total() == 10_000


def test_cross_positions_share_all_cash(exchange, alice):
    exchange.place("alice", ask("buy", "1"))
    move(exchange, btc=53_000)
    assert alice.held(BTC, Direction.LONG) == 1
    resting = exchange.place("alice", ask("sell", "0.1", 54_000))
    move(exchange, btc=50_000)
    assert not alice.holdings
    assert resting.status is Status.CANCELED
    assert alice.cash == 0
    assert exchange.total() == 10_000


def test_the_told_liquidation_price_is_where_it_happens(exchange, alice):
    exchange.set_margin("alice", BTC, Margin.ISOLATED)
    exchange.place("alice", ask("sell", "0.1"))
    price = exchange.liquidation_price(alice, Direction.SHORT, BTC)
    move(exchange, btc=price.quantize(Decimal("0.1")) - 1)
    assert alice.holdings
    move(exchange, btc=price.quantize(Decimal("0.1")) + 1)
    assert not alice.holdings


def test_leverage_changes_what_a_position_ties_up(exchange, alice):
    exchange.set_margin("alice", BTC, Margin.ISOLATED)
    exchange.place("alice", ask("buy", "1"))
    (holding,) = alice.holdings.values()
    exchange.set_leverage("alice", BTC, 50)
    assert holding.put_up == holding.cost / 50
    with refused(Reason.NO_MARGIN):
        exchange.set_leverage("alice", BTC, 2)
    assert holding.put_up == holding.cost / 50
    with refused(Reason.BAD_LEVERAGE):
        exchange.set_leverage("alice", BTC, 500)


def test_funding_moves_between_longs_and_shorts_at_its_hours(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    cash = alice.cash
    move(exchange, btc=60_000, seconds=8 * 3600)
    assert alice.cash == cash - Decimal("0.1") * 60_000 * exchange.rates.funding
    assert alice.moved[-1].kind is Money.FUNDING
    exchange.pay_funding(Decimal("-0.001"))
    assert alice.moved[-1].amount == Decimal("6")
    assert exchange.total() == 10_000


def test_a_stop_closes_the_whole_position_and_ends_its_target(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    low = exchange.arm("alice", stop("sell", 58_000, rises=False, group="1"))
    high = exchange.arm("alice", stop("sell", 62_000, rises=True, group="1"))
    exchange.place("alice", ask("buy", "0.1"))
    move(exchange, btc=58_500)
    assert low.is_waiting
    move(exchange, btc=57_990)
    assert (low.status, high.status) == (Status.FIRED, Status.CANCELED)
    assert alice.orders[low.order].filled == Decimal("0.2")
    assert not alice.holdings


def test_a_stop_needs_no_margin_beside_another_closing_order(exchange, alice):
    exchange.place("alice", ask("buy", "3"))
    exchange.place("alice", ask("sell", "3", 66_000))
    low = exchange.arm("alice", stop("sell", 59_000, rises=False))
    move(exchange, btc=58_900)
    assert low.status is Status.FIRED
    assert not alice.held(BTC, Direction.LONG)


def test_a_stop_ends_with_the_position_it_protects(exchange, alice):
    exchange.place("alice", ask("buy", "0.1"))
    low = exchange.arm("alice", stop("sell", 58_000, rises=False))
    exchange.place("alice", ask("sell", "0.1"))
    assert low.status is Status.CANCELED


def test_a_conditional_order_that_is_refused_when_it_fires_is_told_as_failed(exchange, alice):
    low = exchange.arm(
        "alice", stop("sell", 58_000, rises=False, whole=False, quantity=1, is_reduce_only=True)
    )
    move(exchange, btc=57_990)
    assert (low.status, low.order) == (Status.FAILED, 0)


def test_a_conditional_order_that_would_fire_at_once_is_refused(exchange):
    with refused(Reason.WOULD_TRIGGER):
        exchange.arm("alice", stop("sell", 61_000, rises=False, whole=False, quantity=1))


def test_open_orders_end_when_their_owner_falls_silent(exchange, alice):
    order = exchange.place("alice", ask("buy", "0.01", 59_000))
    exchange.cancel_all_at("alice", BTC, exchange.now_ms + 5_000)
    move(exchange, seconds=4)
    assert order.is_open
    move(exchange, seconds=2)
    assert order.status is Status.CANCELED


def test_a_killed_exchange_comes_back_as_it_was(tmp_path):
    exchange = floor(journal=Journal(tmp_path / "j"))
    alice = opened(exchange)
    exchange.place("alice", ask("buy", "0.1"))
    exchange.arm("alice", stop("sell", 58_000, rises=False))
    resting = exchange.place("alice", ask("sell", "0.1", 61_000, client_id="ib1"))
    move(exchange, btc=61_010)
    assert resting.filled
    assert not alice.waiting
    told = truth(exchange)
    exchange._journal.close()
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"do": "place", "acc')
    again = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    assert truth(again) == told
    assert (tmp_path / "j").read_bytes().endswith(b"\n")
    again.place("alice", ask("buy", "0.1"))


def test_funding_is_the_same_when_the_journal_is_read_again(tmp_path):
    exchange = floor(journal=Journal(tmp_path / "j"))
    opened(exchange)
    exchange.place("alice", ask("sell", "0.1", 61_000))
    to_funding = 8 * 3600 - exchange.now_ms // 1000 % (8 * 3600)
    move(exchange, btc=60_500, seconds=to_funding)  # nothing is held yet
    move(exchange, btc=61_500, seconds=0)
    move(exchange, btc=61_000)  # changes nothing
    move(exchange, btc=60_000, seconds=8 * 3600)
    alice = exchange.accounts["alice"]
    funding = [one.amount for one in alice.moved if one.kind is Money.FUNDING]
    assert funding == [Decimal("0.61")]
    exchange._journal.close()
    again = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    assert truth(again) == truth(exchange)


def test_a_journal_has_one_writer(tmp_path):
    first = Journal(tmp_path / "j")
    with pytest.raises(JournalBroken):
        Journal(tmp_path / "j")
    first.close()


def test_a_line_that_is_no_request_stops_the_exchange(tmp_path):
    (tmp_path / "j").write_text(json.dumps({"do": "give_me_money"}) + "\n")
    with pytest.raises(JournalBroken):
        Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))


def test_an_exchange_that_cannot_write_tells_nothing_more(tmp_path):
    journal = Journal(tmp_path / "j")
    exchange = floor(journal=journal)
    opened(exchange)
    with open("/dev/full", "wb", buffering=0) as full:
        kept, journal._file = journal._file, full
        with pytest.raises(JournalBroken):
            exchange.place("alice", ask("buy", "0.1"))
        journal._file = kept
    with pytest.raises(JournalBroken):
        exchange.account("alice")
    journal.close()
    again = Exchange(INSTRUMENTS, journal=Journal(tmp_path / "j"))
    assert not again.accounts["alice"].orders


def test_candles_are_replayed_as_ticks():
    candles = GeneratedMarket().candles(BTC, "1m", 5, START_MS)
    exchange = Exchange({BTC: INSTRUMENTS[BTC]})
    ticks = list(replayed_candles(BTC, candles, INSTRUMENTS[BTC]))
    exchange.tick(ticks[0].at_ms, ticks[0].prices)
    opened(exchange)
    exchange.place("alice", ask(Side.BUY, "0.01"))
    for tick in ticks:
        exchange.tick(tick.at_ms, tick.prices)
    assert exchange.marks[BTC] == exact(candles.close[-1]).quantize(Decimal("0.1"))
    assert exchange.total() == 10_000


def test_trades_are_replayed_as_ticks(exchange, alice):
    order = exchange.place("alice", ask("buy", "0.01", 59_000))
    start = exchange.now_ms
    trades = [(start + 10, Decimal(59_500)), (start + 20, Decimal("58_990.05"))]
    for tick in replayed_trades(BTC, trades):
        exchange.tick(tick.at_ms, tick.prices)
    # A real market's price may lie between the ticks of this one; the quotes never do.
    assert order.status is Status.FILLED
    assert exchange.marks[BTC] == Decimal("58990.05")
    assert not exchange.book(BTC).side(Side.SELL).best() % INSTRUMENTS[BTC].tick
