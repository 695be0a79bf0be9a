"""How Hyperliquid's words are read, and its habits."""

from decimal import Decimal

import pytest

from engine.errors import OutcomeUnknown, UnknownInstrument, VenueRefused
from engine.instrument import Instrument
from engine.messages import Margin
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues.base import AccountCheck, Balance, Holding, PaymentKind
from engine.venues.hyperliquid import STATUSES as WORDS
from engine.venues.hyperliquid import tick_at
from tests.engine.venues.local_venue import NOT_AFTER_MS, NOW_MS, several
from tests.engine.venues.stages import OUR_ID
from tests.engine.venues.stages.hyperliquid import (
    ADDRESS,
    STAGE,
    STATE,
    funding,
    ledger,
    ok,
    order,
    position,
    resting,
    trade,
    trigger,
)

pytestmark = pytest.mark.usefixtures("stopped_clock")
D = Decimal
FIND = {"symbol": "BTC/USDC", "client_order_id": OUR_ID}


def test_the_instrument(local):
    venue = STAGE.open(local)
    assert venue.instrument("BTC/USDC") == Instrument(
        "BTC/USDC", D("1"), D("0.00001"), D("0.00001"), D("10")
    )
    assert venue.instrument("KPEPE/USDC").tick == D("0.000001")


@pytest.mark.parametrize("symbol", ["BTC/USDT", "OLD/USDC"])
def test_what_is_settled_otherwise_or_delisted_is_no_instrument(symbol, local):
    venue = STAGE.open(local)
    with pytest.raises(UnknownInstrument, match=symbol):
        venue.instrument(symbol)


TICKS = [
    ("five digits of a large price", "60123", 5, "1"),
    ("whole numbers are always taken", "123456", 1, "1"),
    ("five digits of a middle price", "1234.5", 4, "0.1"),
    ("never more decimals than six less those of the size", "1.2345", 2, "0.0001"),
    ("a small price", "0.012345", 0, "0.000001"),
]


@pytest.mark.parametrize(("case", "price", "size_decimals", "tick"), TICKS)
def test_the_tick_follows_the_price(case, price, size_decimals, tick):
    assert tick_at(D(price), size_decimals) == D(tick)


def test_fills_have_signed_fees(local):
    placed = STAGE.open(local).place(STAGE.order_ticket())
    told = [(one.venue_fill_id, one.quantity, one.price, one.fee) for one in placed.fills]
    assert told == [("7001", "0.004", "60000", "0.12"), ("7002", "0.006", "60000.8", "-0.003")]
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, D("0.01"))


def test_the_order_and_its_time_are_signed_together(local):
    """Another time under the same words has another signature."""
    sent = []
    for not_after in (NOT_AFTER_MS, NOT_AFTER_MS + 1):
        venue = STAGE.open(local)
        venue.client.incrementing_nonce = lambda: NOW_MS
        actions = []
        sign = venue.client.sign_l1_action
        venue.client.sign_l1_action = lambda *told, sign=sign, to=actions: (
            to.append(told) or sign(*told)
        )
        venue.place(STAGE.order_ticket(not_after_ms=not_after))
        sent.append((actions[-1][3], sign(*actions[-1])["r"]))
    assert [until for until, _ in sent] == [NOT_AFTER_MS, NOT_AFTER_MS + 1]
    assert sent[0][1] != sent[1][1]


def test_nobody_is_paid_for_building(local):
    STAGE.open(local).place(STAGE.order_ticket())
    assert "builder" not in local.shown().lower()


@pytest.mark.parametrize("word", WORDS)
def test_a_word_for_a_status(word, local):
    answer = order(word, sz="0.01")
    found = STAGE.open(local, **{STAGE.lookup: answer}).find(**FIND)
    if WORDS[word] is OrderStatus.FILLED:
        answer["order"]["order"]["sz"] = "0.0"
        found = STAGE.open(local, **{STAGE.lookup: answer}).find(**FIND)
    assert found.status is WORDS[word]


def test_a_word_that_nobody_knows_is_no_status(local):
    venue = STAGE.open(local, **{STAGE.lookup: order("paused")})
    with pytest.raises(Exception, match="cannot be read"):
        venue.find(**FIND)


def test_an_order_that_rests_is_open(local):
    answer = ok("order", {"resting": {"oid": 77747314, "cloid": None}})
    placed = STAGE.open(local, **{STAGE.order: answer}).place(STAGE.order_ticket(price="59000"))
    assert (placed.status, placed.fills) == (OrderStatus.OPEN, [])


def test_a_price_finer_than_the_tick_is_refused_here(local):
    venue = STAGE.open(local)
    with pytest.raises(VenueRefused, match="no multiple of 1"):
        venue.place(STAGE.order_ticket(price="59000.5"))


def test_words_that_only_begin_alike_prove_nothing_else(local):
    answer = ok("order", {"error": "Insufficient patience"})
    venue = STAGE.open(local, **{STAGE.order: answer})
    with pytest.raises(OutcomeUnknown, match="Insufficient patience"):
        venue.place(STAGE.order_ticket())


def test_the_balance_is_cash_without_open_gains(local):
    assert STAGE.open(local).balance() == Balance(D("990.005"), D("949.895"), D("19.990"))


