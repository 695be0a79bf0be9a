"""A maker on a node, and what venues do to it: no naked order, no endless loop, the books agree."""

import time
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import OutcomeUnknown, VenueBusy, VenueError, VenueRefused
from engine.instrument import Instrument
from engine.messages import MakerVerb, Margin, PositionMode, number
from engine.order import OrderStatus
from engine.venues.base import Depth, VenueOrder
from engine.venues.paper import PaperVenue
from tests.engine.tickets import ticket
from tests.workers.making import SYMBOL, Centre, Faulty, Lively, is_clean

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def mishaps(host, monkeypatch):
    """What befalls the paper venue, by the name of the call."""
    told = {}
    monkeypatch.setattr(Faulty, "mishaps", told)
    book = Path(host.settings.paper_book)
    monkeypatch.setattr(
        host.adapters, "_open", lambda account, _: Faulty(book, account.account, market=Lively())
    )
    return told


@pytest.fixture
def centre(host, making, mishaps):
    centre = Centre(host, making)
    yield centre
    mishaps.clear()
    centre.end()


@pytest.fixture
def venue(host):
    return PaperVenue(Path(host.settings.paper_book), "1", market=Lively())


def books_agree(centre, venue):
    told = venue.fills_since(SYMBOL, 0)
    return centre.fills() == {one.fill.venue_fill_id: Decimal(one.fill.quantity) for one in told}


def somebody_buys(venue, quantity):
    bought = ticket(
        client_order_id="other1",
        quantity=quantity,
        not_after_ms=int(time.time() * 1000) + 5000,
        position_mode=PositionMode.ONE_WAY,
        margin=Margin.CROSS,
        venue="paper",
    )
    venue.quote(bought)


def once(times, error):
    """The first calls end in this error, and the others are made."""
    left = [times]

    def mishap(do, *args, **kwargs):
        if left[0]:
            left[0] -= 1
            raise error
        return do(*args, **kwargs)

    return mishap


# --- a life


def test_a_maker_lives_and_comes_to_rest(centre, venue):
    centre.run()
    centre.until(centre.fills, seconds=40, what="a fill")
    centre.stop()
    assert is_clean(venue)
    centre.until(lambda: books_agree(centre, venue), what="the books")
    assert [one.to for one in centre.last.moves] == ["starting", "running", "stopping", "idle"]
    assert {one.kind for one in centre.alerts()} >= {"started", "stopped"}


def test_what_it_came_to_is_told_though_the_report_of_its_end_is_lost(centre, monkeypatch):
    told, lost = centre.host.tell_centre, []

    def lossy(task, queue, report):
        if not lost and report.moves and report.moves[-1].to == "idle":
            lost.append(report)
        else:
            told(task, queue, report)

    monkeypatch.setattr(centre.host, "tell_centre", lossy)
    centre.run()
    centre.until(centre.fills, what="a fill")
    centre.stop()
    assert lost
    assert centre.last.figures["fills"] > 0
    assert Decimal(centre.last.figures["inventory"]) == 0


def test_the_same_wish_twice_is_one_maker(centre):
    centre.run()
    for _ in range(3):
        centre._wish(MakerVerb.RUN)
    assert len(centre.sessions._running) == 1
    assert centre.last.life == 1


def test_an_old_wish_changes_nothing(centre):
    centre.run()
    centre.wish("run", gamma=0.3)
    centre.until(lambda: centre.last.done == 2, what="the change")
    centre.sessions.wish(centre.message(MakerVerb.HALT, number=1))
    time.sleep(0.6)
    assert centre.state == "running"


def test_a_change_is_taken_in_and_a_bad_one_is_told(centre):
    centre.run()
    centre.wish("run", gamma=0.3)
    centre.until(lambda: centre.figure("gamma") and centre.figure("gamma") > 0.25, what="gamma")
    centre.wish("run", gamma=99)
    centre.until(lambda: "gamma" in centre.last.refused, what="the refusal")
    assert centre.state == "running"


@pytest.mark.parametrize("state", ["idle", "halted"])
def test_a_change_that_was_refused_keeps_nobody_from_ending_it(centre, venue, state):
    centre.run()
    centre.wish("run", gamma=99)
    centre.until(lambda: "gamma" in centre.last.refused, what="the refusal")
    centre.stop(state)
    assert not centre.last.refused
    assert is_clean(venue)


def test_without_a_lease_it_comes_to_rest(centre, venue):
    centre.run()
    centre.answers = False
    centre.lease_seconds = 1
    centre.wish("run")
    centre.wait("idle", seconds=20)
    assert is_clean(venue)


