"""How GRVT's words are read, its login, and what it does not offer."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UnknownInstrument, VenueBusy, VenueError, VenueRefused
from engine.instrument import Instrument
from engine.messages import Margin
from engine.order import OrderStatus
from engine.signal import Action, Direction, Side
from engine.venues.answers import NotOffered
from engine.venues.base import AccountCheck, Balance, Holding, PaymentKind
from engine.venues.grvt import Grvt, message_of
from tests.engine.venues.local_venue import NOW_MS, Keys, several
from tests.engine.venues.stages import OUR_ID
from tests.engine.venues.stages.grvt import (
    CROSS,
    LOGIN,
    NAME,
    SESSION,
    SIGNING_KEY,
    STAGE,
    SUB_ACCOUNT,
    V1,
    fill,
    funding,
    instrument,
    order,
    position,
    result,
    transfer,
)

pytestmark = pytest.mark.usefixtures("stopped_clock")
D = Decimal
FIND = {"symbol": "BTC/USDT", "client_order_id": OUR_ID}


def test_the_instrument(local):
    found = STAGE.open(local).instrument("BTC/USDT")
    assert found == Instrument("BTC/USDT", D("0.1"), D("0.001"), D("0.001"), D("100"))


def test_what_the_market_data_does_not_tell_is_named(local):
    venue = STAGE.open(local)
    with pytest.raises(UnknownInstrument, match="step, min_quantity, min_notional of ODD/USDT"):
        venue.instrument("ODD/USDT")


def test_there_is_one_login_for_many_calls(local):
    venue = STAGE.open(local)
    venue.balance()
    venue.place(STAGE.order_ticket())
    assert local.count(LOGIN) == 1
    private = [one for one in local.seen if one.path.startswith("/full/v1/order")]
    assert {one.headers["Cookie"] for one in private} == {"gravity=session"}
    assert {one.headers["X-Grvt-Account-Id"] for one in private} == {"account"}


def test_a_session_that_ended_is_opened_again_at_the_next_call(local):
    ended = (401, {"code": 1000, "message": "You need to authenticate", "status": 401})
    venue = STAGE.open(local)
    good = local.answers[f"{V1}/account_summary"]
    local.answers[f"{V1}/account_summary"] = several(ended, good)
    with pytest.raises(VenueBusy):
        venue.balance()
    venue.balance()
    local.answers[STAGE.order] = several(ended, local.answers[STAGE.order])
    with pytest.raises(VenueBusy):
        venue.place(STAGE.order_ticket())
    venue.place(STAGE.order_ticket(client_order_id="ibsecond"))
    assert local.count(LOGIN) == 3


LOGINS = [
    ("is refused", (401, {"code": 1001, "message": "no", "status": 401}), VenueRefused),
    ("opens no session", {"status": "failure"}, VenueRefused),
    ("is not answered", (502, "bad gateway"), VenueBusy),
]


@pytest.mark.parametrize(("case", "answer", "error"), LOGINS)
def test_an_order_is_not_sent_where_the_login(case, answer, error, local):
    venue = STAGE.open(local, **{LOGIN: answer})
    with pytest.raises(error):
        venue.place(STAGE.order_ticket(action=Action.CLOSE))
    assert local.count(STAGE.order) == 0


def of_whatever(local, keys, ids):
    local.answers = {**STAGE.answers, f"{V1}/get_sub_accounts": {"sub_account_ids": ids}}
    return Grvt(keys, base_url=local.address)


def test_the_only_sub_account_needs_no_name(local):
    keys = Keys("key-4cd2a7", SIGNING_KEY, "")
    of_whatever(local, keys, [SUB_ACCOUNT]).balance()
    asked = [one for one in local.seen if one.path.endswith("account_summary")]
    assert asked[0].words["sub_account_id"] == SUB_ACCOUNT
    with pytest.raises(VenueRefused, match="name the sub-account"):
        of_whatever(local, keys, ["1", "2"]).balance()


def test_fills_have_signed_fees(local):
    placed = STAGE.open(local).place(STAGE.order_ticket())
    told = {one.venue_fill_id: (one.quantity, one.price, one.fee) for one in placed.fills}
    assert told == {
        "65424692-1": ("0.004", "60000", "0.12"),
        "65424692-2": ("0.006", "60000.8", "-0.003"),
    }
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, D("0.01"))


STATUSES = [
    ("on its way", order("PENDING", "0.0"), OrderStatus.OPEN, ""),
    ("resting", order("OPEN", "0.0"), OrderStatus.OPEN, ""),
    ("expired", order("CANCELLED", "0.0", "EXPIRED"), OrderStatus.CANCELED, "EXPIRED"),
    (
        "would not rest",
        order("REJECTED", "0.0", "FAIL_POST_ONLY"),
        OrderStatus.REJECTED,
        "FAIL_POST_ONLY",
    ),
]


@pytest.mark.parametrize(("case", "answer", "status", "reason"), STATUSES)
def test_a_word_for_a_status(case, answer, status, reason, local):
    found = STAGE.open(local, **{STAGE.lookup: {"result": answer}}).find(**FIND)
    assert (found.status, found.reason, found.client_order_id) == (status, reason, OUR_ID)


def test_an_order_that_is_refused_in_its_state_is_refused(local):
    answer = {"result": order("REJECTED", "0.0", "BELOW_MARGIN")}
    placed = STAGE.open(local, **{STAGE.order: answer}).place(STAGE.order_ticket())
    assert (placed.status, placed.reason) == (OrderStatus.REJECTED, "BELOW_MARGIN")


def test_no_builder_is_paid(local):
    STAGE.open(local).place(STAGE.order_ticket())
    assert "builder" not in local.shown()


def placed_words(local, **changes):
    STAGE.open(local).place(STAGE.order_ticket(**changes))
    (sent,) = [one for one in local.seen if one.name == STAGE.order]
    return sent.words["order"]


@pytest.mark.parametrize("changes", [{}, {"price": "59000.1"}, {"quantity": "1.234"}])
def test_what_is_signed_is_what_the_library_would_sign(changes, local):
    """For numbers that survive floats, both ways give one signature."""
    words = placed_words(local, **changes)
    client = STAGE.open(local).client
    client.set_markets([client.parse_market(instrument("BTC"))])
    theirs = client.create_signed_request(
        words | {"signature": dict(words["signature"])}, "EIP712_ORDER_TYPE"
    )
    assert theirs["signature"] == words["signature"]


@given(
    size=st.integers(1, 10**15).map(lambda n: Decimal(n).scaleb(-9)),
    price=st.integers(1, 10**15).map(lambda n: Decimal(n).scaleb(-9)),
)
def test_what_is_signed_is_exact(size, price):
    leg = {"size": str(size), "limit_price": str(price), "is_buying_asset": True}
    words = {
        "sub_account_id": SUB_ACCOUNT,
        "is_market": False,
        "time_in_force": "GOOD_TILL_TIME",
        "post_only": False,
        "reduce_only": False,
        "legs": [leg],
        "signature": {"nonce": 1, "expiration": "2"},
    }
    (told,) = message_of(words, market())["legs"]
    assert (told["contractSize"], told["limitPrice"]) == (size * 10**9, price * 10**9)


def market():
    return Grvt(Keys("key", SIGNING_KEY, "1")).market_of("BTC/USDT", instrument("BTC"))


def test_an_order_lives_as_long_as_its_ticket(local):
    words = placed_words(local, price="59000.1")
    assert words["signature"]["expiration"] == "1700000010000000000"


def test_two_orders_have_two_nonces_and_one_has_one(local):
    told = {placed_words(local)["signature"]["nonce"]}
    local.seen.clear()
    told.add(placed_words(local)["signature"]["nonce"])
    local.seen.clear()
    told.add(placed_words(local, client_order_id="ibother")["signature"]["nonce"])
    assert len(told) == 2


def test_what_is_not_offered_is_refused_by_name(local):
    venue = STAGE.open(local)
    with pytest.raises(NotOffered):
        venue.place(STAGE.order_ticket(stop="58000"))
    with pytest.raises(VenueRefused, match="no stop"):
        venue.protect(symbol="BTC/USDT", direction=Direction.LONG, stop=D(1), target=None)
    venue = STAGE.open(local, **CROSS)
    with pytest.raises(VenueRefused, match="cross margin"):
        venue.place(STAGE.order_ticket())
    assert local.count(STAGE.order) == 0


def test_the_balance_is_cash_without_open_gains(local):
    assert STAGE.open(local).balance() == Balance(D("1000.25"), D("900.125"), D("-12.5"))


def test_holdings(local):
    short = position("-2", margin_type="", est_liquidation_price="0.0")
    venue = STAGE.open(local, **{f"{V1}/positions": result(position("0.01"), short)})
    long, other = venue.holdings()
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
    assert (other.direction, other.quantity) == (Direction.SHORT, D(2))
    assert (other.margin, other.liquidation_price) == (Margin.CROSS, None)


def test_fills_come_in_pages_with_the_venue_s_number(local):
    pages = several(
        result(fill("3-1", "1", "5", "0", is_buyer=False, client_order_id="12"), after="more"),
        result(fill("2-1", "1", "5", "0", event_time=f"{NOW_MS - 1}000000")),
    )
    told = STAGE.open(local, **{f"{V1}/fill_history": pages}).fills_since("BTC/USDT", NOW_MS - 9)
    assert [(one.fill.venue_fill_id, one.side, one.client_order_id) for one in told] == [
        ("2-1", Side.BUY, NAME),
        ("3-1", Side.SELL, ""),
    ]


def test_funding_is_told_as_paid_and_transfers_by_their_ends(local):
    moves = result(
        transfer("12", "100.0", "0", SUB_ACCOUNT),
        transfer("13", "40.0", SUB_ACCOUNT, "0"),
        transfer("14", "7.0", "0", "1"),
    )
    answers = {
        f"{V1}/funding_payment_history": result(funding("11", "0.25"), funding("10", "-0.5")),
        f"{V1}/transfer_history": moves,
    }
    told = STAGE.open(local, **answers).payments_since(0)
    assert {one.venue_payment_id: (one.kind, one.amount) for one in told} == {
        "11-BTC_USDT_Perp": (PaymentKind.FUNDING, D("-0.25")),
        "10-BTC_USDT_Perp": (PaymentKind.FUNDING, D("0.5")),
        "12": (PaymentKind.TRANSFER, D("100")),
        "13": (PaymentKind.TRANSFER, D("-40")),
    }


def test_the_check_tells_what_there_is_to_see(local):
    assert STAGE.open(local).check() == AccountCheck(
        can_trade=None, can_withdraw=None, is_hedged=False, clock_offset_ms=250
    )
    venue = STAGE.open(
        local, **{LOGIN: (200, {"status": "success"}, {**SESSION, "Set-Cookie": ""})}
    )
    with pytest.raises(VenueError):
        venue.check()
