"""How Binance's words are read, and its habits."""

from decimal import Decimal

import pytest

from engine.errors import OutcomeUnknown, UnknownInstrument, VenueError, VenueRefused
from engine.instrument import Instrument
from engine.messages import Margin
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues.base import AccountCheck, Balance, Holding, PaymentKind
from tests.engine.venues.local_venue import NOT_AFTER_MS, NOW_MS, several
from tests.engine.venues.stages import OUR_ID
from tests.engine.venues.stages.binance import (
    ANSWERS,
    FILTERS,
    ONE_WAY,
    STAGE,
    income,
    order,
    position,
    symbol,
    trade,
)

pytestmark = pytest.mark.usefixtures("stopped_clock")
D = Decimal


def test_the_instrument_is_the_perpetual_s(local):
    told = STAGE.open(local).instrument("BTC/USDT")
    assert told == Instrument("BTC/USDT", D("0.1"), D("0.001"), D("0.001"), D("100"))


def test_what_the_market_data_does_not_tell_is_named(local):
    venue = STAGE.open(local)
    with pytest.raises(UnknownInstrument, match="step, min_quantity, min_notional of ODD/USDT"):
        venue.instrument("ODD/USDT")


def test_a_market_order_keeps_to_the_coarser_step(local):
    coarse = {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.01", "minQty": "0.05"}
    words = symbol("BTC", filters=[*FILTERS[:2], coarse, FILTERS[4]])
    venue = STAGE.open(local, **{"GET /fapi/v1/exchangeInfo": {"symbols": [words]}})
    told = venue.instrument("BTC/USDT")
    assert (told.step, told.min_quantity) == (D("0.01"), D("0.05"))


def test_fills_have_signed_fees(local):
    placed = STAGE.open(local).place(STAGE.order_ticket())
    told = [(fill.venue_fill_id, fill.quantity, fill.price, fill.fee) for fill in placed.fills]
    assert told == [
        ("7001", "0.004", "60000", "0.12"),
        ("7002", "0.006", "60000.8", "-0.003"),
    ]
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, D("0.01"))
    assert placed.venue_order_id == "22542179"


def test_a_fee_in_another_coin_is_counted_in_the_quote_currency(local):
    paid = trade(7001, "0.01", "60000", "0.0002", commissionAsset="BNB")
    answers = {
        "GET /fapi/v1/userTrades": [paid],
        "GET /fapi/v2/ticker/price": {"symbol": "BNBUSDT", "price": "600.5"},
    }
    (fill,) = STAGE.open(local, **answers).place(STAGE.order_ticket()).fills
    assert fill.fee == "0.1201"
    assert "symbol = BNBUSDT" in local.shown()


def test_a_fee_in_a_coin_without_a_market_leaves_the_order_unknown(local):
    """It was placed: that its fee cannot be counted must not sound like a refusal."""
    paid = trade(7001, "0.01", "60000", "0.0002", commissionAsset="FDUSD")
    venue = STAGE.open(local, **{"GET /fapi/v1/userTrades": [paid]})
    with pytest.raises(OutcomeUnknown, match="FDUSD/USDT"):
        venue.place(STAGE.order_ticket())
    with pytest.raises(VenueError, match="FDUSD/USDT"):
        venue.find(symbol="BTC/USDT", client_order_id=OUR_ID)


def test_a_resting_order_with_a_stop_says_that_it_waits(local):
    venue = STAGE.open(local, **{STAGE.order: order(status="NEW", executedQty="0")})
    placed = venue.place(STAGE.order_ticket(price="59000", stop="58000"))
    assert (placed.status, placed.reason) == (OrderStatus.OPEN, "stop and target wait for a fill")


def test_a_market_order_is_asked_for_until_it_is_done(local):
    answers = {
        STAGE.order: order(status="NEW", executedQty="0"),
        STAGE.lookup: several(
            order(status="PARTIALLY_FILLED", executedQty="0.004"), order(status="FILLED")
        ),
        "GET /fapi/v1/userTrades": several(
            ANSWERS["GET /fapi/v1/userTrades"][:1], ANSWERS["GET /fapi/v1/userTrades"]
        ),
    }
    placed = STAGE.open(local, **answers).place(STAGE.order_ticket())
    assert (placed.status, len(placed.fills)) == (OrderStatus.FILLED, 2)


