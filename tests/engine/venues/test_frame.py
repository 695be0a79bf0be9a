"""What holds for every real venue: sent once, told plainly, and no secret anywhere."""

import logging
import traceback
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec
import pytest

from engine.errors import (
    OutcomeUnknown,
    TooLate,
    UnknownInstrument,
    VenueBusy,
    VenueError,
    VenueRefused,
)
from engine.execution import execute, report_of
from engine.messages import Report, Style
from engine.order import OrderStatus
from engine.signal import Action, Direction
from engine.venues import client_ids
from engine.venues.answers import NotOffered
from engine.venues.base import Bar
from engine.venues.ccxt import now_ms
from tests.engine.venues.local_venue import DROPPED, NOT_AFTER_MS, NOW_MS, serve
from tests.engine.venues.stages import BARS, OUR_ID, two_hours
from tests.engine.venues.test_requests import STAGES

pytestmark = [
    pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name),
    pytest.mark.usefixtures("stopped_clock"),
]
AMBIGUOUS = {
    "the connection ends": DROPPED,
    "a gateway answers": (502, "<html>bad gateway</html>"),
    "a server error without a code": (500, {"error": "?"}),
    "an answer of another shape": {"surprise": [1, 2, 3]},
    "a redirect": (307, "", {"Location": "/elsewhere"}),
}


def test_bars_are_told_in_order_and_in_coins(stage, local):
    told = two_hours(stage.symbol)(stage.open(local))
    assert told == [Bar(at, *map(Decimal, values)) for at, *values in BARS]


def test_what_lies_outside_of_the_span_is_left_out(stage, local):
    span = {"since_ms": BARS[0][0] + 1, "until_ms": BARS[1][0] + 1}
    told = stage.open(local).bars(stage.symbol, "1h", **span)
    assert [bar.opened_at_ms for bar in told] == [BARS[1][0]]


def test_a_timeframe_that_the_venue_has_not_is_refused_before_anything_is_asked(stage, local):
    with pytest.raises(VenueRefused, match="no bars of 2s"):
        stage.open(local).bars(stage.symbol, "2s", since_ms=0, until_ms=1)
    assert local.seen == []


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_ambiguous_answer_is_an_unknown_outcome_and_nothing_is_sent_again(stage, case, local):
    venue = stage.open(local, **{stage.order: AMBIGUOUS[case]})
    with pytest.raises(OutcomeUnknown):
        venue.place(stage.order_ticket())
    assert local.count(stage.order) == 1
    # Nor anywhere else: a redirect is not followed.
    assert local.seen[-1].name == stage.order


def test_an_order_that_was_accepted_never_sounds_as_if_it_was_not(stage, local):
    """Whatever goes wrong after the order, its outcome is unknown until it is looked up."""
    venue = stage.open(local)
    venue.place(stage.order_ticket())
    sent = [request.name for request in local.seen]
    after = sent[sent.index(stage.order) + 1 :]
    for wrong in (DROPPED, (429, "slow down"), stage.absent.get(stage.lookup)):
        venue = stage.open(local, **dict.fromkeys(after, wrong))
        try:
            order = venue.place(stage.order_ticket())
        except OutcomeUnknown:
            continue
        assert order.status is OrderStatus.OPEN or not after


def test_a_failure_before_the_order_proves_that_there_is_none(stage, local):
    venue = stage.open(local)
    venue.place(stage.order_ticket())
    sent = [request.name for request in local.seen]
    shared = set(sent[: sent.index(stage.order)]) - {stage.order}
    for before in shared:
        # A change that was answered well needs no certain words.
        surprises = [{"surprise": 1}] if before.startswith("GET") else []
        for wrong in (DROPPED, (503, "down"), *surprises):
            venue, local.seen[:] = stage.open(local, **{before: wrong}), []
            with pytest.raises((VenueBusy, VenueRefused, UnknownInstrument)):
                venue.place(stage.order_ticket())
            assert local.count(stage.order) == 0


