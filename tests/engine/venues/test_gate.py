"""How Gate's words are read, and its habits."""

from decimal import Decimal

import pytest

from engine.errors import UnknownInstrument, VenueBusy, VenueRefused
from engine.instrument import Instrument
from engine.messages import Margin
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues.base import AccountCheck, Balance, Holding, PaymentKind
from tests.engine.venues.local_venue import NOW_MS, several
from tests.engine.venues.stages import OUR_ID
from tests.engine.venues.stages.gate import (
    ABSENT,
    ACCOUNT,
    BOTH_SIDES,
    FUTURES,
    KEY,
    NAMED,
    SINGLE,
    STAGE,
    UNIFIED,
    entry,
    leverage,
    order,
    position,
    trade,
)

pytestmark = pytest.mark.usefixtures("stopped_clock")
D = Decimal
FIND = {"symbol": "BTC/USDT", "client_order_id": OUR_ID}


def test_the_instrument_is_told_in_coins(local):
    found = STAGE.open(local).instrument("BTC/USDT")
    assert found == Instrument("BTC/USDT", D("0.1"), D("0.0001"), D("0.0001"), D(0))


@pytest.mark.parametrize(
    ("symbol", "missing"),
    [
        ("ODD/USDT", "tick, min_quantity of ODD/USDT"),
        ("NONE/USDT", "contract size of NONE/USDT"),
    ],
)
def test_what_the_market_data_does_not_tell_is_named(symbol, missing, local):
    venue = STAGE.open(local)
    with pytest.raises(UnknownInstrument, match=missing):
        venue.instrument(symbol)


def test_fills_are_told_in_coins_with_signed_fees(local):
    placed = STAGE.open(local).place(STAGE.order_ticket())
    told = [(one.venue_fill_id, one.quantity, one.price, one.fee) for one in placed.fills]
    assert told == [("7001", "0.004", "60000", "0.12"), ("7002", "0.006", "60000.8", "-0.003")]
    assert placed.fills[0].filled_at_ms == 1_700_000_005_123
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, D("0.01"))


STATUSES = [
    ("resting", {"status": "open", "left": 100, "finish_as": ""}, "0", OrderStatus.OPEN),
    ("canceled", {"left": 100, "finish_as": "reduce_out"}, "0", OrderStatus.CANCELED),
    ("what an IOC order leaves", {"size": 150, "left": 50}, "0.01", OrderStatus.CANCELED),
    ("a sale", {"size": "-100", "left": "0"}, "0.01", OrderStatus.FILLED),
]


@pytest.mark.parametrize(("case", "words", "filled", "status"), STATUSES)
def test_words_for_a_status(case, words, filled, status, local):
    found = STAGE.open(local, **{NAMED: order(**words)}).find(**FIND)
    assert (found.status, found.filled) == (status, D(filled))


def test_a_market_order_that_is_answered_as_open_is_asked_for_again(local):
    taken = order(status="open", left=100, finish_as="")
    venue = STAGE.open(local, **{STAGE.order: (201, taken), NAMED: several(taken, order())})
    assert venue.place(STAGE.order_ticket()).status is OrderStatus.FILLED


def test_an_order_is_absent_only_when_it_is_nowhere(local):
    nowhere = {NAMED: ABSENT, f"GET {FUTURES}/my_trades": []}
    assert STAGE.open(local, **nowhere).find(**FIND) is None
    traded = {NAMED: ABSENT, f"GET {FUTURES}/orders/58828270140601928": order()}
    assert STAGE.open(local, **traded).find(**FIND).status is OrderStatus.FILLED
    other = order(text="t-another")
    rested = {NAMED: ABSENT, f"GET {FUTURES}/orders": several([other, order()])}
    assert STAGE.open(local, **rested).find(**FIND).client_order_id == OUR_ID


def test_a_scan_that_fails_does_not_prove_absence(local):
    venue = STAGE.open(local, **{NAMED: ABSENT, f"GET {FUTURES}/orders": (503, "down")})
    with pytest.raises(Exception, match="503"):
        venue.find(**FIND)


def test_leverage_that_was_not_taken_refuses_the_order(local):
    venue = STAGE.open(local, **{f"POST {BOTH_SIDES}": [leverage("10"), leverage("20")]})
    with pytest.raises(VenueRefused, match="leverage"):
        venue.place(STAGE.order_ticket())
    assert local.count(STAGE.order) == 0


def test_leverage_that_is_so_already_is_as_good(local):
    already = (400, {"label": "NO_CHANGE", "message": "No change is made"})
    venue = STAGE.open(local, **{f"POST {BOTH_SIDES}": already})
    assert venue.place(STAGE.order_ticket()).status is OrderStatus.FILLED


def test_no_order_says_close(local):
    venue = STAGE.open(local)
    venue.place(STAGE.order_ticket(action="close", side="sell"))
    assert '"close"' not in local.shown()
    assert "    close = " not in local.shown()


def test_no_mark_of_a_broker_is_sent(local):
    STAGE.open(local).place(STAGE.order_ticket())
    assert not [one for one in local.seen if "X-Gate-Channel-Id" in one.headers]


def test_the_balance(local):
    assert STAGE.open(local).balance() == Balance(D("1000.25"), D("900.125"), D("-12.5"))


