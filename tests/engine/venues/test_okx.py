"""How OKX's words are read, and its habits."""

from decimal import Decimal

import pytest

from engine.errors import UnknownInstrument, VenueRefused
from engine.instrument import Instrument
from engine.messages import Margin
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues.base import AccountCheck, Balance, Holding, PaymentKind
from tests.engine.venues.local_venue import NOW_MS, several
from tests.engine.venues.stages import OUR_ID
from tests.engine.venues.stages.okx import (
    ALGOS,
    ANSWERS,
    NET,
    POSITIONS,
    STAGE,
    bill,
    config,
    order,
    position,
    told,
    trade,
)

pytestmark = pytest.mark.usefixtures("stopped_clock")
D = Decimal


def test_the_instrument_is_told_in_coins(local):
    """A contract is a hundredth of a bitcoin; a tenth of one can be traded."""
    found = STAGE.open(local).instrument("BTC/USDT")
    assert found == Instrument("BTC/USDT", D("0.1"), D("0.001"), D("0.001"), D(0))


@pytest.mark.parametrize(
    ("symbol", "missing"),
    [("ETH/USDT", "step, min_quantity of ETH/USDT"), ("ODD/USDT", "contract size of ODD/USDT")],
)
def test_what_the_market_data_does_not_tell_is_named(symbol, missing, local):
    venue = STAGE.open(local)
    with pytest.raises(UnknownInstrument, match=missing):
        venue.instrument(symbol)


def test_fills_are_told_in_coins_with_signed_fees(local):
    placed = STAGE.open(local).place(STAGE.order_ticket())
    found = {one.venue_fill_id: (one.quantity, one.price, one.fee) for one in placed.fills}
    assert found == {"7001": ("0.006", "60000", "0.18"), "7002": ("0.009", "60000.8", "-0.003")}
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, D("0.015"))


STATUSES = [
    ("a resting order", "live", "0", OrderStatus.OPEN),
    ("filled in part", "partially_filled", "1.5", OrderStatus.OPEN),
    ("canceled", "canceled", "0", OrderStatus.CANCELED),
    ("canceled by its own protection", "mmp_canceled", "0", OrderStatus.CANCELED),
]


@pytest.mark.parametrize(("case", "word", "filled", "status"), STATUSES)
def test_a_word_for_a_status(case, word, filled, status, local):
    venue = STAGE.open(local, **{STAGE.lookup: told(order(state=word, accFillSz=filled))})
    found = venue.find(symbol="BTC/USDT", client_order_id=OUR_ID)
    assert (found.status, found.filled) == (status, D(filled) / 100)


def test_a_duplicate_is_looked_up_and_not_taken_for_a_refusal(local):
    venue = STAGE.open(local, **{STAGE.order: STAGE.refusal("51016")})
    assert venue.place(STAGE.order_ticket()).status is OrderStatus.FILLED
    assert local.count(STAGE.order) == 1


def test_the_balance_counts_isolated_margin_and_no_open_gains(local):
    assert STAGE.open(local).balance() == Balance(D("1025.25"), D("900.125"), D("-12.5"))


def test_an_account_without_the_currency_has_nothing(local):
    venue = STAGE.open(local, **{"GET /api/v5/account/balance": told({"details": []})})
    assert venue.balance() == Balance(D(0), D(0), D(0))


def test_holdings_in_both_modes(local):
    short = position("net", "-2", mgnMode="cross", liqPx="")
    venue = STAGE.open(local, **{POSITIONS: told(position("long", "1.5"), short)})
    long, net = venue.holdings()
    assert long == Holding(
        symbol="BTC/USDT",
        direction=Direction.LONG,
        quantity=D("0.015"),
        entry_price=D("60000.5"),
        leverage=10,
        margin=Margin.ISOLATED,
        unrealised=D("14.9925"),
        liquidation_price=D("54500.1"),
    )
    assert (net.direction, net.quantity, net.margin) == (Direction.SHORT, D("0.02"), Margin.CROSS)
    assert net.liquidation_price is None