def test_an_order_that_cannot_leave_was_not_placed(stage, local):
    server = serve(local)
    venue = stage.open(local)
    venue.place(stage.order_ticket())
    server.shutdown()
    server.server_close()
    venue.client.session.close()
    with pytest.raises(VenueBusy):
        venue.place(stage.order_ticket(action=Action.CLOSE))


def test_an_order_is_not_sent_after_its_time(stage, local):
    venue = stage.open(local)
    with pytest.raises(TooLate):
        venue.place(stage.order_ticket(not_after_ms=NOW_MS))
    assert local.count(stage.order) == 0


REFUSED = {
    "a quantity between two steps": {"quantity": "0.0000000123"},
    "a price between two ticks": {"price": "59000.0000000123"},
    "a market order that must rest": {"style": Style.POST_ONLY},
    "an id that no venue takes": {"client_order_id": "a:" * 30},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_venue_would_not_take_is_not_sent(stage, case, local):
    venue = stage.open(local)
    if "client_order_id" in REFUSED[case] and stage.name in ("hyperliquid", "grvt"):
        # This venue is given a hash of the id, whatever it is.
        assert client_ids.at_venue(stage.name, "a:" * 30) != "a:" * 30
        return
    with pytest.raises(VenueRefused):
        venue.place(stage.order_ticket(**REFUSED[case]))
    assert local.count(stage.order) == 0


def test_a_symbol_that_the_venue_does_not_have_is_no_instrument(stage, local):
    venue = stage.open(local)
    with pytest.raises(UnknownInstrument, match="NOTHING/USDT"):
        venue.instrument("NOTHING/USDT")


def test_an_order_that_is_not_there_is_none(stage, local):
    venue = stage.open(local, **stage.absent)
    both = {"symbol": stage.symbol, "client_order_id": OUR_ID}
    assert venue.find(**both) is None


@pytest.mark.parametrize("answer", [DROPPED, (503, "down"), (429, "slow down"), {"surprise": 1}])
def test_a_failed_look_up_is_not_an_absent_order(stage, answer, local):
    venue = stage.open(local, **{stage.lookup: answer})
    with pytest.raises(VenueError):
        venue.find(symbol=stage.symbol, client_order_id=OUR_ID)


def undated(order):
    """What every answer tells: some leave out of the first one what was asked for anyway."""
    return replace(order, price=None, quantity=None, placed_at_ms=0)


def test_what_is_found_is_what_was_placed(stage, local):
    venue = stage.open(local)
    placed = venue.place(stage.order_ticket())
    found = venue.find(symbol=stage.symbol, client_order_id=OUR_ID)
    assert undated(found) == undated(placed)
    assert found.client_order_id == OUR_ID
    assert found.status is OrderStatus.FILLED
    assert found.venue_order_id
    # It can travel as it is, and adds up.
    sent = report_of(stage.order_ticket(), found, NOW_MS)
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Report) == sent
    assert sum(Decimal(fill.quantity) for fill in found.fills) == found.filled > 0


