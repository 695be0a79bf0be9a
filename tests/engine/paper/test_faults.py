"""Each fault, as the unmodified ccxt classes meet it; the truth says what was really done."""

import contextlib
import time

import ccxt
import pytest

from engine.paper.service.faults import Faults, Kind
from engine.paper.service.wire import Operation
from tests.engine.paper.clients import BTC, Control, client, serving

DIALECTS = ["binance", "okx", "gate"]
AMOUNTS = {"binance": 0.01, "okx": 1, "gate": 100}
GIVE_UP_MS, HANG_MS = 300, 600


@pytest.fixture(scope="module")
def service():
    with serving() as started:
        Control(started).hold(BTC=60_000)
        yield started


@pytest.fixture(params=DIALECTS)
def trader(service, request):
    made = Trader(service, request.param)
    yield made
    made.control.ask("DELETE", "/faults")


class Trader:
    def __init__(self, service, dialect):
        self.control, self.dialect = Control(service), dialect
        self.name = self.control.open(dialect)["account"]
        key = next(one for one in service.keys if one.account == self.name)
        self.ccxt = client(service, dialect, key=key)
        self.ccxt.load_markets()
        self.ccxt.timeout = GIVE_UP_MS

    def fault(self, kind, **details):
        self.control.fault(kind, account=self.name, **{"delay_ms": HANG_MS, **details})

    def buy(self, client_id="ibone", **params):
        params = {"clientOrderId": client_id, **params}
        return self.ccxt.create_order(BTC, "market", "buy", AMOUNTS[self.dialect], None, params)

    def find(self, client_id="ibone"):
        if self.dialect == "gate":
            return self.ccxt.fetch_order(f"t-{client_id}", BTC)
        return self.ccxt.fetch_order(None, BTC, {"clientOrderId": client_id})

    def accepted(self):
        return len(self.control.truth(self.name)["orders"])

    def expire_after(self, milliseconds):
        """Tell the venue not to accept anything later than this; what is to go with the order."""
        at = str(int(time.time() * 1000) + milliseconds)
        if self.dialect == "binance":
            return {"recvWindow": milliseconds}
        self.ccxt.headers = {"expTime": at} if self.dialect == "okx" else {"x-gate-exptime": at}
        return {}


def test_a_timeout_before_accepting(trader):
    trader.fault(Kind.TIMEOUT_BEFORE)
    with pytest.raises(ccxt.NetworkError):
        trader.buy()
    assert trader.accepted() == 0
    with pytest.raises(ccxt.OrderNotFound):
        trader.find()


def test_a_timeout_after_accepting(trader):
    trader.fault(Kind.TIMEOUT_AFTER)
    with pytest.raises(ccxt.NetworkError):
        trader.buy()
    assert trader.accepted() == 1
    assert trader.find()["status"] == "closed"


@pytest.mark.parametrize(
    ("kind", "accepted"), [(Kind.UNAVAILABLE_BEFORE, 0), (Kind.UNAVAILABLE_AFTER, 1)]
)
def test_a_503_says_nothing_of_what_was_done(trader, kind, accepted):
    trader.fault(kind)
    with pytest.raises(ccxt.BaseError) as caught:
        trader.buy()
    assert not isinstance(caught.value, ccxt.InvalidOrder | ccxt.InsufficientFunds)
    assert trader.accepted() == accepted


def test_an_order_is_accepted_after_the_client_gave_up(trader):
    trader.fault(Kind.LATE, delay_ms=GIVE_UP_MS + 100)
    with pytest.raises(ccxt.NetworkError):
        trader.buy()
    assert trader.accepted() == 0
    time.sleep(1)
    assert trader.accepted() == 1


def test_an_order_with_a_deadline_is_not_accepted_after_it(trader):
    trader.fault(Kind.LATE, delay_ms=GIVE_UP_MS + 100)
    params = trader.expire_after(500)
    with pytest.raises(ccxt.NetworkError):
        trader.buy(**params)
    time.sleep(1)
    assert trader.accepted() == 0


def test_an_accepted_order_is_answered_as_a_duplicate(trader):
    trader.fault(Kind.DUPLICATE)
    with pytest.raises(ccxt.ExchangeError, match=r"-4116|51016|REPEATED_CREATION"):
        trader.buy()
    assert trader.accepted() == 1
    assert trader.find()["status"] == "closed"