def test_an_order_is_open_until_all_of_its_fills_are_told(local):
    some = ANSWERS["GET /fapi/v1/userTrades"][:1]
    placed = STAGE.open(local, **{"GET /fapi/v1/userTrades": some}).place(STAGE.order_ticket())
    assert (placed.status, placed.filled) == (OrderStatus.OPEN, D("0.004"))
    assert placed.reason == "not all of its fills are told yet"


STATUSES = [
    ("a resting order", "NEW", "0", OrderStatus.OPEN),
    ("canceled", "CANCELED", "0", OrderStatus.CANCELED),
    ("canceled after some of it", "CANCELED", "0.01", OrderStatus.CANCELED),
    ("what an IOC order leaves", "EXPIRED", "0.01", OrderStatus.CANCELED),
    ("rejected", "REJECTED", "0", OrderStatus.REJECTED),
]


@pytest.mark.parametrize(("case", "word", "filled", "status"), STATUSES)
def test_a_word_for_a_status(case, word, filled, status, local):
    answers = {STAGE.lookup: order(status=word, executedQty=filled)}
    found = STAGE.open(local, **answers).find(symbol="BTC/USDT", client_order_id=OUR_ID)
    assert (found.status, found.filled) == (status, D(filled))


def test_the_window_ends_with_the_ticket_and_is_never_longer_than_a_minute(local):
    for not_after, window in ((NOT_AFTER_MS, "5000"), (NOW_MS + 600_000, "60000")):
        local.seen.clear()
        STAGE.open(local).place(STAGE.order_ticket(not_after_ms=not_after))
        (sent,) = [one for one in local.seen if one.name == STAGE.order]
        assert sent.words["recvWindow"] == window


def test_margin_that_cannot_be_changed_refuses_the_order(local):
    held = (400, {"code": -4048, "msg": "Margin type cannot be changed if there exists position."})
    venue = STAGE.open(local, **{"POST /fapi/v1/marginType": held})
    with pytest.raises(VenueRefused, match="-4048"):
        venue.place(STAGE.order_ticket())
    assert local.count(STAGE.order) == 0


def test_margin_that_was_changed_meanwhile_is_as_good(local):
    already = (400, {"code": -4046, "msg": "No need to change margin type."})
    venue = STAGE.open(local, **{"POST /fapi/v1/marginType": already})
    assert venue.place(STAGE.order_ticket()).status is OrderStatus.FILLED


def test_the_mode_is_asked_for_again_after_a_refusal(local):
    refused = (400, {"code": -4061, "msg": "Order's position side does not match."})
    venue = STAGE.open(local, **{STAGE.order: several(refused, order())})
    with pytest.raises(VenueRefused):
        venue.place(STAGE.order_ticket())
    local.answers |= ONE_WAY
    venue.place(STAGE.order_ticket(client_order_id="ibsecond"))
    assert "positionSide" not in [one for one in local.seen if one.method == "POST"][-1].words


def test_the_balance_is_cash_without_open_gains(local):
    told = STAGE.open(local).balance()
    assert told == Balance(D("1000.25"), D("900.125"), D("-12.5"))


def test_an_account_that_never_held_the_currency_has_nothing(local):
    venue = STAGE.open(local, **{"GET /fapi/v3/account": {"assets": []}})
    assert venue.balance() == Balance(D(0), D(0), D(0))


def test_holdings_by_side(local):
    short = position("SHORT", "-0.020", liquidationPrice="0")
    answers = {"GET /fapi/v3/positionRisk": [position("LONG", "0.010"), short]}
    told = STAGE.open(local, **answers).holdings()
    long = Holding(
        symbol="BTC/USDT",
        direction=Direction.LONG,
        quantity=D("0.010"),
        entry_price=D("60000.5"),
        leverage=20,
        margin=Margin.CROSS,
        unrealised=D("9.995"),
        liquidation_price=D("54500.1"),
    )
    assert told[0] == long
    assert (told[1].direction, told[1].quantity) == (Direction.SHORT, D("0.020"))
    assert told[1].liquidation_price is None