def test_no_secret_is_in_an_error_or_in_the_log(stage, local, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [stage.keys.api_key, stage.keys.api_secret, stage.keys.passphrase]
    said = []
    for answer in (DROPPED, (400, " ".join(secrets)), (400, {"code": -1, "msg": secrets[1]})):
        venue = stage.open(local, **{stage.order: answer, stage.lookup: answer})
        for call in (
            lambda venue=venue: venue.place(stage.order_ticket()),
            lambda venue=venue: venue.find(symbol=stage.symbol, client_order_id=OUR_ID),
        ):
            try:
                call()
            except VenueError as error:
                said += ["".join(traceback.format_exception(error)), repr(error.context)]
        said.append(repr(venue))
    assert said
    ours = [record.getMessage() for record in caplog.records]
    for secret in filter(None, secrets):
        assert not [text for text in [*said, *ours] if secret in text]


def test_no_request_leaves_for_another_host(stage, local):
    venue = stage.open(local)
    assert "https://" not in str(venue.client.urls["api"])
    venue.client.urls["api"] = stage.venue.library().urls["api"]
    with pytest.raises(VenueBusy):
        venue.find(symbol=stage.symbol, client_order_id=OUR_ID)


def test_the_clock_of_the_venue_is_compared_with_ours(stage, local):
    assert now_ms() > NOW_MS
    told = stage.open(local).check()
    assert told.clock_offset_ms in (0, 250)


GONE = {
    "binance": ("DELETE /fapi/v1/algoOrder", "-2011"),
    "okx": ("POST /api/v5/trade/cancel-algos", "51400"),
    "gate": ("DELETE /api/v4/futures/usdt/price_orders/1", "ORDER_NOT_FOUND"),
    "hyperliquid": (
        "POST /exchange cancel",
        "Order was never placed, already canceled, or filled",
    ),
}


def test_a_stop_that_went_meanwhile_is_as_good_as_taken_away(stage, local):
    if not stage.venue.can_protect:
        with pytest.raises(NotOffered):
            stage.open(local).protect(
                symbol=stage.symbol, direction=Direction.LONG, stop=Decimal(1), target=None
            )
        return
    request, code = GONE[stage.name]
    venue = stage.open(local, **{request: stage.refusal(code)})
    venue.protect(symbol=stage.symbol, direction=Direction.LONG, stop=None, target=None)
    assert local.count(request) > 0


# --- the rule of sending, over the real adapters


@dataclass
class Journal:
    ids: set[str] = field(default_factory=set)

    def create(self, client_order_id: str) -> bool:
        is_new = client_order_id not in self.ids
        self.ids.add(client_order_id)
        return is_new


LATE_MS = NOT_AFTER_MS + 60_000
REPORTED = [
    ("it arrived, and its answer was lost", DROPPED, True, NOW_MS, OrderStatus.FILLED),
    ("nobody knows yet", DROPPED, False, NOW_MS, OrderStatus.UNKNOWN),
    ("a limit turned it away", (429, "slow down"), False, NOW_MS, OrderStatus.EXPIRED),
]


def without_traces(venue, monkeypatch):
    """The venue, with no order in its book and no fill."""
    monkeypatch.setattr(venue, "ask_open_orders", lambda market: iter(()))
    monkeypatch.setattr(venue, "ask_fills", lambda market, since_ms: iter(()))
    return venue


@pytest.mark.parametrize(("case", "answer", "is_there", "now_ms", "status"), REPORTED)
def test_what_is_reported_of_an_order(
    stage, case, answer, is_there, now_ms, status, local, monkeypatch
):
    answers = {stage.order: answer} | ({} if is_there else stage.absent)
    venue, journal = without_traces(stage.open(local, **answers), monkeypatch), Journal()
    ticket = stage.order_ticket()
    report = execute(ticket, venue=venue, journal=journal, now_ms=now_ms)
    assert report.status is status
    # The same message again asks, and later proves; it never sends.
    again = execute(ticket, venue=venue, journal=journal, now_ms=LATE_MS)
    assert again.status is (OrderStatus.FILLED if is_there else OrderStatus.EXPIRED)
    assert local.count(stage.order) == 1


def test_an_order_that_is_denied_and_shows_in_the_fills_has_not_expired(stage, local):
    """Of a venue that says "no such order" of one that was filled."""
    venue = stage.open(local, **{stage.order: DROPPED}, **stage.absent)
    report = execute(stage.order_ticket(), venue=venue, journal=Journal(), now_ms=NOW_MS)
    assert report.status is OrderStatus.UNKNOWN
    again = execute(stage.order_ticket(), venue=venue, journal=Journal({OUR_ID}), now_ms=LATE_MS)
    assert again.status is OrderStatus.UNKNOWN
    assert local.count(stage.order) == 1