def test_ids_are_as_unique_as_the_venue_has_it(trader):
    trader.buy()
    first = trader.find()["id"]
    if trader.dialect == "okx":
        with pytest.raises(ccxt.ExchangeError, match="51016"):
            trader.buy()
    else:
        # The order is done, so the id is free again: whoever sends twice buys twice.
        trader.buy()
        assert trader.find()["id"] != first
    assert trader.accepted() == (1 if trader.dialect == "okx" else 2)


def test_look_ups_lag(trader):
    trader.fault(Kind.LAG, delay_ms=1_500)
    trader.buy()
    with pytest.raises(ccxt.OrderNotFound):
        trader.find()
    assert trader.ccxt.fetch_my_trades(BTC) == []
    assert trader.accepted() == 1
    time.sleep(1.6)
    assert trader.find()["status"] == "closed"
    assert trader.ccxt.fetch_my_trades(BTC)


def test_a_look_up_falsely_finds_nothing(trader):
    trader.buy()
    trader.fault(Kind.NOT_FOUND, times=2)
    for _ in range(2):
        with pytest.raises(ccxt.OrderNotFound):
            trader.find()
    assert trader.find()["status"] == "closed"


def test_a_rate_limit_says_when_to_come_again(trader):
    trader.fault(Kind.RATE_LIMIT, delay_ms=7_000)
    with pytest.raises((ccxt.RateLimitExceeded, ccxt.DDoSProtection)):
        trader.buy()
    assert trader.ccxt.last_response_headers["Retry-After"] == "7"
    assert trader.accepted() == 0
    trader.buy()
    assert trader.accepted() == 1


def test_a_fault_meets_only_whom_it_was_made_for(service):
    alice, bob = Trader(service, "binance"), Trader(service, "binance")
    alice.fault(Kind.UNAVAILABLE_BEFORE)
    bob.buy()
    with pytest.raises(ccxt.BaseError):
        alice.buy()
    alice.buy()
    assert (alice.accepted(), bob.accepted()) == (1, 1)


def test_chances_come_from_their_seed_alone():
    def drawn(seed):
        faults = Faults()
        faults.set_chances({"seed": seed, "place": {"503_after": "0.2", "timeout_after": 0.1}})
        told = [faults.draw(Operation.PLACE, "a") for _ in range(500)]
        assert faults.draw(Operation.READ, "a") is None
        return [fault.kind if fault else None for fault in told]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert 60 < first.count(Kind.UNAVAILABLE_AFTER) < 140
    assert 25 < first.count(Kind.TIMEOUT_AFTER) < 75


@pytest.mark.parametrize("of", [{"lag": 0.1}, {"503_after": 0.7, "503_before": 0.7}, {"?": 1}])
def test_impossible_chances_are_refused(of):
    faults = Faults()
    with pytest.raises(ValueError, match=r"chances|valid Kind"):
        faults.set_chances({"seed": 1, "place": of})
    assert not faults.chances.of


def test_under_chances_the_truth_and_the_look_ups_agree(trader):
    place = {"503_before": 0.2, "503_after": 0.2, "duplicate": 0.1}
    look_up = {"not_found": 0.2}
    trader.control.ask("POST", "/chances", {"seed": 7, "place": place, "look_up": look_up})
    failed = 0
    for number in range(30):
        try:
            trader.buy(f"ib{number}")
        except ccxt.BaseError:
            failed += 1
    seen_before = set()
    for number in range(30):
        with contextlib.suppress(ccxt.OrderNotFound):
            seen_before.add(trader.find(f"ib{number}")["clientOrderId"].removeprefix("t-"))
    trader.control.ask("DELETE", "/faults")
    found = set()
    for number in range(30):
        try:
            found.add(trader.find(f"ib{number}")["clientOrderId"].removeprefix("t-"))
        except ccxt.OrderNotFound:
            continue
    orders = trader.control.truth(trader.name)["orders"]
    assert {one["client_id"].removeprefix("t-") for one in orders} == found
    assert len(orders) == len(found)
    assert seen_before < found
    assert 5 < failed < 25
    assert 30 - failed < len(found) < 30