def test_holdings(local):
    cross = {"type": "cross", "value": 5}
    short = position("-12", coin="kPEPE", leverage=cross, liquidationPx=None)
    state = STATE | {"assetPositions": [position("0.01"), short]}
    long, other = STAGE.open(local, **{"POST /info clearinghouseState": state}).holdings()
    assert long == Holding(
        symbol="BTC/USDC",
        direction=Direction.LONG,
        quantity=D("0.01"),
        entry_price=D("60000.5"),
        leverage=10,
        margin=Margin.ISOLATED,
        unrealised=D("9.995"),
        liquidation_price=D("54500.1"),
    )
    assert (other.symbol, other.direction, other.quantity) == ("KPEPE/USDC", Direction.SHORT, 12)
    assert (other.margin, other.liquidation_price) == (Margin.CROSS, None)


def test_open_orders_are_the_plain_ones_of_perpetuals(local):
    told = STAGE.open(local).open_orders()
    assert [one.client_order_id for one in told] == [OUR_ID, OUR_ID]
    foreign = resting(cloid=None)
    venue = STAGE.open(local, **{"POST /info frontendOpenOrders": [foreign]})
    assert [one.client_order_id for one in venue.open_orders("BTC/USDC")] == [""]


def test_fills_come_in_pages_and_once(local, monkeypatch):
    monkeypatch.setattr("engine.venues.hyperliquid.PAGE", 2)
    pages = several(
        [trade(1, "1", "5", "0", time=NOW_MS - 2), trade(2, "1", "5", "0", time=NOW_MS - 1)],
        [trade(2, "1", "5", "0", time=NOW_MS - 1), trade(3, "1", "5", "0", side="A", cloid="0x0")],
        [],
    )
    venue = STAGE.open(local, **{"POST /info userFillsByTime": pages})
    told = venue.fills_since("BTC/USDC", NOW_MS - 1000)
    assert [(one.fill.venue_fill_id, one.side, one.client_order_id) for one in told] == [
        ("1", Side.BUY, OUR_ID),
        ("2", Side.BUY, OUR_ID),
        ("3", Side.SELL, ""),
    ]


MOVED = [
    ("a deposit", ledger("deposit", "100"), (PaymentKind.DEPOSIT, "100")),
    ("a withdrawal", ledger("withdraw", "50", fee="1"), (PaymentKind.WITHDRAWAL, "-51")),
    ("from spot", ledger("accountClassTransfer", "5", toPerp=True), (PaymentKind.TRANSFER, "5")),
    ("to spot", ledger("accountClassTransfer", "5", toPerp=False), (PaymentKind.TRANSFER, "-5")),
    (
        "from another",
        ledger("internalTransfer", "7", destination=ADDRESS.upper(), fee="1"),
        (PaymentKind.TRANSFER, "7"),
    ),
    (
        "to another",
        ledger("internalTransfer", "7", destination="0x1", fee="1"),
        (PaymentKind.TRANSFER, "-8"),
    ),
]


@pytest.mark.parametrize(("case", "row", "moved"), MOVED)
def test_money_that_moved(case, row, moved, local):
    other = {"time": NOW_MS, "hash": "0x9", "delta": {"type": "spotTransfer", "token": "HYPE"}}
    answers = {
        "POST /info userNonFundingLedgerUpdates": [row, other],
        "POST /info userFunding": [],
    }
    (told,) = STAGE.open(local, **answers).payments_since(0)
    assert (told.kind, told.amount, told.symbol) == (moved[0], D(moved[1]), "")


def test_funding_is_signed(local):
    answers = {
        "POST /info userNonFundingLedgerUpdates": [],
        "POST /info userFunding": [funding("-0.25"), funding("0.5", time=NOW_MS + 1)],
    }
    told = STAGE.open(local, **answers).payments_since(0)
    assert [(one.symbol, one.amount) for one in told] == [
        ("BTC/USDC", D("-0.25")),
        ("BTC/USDC", D("0.5")),
    ]


OWNER = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
ROLES = [
    ("an agent of the account", {"role": "agent", "data": {"user": ADDRESS}}, (True, False)),
    ("an agent of another", {"role": "agent", "data": {"user": OWNER}}, (False, False)),
    ("nobody", {"role": "missing"}, (False, False)),
]


@pytest.mark.parametrize(("case", "role", "rights"), ROLES)
def test_the_check_tells_rights_and_clock(case, role, rights, local):
    told = STAGE.open(local, **{"POST /info userRole": role}).check()
    assert told == AccountCheck(*rights, is_hedged=False, clock_offset_ms=250)


def test_the_account_s_own_key_could_withdraw(local):
    venue = STAGE.open(local)
    venue.address = OWNER
    assert venue.check().can_withdraw is True


def test_a_new_stop_stands_before_the_old_one_goes(local):
    refused = ok("order", {"error": "Invalid TP/SL price. asset=1"})
    standing = [trigger(11, "Stop Market", "58000.0")]
    answers = {STAGE.order: refused, "POST /info frontendOpenOrders": standing}
    venue = STAGE.open(local, **answers)
    with pytest.raises(VenueRefused):
        venue.protect(symbol="BTC/USDC", direction=Direction.LONG, stop=D(99000), target=None)
    assert local.count("POST /exchange cancel") == 0