def test_fills_come_in_pages_with_our_ids(local, monkeypatch):
    monkeypatch.setattr("engine.venues.okx.PAGE", 2)
    pages = several(
        told(
            trade("3", "1", "5", "0", side="sell", clOrdId="", ts=str(NOW_MS)),
            trade("2", "1", "5", "0", ts=str(NOW_MS - 1)),
        ),
        told(trade("1", "1", "5", "0", ts=str(NOW_MS - 2))),
    )
    venue = STAGE.open(local, **{"GET /api/v5/trade/fills-history": pages})
    found = venue.fills_since("BTC/USDT", NOW_MS - 1000)
    assert [(one.fill.venue_fill_id, one.side, one.client_order_id) for one in found] == [
        ("1", Side.BUY, OUR_ID),
        ("2", Side.BUY, OUR_ID),
        ("3", Side.SELL, ""),
    ]
    assert "after = 92" in local.shown()


def test_funding_of_an_isolated_position_is_in_its_margin(local):
    pages = several(
        told(bill("1", "8", "0", posBalChg="-0.25"), bill("2", "8", "0.5")),
        told(bill("3", "1", "100")),
    )
    found = STAGE.open(local, **{"GET /api/v5/account/bills-archive": pages}).payments_since(0)
    assert [(one.kind, one.symbol, one.amount) for one in found] == [
        (PaymentKind.FUNDING, "BTC/USDT", D("-0.25")),
        (PaymentKind.FUNDING, "BTC/USDT", D("0.5")),
        (PaymentKind.TRANSFER, "", D("100")),
    ]


RIGHTS = [
    ("may trade", config("long_short_mode"), AccountCheck(True, False, True, 250)),
    (
        "may withdraw, in a mode without contracts",
        config("net_mode", perm="read_only,withdraw,trade", acctLv="1"),
        AccountCheck(False, True, False, 250),
    ),
]


@pytest.mark.parametrize(("case", "answer", "check"), RIGHTS)
def test_the_check_tells_rights_mode_and_clock(case, answer, check, local):
    assert STAGE.open(local, **{"GET /api/v5/account/config": answer}).check() == check


def test_nothing_can_be_protected_where_nothing_is_held(local):
    venue = STAGE.open(local, **{POSITIONS: told()})
    with pytest.raises(VenueRefused, match="no long of BTC/USDT is held"):
        venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=D(59000), target=None)
    # And what stood before still stands.
    assert local.count("POST /api/v5/trade/cancel-algos") == 0


def test_an_order_of_another_margin_is_not_mistaken_for_protection(local):
    other = ANSWERS[ALGOS]["data"][2]
    venue = STAGE.open(local, **{ALGOS: told(other)})
    venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=None, target=None)
    assert local.count("POST /api/v5/trade/cancel-algos") == 0


def test_an_account_of_one_side_does_not_open_the_other(local):
    held = {POSITIONS: told(position("net", "1"))}
    venue = STAGE.open(local, **NET | held)
    with pytest.raises(VenueRefused, match="holds a long"):
        venue.place(STAGE.order_ticket(direction=Direction.SHORT))
    assert local.count(STAGE.order) == 0


def test_a_refused_stop_brings_the_old_one_back(local):
    refused = told({"algoId": "", "sCode": "51278", "sMsg": "SL too high"}, code="1")
    good = ANSWERS["POST /api/v5/trade/order-algo"]
    venue = STAGE.open(local, **{"POST /api/v5/trade/order-algo": several(refused, good)})
    with pytest.raises(VenueRefused, match="51278"):
        venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=D(99000), target=None)
    again = [one.words for one in local.seen if one.path.endswith("order-algo")][-1]
    assert (again["slTriggerPx"], again["tpTriggerPx"], again["ordType"]) == (
        "58000",
        "70000",
        "oco",
    )


def test_a_variant_of_a_code_is_the_code(local):
    variant = told({"ordId": "", "sCode": "51008_1000", "sMsg": "no USDT"}, code="1")
    venue = STAGE.open(local, **{STAGE.order: variant})
    with pytest.raises(VenueRefused, match="51008"):
        venue.place(STAGE.order_ticket())