def test_a_session_that_is_over_does_not_come_to_life_again(centre, venue):
    centre.run()
    centre.stop()
    centre.until(lambda: not any(one.is_alive for one in centre.sessions._running.values()))
    count = len(centre.reports)
    centre._wish(MakerVerb.RUN)
    centre.until(lambda: len(centre.reports) > count, what="an answer")
    assert (centre.last.life, centre.state) == (1, "idle")
    assert not centre.sessions._running
    assert is_clean(venue)


def test_each_life_has_names_of_its_own(centre, host, making):
    centre.run()
    first = {one.client_order_id for one in centre.last.quotes}
    centre.stop()
    centre.session = "session-2"
    centre.life = 0
    centre.run()
    assert centre.last.life == 2
    assert not first & {one.client_order_id for one in centre.last.quotes}


def test_keys_that_do_not_open_halt_it_with_a_reason(centre, mishaps):
    def refused(account, _):
        raise VenueRefused("no such key")

    centre.host.adapters._open = refused
    centre.wish("run")
    centre.wait("halted")
    assert centre.last.moves[-1].reason == "no such key"
    assert centre.alerts("gave_up")


def test_a_symbol_that_is_not_described_is_never_quoted(centre, mishaps):
    mishaps["instrument"] = lambda do, symbol: do("DOGE/USDT")
    centre.wish("run")
    centre.wait("halted")
    assert "does not trade" in centre.last.moves[-1].reason


# --- mishaps


def test_the_kill_switch_alert_leaves_before_anything_is_closed(centre, mishaps, venue):
    known = []

    def watched(do, *args, **kwargs):
        known.append(bool(centre.alerts("kill_switch")))
        return do(*args, **kwargs)

    centre.run()
    somebody_buys(venue, "0.02")
    # A quote may be replaced until it halts; only what closes is placed so.
    mishaps["place"] = watched
    centre.stop("halted")
    assert known
    assert all(known)
    assert is_clean(venue)


def test_closing_that_is_refused_20_times_ends_flat(centre, mishaps, venue):
    centre.run()
    centre.until(venue.holdings, seconds=40, what="something held")
    mishaps["place"] = once(20, VenueRefused("not now"))
    centre.stop(seconds=40)
    assert is_clean(venue)
    assert centre.alerts("flatten_retry")
    assert centre.alerts("flat")


def test_a_venue_that_never_lets_it_close_calls_a_person(centre, mishaps, venue):
    centre.params["close_tries"] = 3
    centre.run()
    centre.until(venue.holdings, seconds=40, what="something held")
    mishaps["place"] = once(10_000, VenueRefused("never"))
    centre.wish("stop")
    centre.wait("halted", seconds=40)
    assert centre.alerts("gave_up")
    assert not venue.open_orders()


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("duplicate id", VenueRefused("the client id is taken")),
        ("too small", VenueRefused("below the minimum")),
        ("bad tick", VenueRefused("no multiple of the tick")),
        ("too granular", VenueRefused("no multiple of the step")),
        ("busy", VenueBusy("too many requests")),
    ],
)
def test_orders_that_are_always_refused_halt_it(case, error, centre, mishaps, venue):
    asked = []

    def refused(do, ticket):
        asked.append(ticket)
        raise error

    mishaps["quote"] = refused
    centre.wish("run")
    centre.wait("halted", seconds=40)
    assert "failures in a row" in centre.last.moves[-1].reason
    assert len(asked) <= 12
    assert is_clean(venue)


def test_a_timeout_after_placing_leaves_one_order_a_side(centre, mishaps, venue):
    def lost(do, ticket):
        do(ticket)
        raise OutcomeUnknown("no answer")

    mishaps["quote"] = lost
    centre.params["most_failures"] = 50
    centre.wish("run")
    centre.until(centre.is_quoting, what="quotes")
    mishaps.clear()
    for _ in range(20):
        sides = [one.side for one in venue.open_orders(SYMBOL)]
        assert max(sides.count(side) for side in [*sides, None]) <= 2
        time.sleep(0.05)
    centre.stop()
    assert is_clean(venue)
    centre.until(lambda: books_agree(centre, venue), what="the books")


def test_a_timeout_before_placing_is_looked_up_until_it_is_proved(centre, mishaps, venue):
    mishaps["quote"] = once(2, OutcomeUnknown("no answer"))
    centre.params["most_failures"] = 50
    centre.wish("run")
    centre.until(centre.is_quoting, seconds=30, what="quotes")
    centre.stop()
    assert is_clean(venue)