UNIFIED_ACCOUNTS = [
    ("the futures account is empty", {}, "1000.25"),
    ("the futures account names its mode", ACCOUNT | {"margin_mode": 1}, "1012.75"),
]


@pytest.mark.parametrize(("case", "account", "total"), UNIFIED_ACCOUNTS)
def test_the_balance_of_a_unified_account(case, account, total, local):
    venue = STAGE.open(local, **UNIFIED | {f"GET {FUTURES}/accounts": account})
    told = venue.balance()
    assert (told.total, told.free) == (D(total), D("900.125"))


def test_a_unified_account_may_tell_what_is_free_for_contracts(local):
    coin = {"equity": "1000.25", "available": "900.125", "available_margin": "800"}
    answers = UNIFIED | {"GET /api/v4/unified/accounts": {"balances": {"USDT": coin}}}
    assert STAGE.open(local, **answers).balance().free == D("800")


def test_a_unified_account_tells_its_mode_by_its_positions(local):
    venue = STAGE.open(local, **UNIFIED)
    assert venue.check().is_hedged
    venue = STAGE.open(local, **UNIFIED | {f"GET {FUTURES}/positions": []})
    assert not venue.check().is_hedged


def test_holdings(local):
    cross = position("short", "-200", leverage="0", cross_leverage_limit="5", liq_price="0")
    venue = STAGE.open(local, **{f"GET {FUTURES}/positions": [position("long", 100), cross]})
    long, short = venue.holdings()
    assert long == Holding(
        symbol="BTC/USDT",
        direction=Direction.LONG,
        quantity=D("0.01"),
        entry_price=D("60000.5"),
        leverage=10,
        margin=Margin.ISOLATED,
        unrealised=D("9.995"),
        liquidation_price=D("54500.1"),
    )
    assert (short.direction, short.quantity) == (Direction.SHORT, D("0.02"))
    assert (short.leverage, short.margin) == (5, Margin.CROSS)
    assert short.liquidation_price is None


def test_fills_come_in_pages_with_our_ids(local, monkeypatch):
    monkeypatch.setattr("engine.venues.gate.LONG_PAGE", 2)
    pages = several(
        [trade(3, "-1", "5", "0", text="web"), trade(2, 1, "5", "0", create_time="1700000004.5")],
        [trade(1, 1, "5", "0", create_time=1700000004)],
    )
    venue = STAGE.open(local, **{f"GET {FUTURES}/my_trades_timerange": pages})
    told = venue.fills_since("BTC/USDT", NOW_MS - 1000)
    assert [(one.fill.venue_fill_id, one.side, one.client_order_id) for one in told] == [
        ("1", Side.BUY, OUR_ID),
        ("2", Side.BUY, OUR_ID),
        ("3", Side.SELL, ""),
    ]


def test_payments(local):
    rows = several(
        [entry("1", "fund", "-0.25"), entry(None, "fund", "0.5")], [entry("3", "dnw", "9")]
    )
    told = STAGE.open(local, **{f"GET {FUTURES}/account_book": rows}).payments_since(0)
    assert [(one.venue_payment_id, one.kind, one.symbol, one.amount) for one in told] == [
        ("1", PaymentKind.FUNDING, "BTC/USDT", D("-0.25")),
        ("fund-1700000005-BTC_USDT-0.5", PaymentKind.FUNDING, "BTC/USDT", D("0.5")),
        ("3", PaymentKind.TRANSFER, "", D("9")),
    ]


WITHDRAWS = KEY | {"perms": [{"name": "withdraw", "read_only": False}]}
RIGHTS = [
    ("may trade", [KEY], (True, None)),
    ("may withdraw and not trade", [WITHDRAWS], (False, True)),
    ("is not in the list", [KEY | {"key": "another"}], (None, None)),
    ("may not see the list", (403, {"label": "FORBIDDEN", "message": ""}), (None, None)),
]


@pytest.mark.parametrize(("case", "answer", "rights"), RIGHTS)
def test_the_check_tells_rights_mode_and_clock(case, answer, rights, local):
    venue = STAGE.open(local, **{"GET /api/v4/account/main_keys": answer})
    assert venue.check() == AccountCheck(*rights, is_hedged=True, clock_offset_ms=250)


def test_a_new_stop_stands_before_the_old_one_goes(local):
    refused = (400, {"label": "AUTO_TRIGGER_PRICE_LESS_LAST", "message": "too high"})
    venue = STAGE.open(local, **{f"POST {FUTURES}/price_orders": refused})
    with pytest.raises(VenueRefused):
        venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=D(99000), target=None)
    assert not [one for one in local.seen if one.method == "DELETE"]


def test_a_list_of_contracts_that_cannot_be_had_is_no_absence(local):
    venue = STAGE.open(local, **{f"GET {FUTURES}/contracts": (429, "slow down")})
    with pytest.raises(VenueBusy):
        venue.instrument("BTC/USDT")


def test_an_account_of_one_side_does_not_open_the_other(local):
    venue = STAGE.open(local, **SINGLE)
    with pytest.raises(VenueRefused, match="holds a long"):
        venue.place(STAGE.order_ticket(direction=Direction.SHORT))
    assert local.count(STAGE.order) == 0