def test_fills_come_in_pages_oldest_first(local, monkeypatch):
    monkeypatch.setattr("engine.venues.binance.PAGE", 2)
    pages = several(
        [trade(2, "1", "5", "0", time=NOW_MS - 5), trade(1, "1", "5", "0", time=NOW_MS - 6)],
        [trade(2, "1", "5", "0", time=NOW_MS - 5), trade(3, "1", "5", "0", side="SELL")],
        [],
    )
    venue = STAGE.open(local, **{"GET /fapi/v1/userTrades": pages})
    told = venue.fills_since("BTC/USDT", NOW_MS - 1000)
    assert [(one.fill.venue_fill_id, one.side) for one in told] == [
        ("1", Side.BUY),
        ("2", Side.BUY),
        ("3", Side.SELL),
    ]
    asked = [one.words.get("fromId") for one in local.seen if one.path.endswith("userTrades")]
    assert asked == [None, "3", "4"]


def test_fills_of_a_month_are_asked_for_by_the_week(local):
    STAGE.open(local).fills_since("BTC/USDT", NOW_MS - 30 * 86_400_000)
    assert local.count("GET /fapi/v1/userTrades") == 5


def test_payments_are_signed_and_have_a_kind(local, monkeypatch):
    monkeypatch.setattr("engine.venues.binance.PAGE", 2)
    answers = several(
        [income("FUNDING_FEE", 1, "-0.25"), income("FUNDING_FEE", 2, "0.5", asset="BNB")],
        [income("FUNDING_FEE", 3, "0.125", time=NOW_MS - 1)],
        [income("TRANSFER", 3, "100")],
        [],
    )
    told = STAGE.open(local, **{"GET /fapi/v1/income": answers}).payments_since(NOW_MS - 1000)
    assert [(one.venue_payment_id, one.kind, one.symbol, one.amount) for one in told] == [
        ("FUNDING_FEE-3", PaymentKind.FUNDING, "BTC/USDT", D("0.125")),
        ("FUNDING_FEE-1", PaymentKind.FUNDING, "BTC/USDT", D("-0.25")),
        ("TRANSFER-3", PaymentKind.TRANSFER, "", D("100")),
    ]


def test_the_check_tells_rights_mode_and_clock(local):
    assert STAGE.open(local).check() == AccountCheck(
        can_trade=True, can_withdraw=False, is_hedged=True, clock_offset_ms=250
    )


def test_a_stop_that_already_stands_is_left_alone(local):
    STAGE.open(local).protect(
        symbol="BTC/USDT", direction=Direction.LONG, stop=D("58000"), target=D("70000")
    )
    assert [one.method for one in local.seen if "lgo" in one.path] == ["GET"]


def test_a_stop_that_is_refused_is_told_with_the_order(local):
    refused = (400, {"code": -2021, "msg": "Order would immediately trigger."})
    venue = STAGE.open(local, **{"POST /fapi/v1/algoOrder": refused})
    placed = venue.place(STAGE.order_ticket(stop="58500"))
    assert placed.status is OrderStatus.FILLED
    assert placed.unprotected.startswith("Order would immediately")


def test_an_account_of_one_side_does_not_open_the_other(local):
    venue = STAGE.open(local, **ONE_WAY)
    with pytest.raises(VenueRefused, match="holds a long"):
        venue.place(STAGE.order_ticket(direction=Direction.SHORT))
    assert local.count(STAGE.order) == 0


def test_an_order_of_very_many_trades_is_told_in_pages(local, monkeypatch):
    monkeypatch.setattr("engine.venues.binance.PAGE", 2)
    pages = several(
        [trade(1, "0.004", "5", "0"), trade(2, "0.004", "5", "0")],
        [trade(3, "9", "5", "0", orderId=5), trade(4, "0.002", "5", "0")],
        [],
    )
    placed = STAGE.open(local, **{"GET /fapi/v1/userTrades": pages}).place(STAGE.order_ticket())
    assert [fill.venue_fill_id for fill in placed.fills] == ["1", "2", "4"]
    assert placed.status is OrderStatus.FILLED


def test_a_refused_stop_brings_the_old_one_back(local):
    refused = (400, {"code": -2021, "msg": "Order would immediately trigger."})
    good = ANSWERS["POST /fapi/v1/algoOrder"]
    venue = STAGE.open(local, **{"POST /fapi/v1/algoOrder": several(refused, good)})
    with pytest.raises(VenueRefused, match="-2021"):
        venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=D(99000), target=D(70000))
    asked = [one.words for one in local.seen if one.name == "POST /fapi/v1/algoOrder"]
    assert [words["triggerPrice"] for words in asked] == ["99000", "58000"]