def test_a_timeout_on_cancel_leaves_no_order(centre, mishaps, venue):
    tried = []

    def lost(do, **kwargs):
        do(**kwargs)
        tried.append(kwargs)
        raise OutcomeUnknown("no answer")

    centre.params["most_failures"] = 50
    centre.run()
    mishaps["cancel"] = lost
    centre.until(lambda: tried, seconds=40, what="a cancel while it quotes")
    before = len(tried)
    centre.wish("stop")
    centre.until(lambda: len(tried) > before, what="a cancel while it stops")
    mishaps["cancel"] = once(3, VenueError("no answer"))
    centre.wait("idle", seconds=40)
    assert is_clean(venue)


def test_a_refusal_that_is_told_as_success_is_found_out(centre, mishaps, venue):
    """The library says that it stands, and the venue has never seen it."""
    left = [2]

    def invented(do, ticket):
        if not left[0]:
            return do(ticket)
        left[0] -= 1
        return VenueOrder(ticket.client_order_id, "1", OrderStatus.OPEN, Decimal(0))

    mishaps["quote"] = invented
    centre.wish("run")
    centre.wait("running")
    centre.until(lambda: venue.open_orders(SYMBOL), seconds=40, what="an order that stands")
    centre.stop()
    assert is_clean(venue)


@pytest.mark.parametrize("case", ["silent", "crossed", "one side"])
def test_a_book_that_is_none_takes_the_quotes_away(case, centre, mishaps, venue):
    def blind(do, symbol):
        if case == "silent":
            raise VenueBusy("no answer")
        depth = do(symbol)
        return Depth(depth.asks, depth.bids) if case == "crossed" else Depth(depth.bids, ())

    centre.params["most_failures"] = 50
    centre.run()
    mishaps["depth"] = blind
    centre.until(lambda: not venue.open_orders(SYMBOL), what="no quotes")
    assert centre.state == "running"
    mishaps.clear()
    centre.until(lambda: venue.open_orders(SYMBOL), what="quotes again")


def test_a_book_that_stays_away_halts_it(centre, mishaps, venue):
    centre.params["most_failures"] = 3
    centre.run()
    mishaps["depth"] = once(10_000, VenueBusy("no answer"))
    centre.wait("halted")
    assert is_clean(venue)


def test_what_is_below_the_least_is_dust_and_said_so(centre, mishaps, venue):
    least = Decimal("0.0002")

    def coarse(do, symbol):
        told = do(symbol)
        return Instrument(told.symbol, told.tick, told.step, least, told.min_notional)

    def partly(do, ticket):
        """It closes all but a step, as an exchange may that cancels the rest."""
        step = Decimal("0.00001")
        return do(replace(ticket, quantity=number(Decimal(ticket.quantity) - step)))

    mishaps["instrument"] = coarse
    centre.run()
    centre.until(venue.holdings, seconds=40, what="something held")
    mishaps["place"] = partly
    centre.stop()
    assert centre.alerts("dust")
    assert not venue.open_orders()
    assert 0 < sum(one.quantity for one in venue.holdings()) < least


def test_a_position_that_somebody_else_made_is_adopted(centre, venue):
    centre.run()
    centre.until(lambda: centre.figure("equity") is not None)
    somebody_buys(venue, "0.002")
    centre.until(lambda: centre.alerts("drift"), seconds=20, what="the drift to be told")
    centre.stop()
    assert is_clean(venue)


# --- what nobody sent


class Heard:
    """A message as kombu hands it over: what it holds, and whether it was taken."""

    content_type = "application/json"

    def __init__(self, body, **headers):
        self.body, self.headers, self.is_taken = body, {"task": "node.make"} | headers, False

    def ack(self):
        self.is_taken = True


@pytest.mark.parametrize(
    "message",
    [
        Heard("\ud800"),
        Heard("[" * 100_000),
        Heard("{}"),
        Heard("[[], {}, null]"),
        Heard("[[], {}, null]", expires="soon"),
        Heard("[[], {}, null]", expires="2999-01-01T00:00:00"),
        Heard("[[], {}, null]", task="node.execute"),
    ],
    ids=["half a sign", "deep", "no task", "no envelope", "no date", "no zone", "another task"],
)
def test_whatever_comes_is_refused_and_the_next_one_is_heard(host, making, monkeypatch, message):
    refused = []
    monkeypatch.setattr(type(host), "refuse", lambda _, queue, reason, body: refused.append(body))
    making.Listener(host).on_message(message)
    assert message.is_taken
    (body,) = refused
    assert isinstance(body, bytes)
