"""The sending rule: at most one request per client order id, and no verdict without proof.

The venue here is a mock of a venue's faults: it raises or answers what the case says.
"""

from decimal import Decimal

import pytest

from engine.errors import (
    OutcomeUnknown,
    TooLate,
    UnknownInstrument,
    VenueBusy,
    VenueError,
    VenueRefused,
)
from engine.execution import MARGIN_MS, execute, refuse
from engine.messages import Task
from engine.order import OrderStatus
from engine.signal import Action
from engine.venues.base import VenueOrder
from tests.engine.tickets import NOT_AFTER_MS, NOW_MS, ticket

S = OrderStatus
FILLED = VenueOrder("ibaaaa", "v1", S.FILLED, Decimal("0.01"))
LAG_MS = 2_000


class Journal:
    def __init__(self, *ids, failure=None):
        self.ids = set(ids)
        self.failure = failure

    def create(self, client_order_id):
        if self.failure:
            raise self.failure
        is_new = client_order_id not in self.ids
        self.ids.add(client_order_id)
        return is_new


class FaultyVenue:
    lookup_lag_seconds = LAG_MS / 1000

    def __init__(self, *, place=None, find=None, absent=True, cancel=None, protect=None):
        self.answers = {"place": place, "find": find, "is_absent": absent}
        self.answers |= {"cancel": cancel, "protect": protect}
        self.calls = []

    def place(self, ticket):
        return self._answer("place")

    def find(self, *, symbol, client_order_id):
        return self._answer("find")

    def is_absent(self, ticket):
        return self._answer("is_absent")

    def cancel(self, *, symbol, client_order_id):
        return self._answer("cancel")

    def protect(self, *, symbol, direction, stop, target):
        self.protection = (stop, target)
        return self._answer("protect")

    def protected(self, ticket, order):
        self.held = order.filled
        return order

    def _answer(self, call):
        self.calls.append(call)
        answer = self.answers[call]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(venue, journal, *, now_ms=NOW_MS, asked_at_ms=None, **changes):
    return execute(
        ticket(**changes), venue=venue, journal=journal, now_ms=now_ms, asked_at_ms=asked_at_ms
    )


UNKNOWN = OutcomeUnknown("timed out")
PLACED = {
    "accepted": (FILLED, None, S.FILLED, ["place"]),
    "refused": (VenueRefused("no funds"), None, S.REJECTED, ["place"]),
    "unknown symbol": (UnknownInstrument("no such symbol"), None, S.REJECTED, ["place"]),
    "too late at the venue": (TooLate("late"), None, S.EXPIRED, ["place"]),
    "busy": (VenueBusy("rate limit"), None, S.EXPIRED, ["place"]),
    "unknown, then found": (UNKNOWN, FILLED, S.FILLED, ["place", "find"]),
    "unknown, then not seen": (UNKNOWN, None, S.UNKNOWN, ["place", "find"]),
    "unknown, then unknown": (UNKNOWN, UNKNOWN, S.UNKNOWN, ["place", "find"]),
    "unknown, then busy": (UNKNOWN, VenueBusy("rate limit"), S.UNKNOWN, ["place", "find"]),
    "unknown, then refused": (UNKNOWN, VenueRefused("bad key"), S.UNKNOWN, ["place", "find"]),
    "any other fault": (VenueError("?"), None, S.UNKNOWN, ["place", "find"]),
}


@pytest.mark.parametrize(("place", "find", "status", "calls"), PLACED.values(), ids=PLACED)
def test_a_new_ticket_is_sent_once(place, find, status, calls):
    venue, journal = FaultyVenue(place=place, find=find), Journal()
    told = run(venue, journal)
    assert (told.status, venue.calls) == (status, calls)
    assert journal.ids == {"ibaaaa"}
    assert told.client_order_id == "ibaaaa"
    assert told.filled == ("0.01" if status is S.FILLED else "0")


@pytest.mark.parametrize("place", [answer for answer, *_ in PLACED.values()], ids=PLACED)
def test_nothing_is_ever_sent_twice(place):
    venue, journal = FaultyVenue(place=place), Journal()
    for _ in range(3):
        run(venue, journal)
    assert venue.calls.count("place") == 1


def test_what_stands_in_the_journal_is_only_looked_up():
    venue = FaultyVenue(place=FILLED, find=FILLED)
    assert run(venue, Journal("ibaaaa")).status is S.FILLED
    assert venue.calls == ["find"]


@pytest.mark.parametrize("now_ms", [NOT_AFTER_MS - MARGIN_MS + 1, NOT_AFTER_MS + 3_600_000])
def test_a_late_ticket_is_never_sent_and_never_will_be(now_ms):
    venue, journal = FaultyVenue(place=FILLED), Journal()
    assert run(venue, journal, now_ms=now_ms).status is S.EXPIRED
    assert venue.calls == []
    # The same message again, with a clock that went back: still not sent.
    run(venue, journal)
    assert venue.calls == ["find"]


def test_the_last_moment_is_still_in_time():
    venue = FaultyVenue(place=FILLED)
    assert run(venue, Journal(), now_ms=NOT_AFTER_MS - MARGIN_MS).status is S.FILLED


@pytest.mark.parametrize(
    ("now_ms", "status"),
    [
        (NOW_MS, S.UNKNOWN),
        (NOT_AFTER_MS, S.UNKNOWN),
        (NOT_AFTER_MS + LAG_MS, S.UNKNOWN),
        (NOT_AFTER_MS + LAG_MS + 1, S.EXPIRED),
    ],
)
def test_not_found_proves_something_only_after_the_time_and_the_venues_lag(now_ms, status):
    venue = FaultyVenue(find=None)
    assert run(venue, Journal("ibaaaa"), now_ms=now_ms).status is status
    assert run(venue, Journal(), task=Task.LOOK_UP, now_ms=now_ms).status is status
    looked = ["find", "is_absent"] if status is S.EXPIRED else ["find"]
    assert venue.calls == looked * 2


@pytest.mark.parametrize("task", [Task.PLACE, Task.LOOK_UP, Task.CANCEL])
@pytest.mark.parametrize(
    ("now_ms", "asked_at_ms", "status"),
    [
        # The host is an hour ahead, and the venue may accept the order yet.
        (NOT_AFTER_MS + 3_600_000, NOT_AFTER_MS - 1, S.UNKNOWN),
        (NOT_AFTER_MS + 3_600_000, NOT_AFTER_MS + LAG_MS, S.UNKNOWN),
        (NOT_AFTER_MS + 3_600_000, NOT_AFTER_MS + LAG_MS + 1, S.EXPIRED),
        # The host is behind: it waits.
        (NOT_AFTER_MS + LAG_MS, NOT_AFTER_MS + 3_600_000, S.UNKNOWN),
    ],
)
def test_a_host_whose_clock_is_wrong_denies_no_order_too_soon(task, now_ms, asked_at_ms, status):
    venue = FaultyVenue(find=None, cancel=None)
    told = run(venue, Journal("ibaaaa"), task=task, now_ms=now_ms, asked_at_ms=asked_at_ms)
    assert told.status is status


@pytest.mark.parametrize(
    ("action", "behind_ms", "calls"),
    [
        (Action.OPEN, 1001, []),
        (Action.OPEN, 1000, ["place"]),
        # Getting out does not wait for a clock.
        (Action.CLOSE, 3_600_000, ["place"]),
    ],
)
def test_a_host_that_is_behind_opens_nothing_now_or_later(action, behind_ms, calls):
    venue, journal = FaultyVenue(place=FILLED, find=None), Journal()
    asked = {"action": action, "asked_at_ms": NOW_MS + behind_ms}
    told = run(venue, journal, **asked)
    assert venue.calls == calls
    if not calls:
        assert (told.status, told.reason) == (
            S.EXPIRED,
            "the clock of its node is behind; never sent",
        )
        # Its id is spent: the same message, once the clock is right, is only looked up.
        assert run(venue, journal).status is S.UNKNOWN
        assert "place" not in venue.calls


@pytest.mark.parametrize(
    ("absent", "status"),
    [(True, S.EXPIRED), (False, S.UNKNOWN), (VenueBusy("rate limit"), S.UNKNOWN)],
)
def test_one_not_found_is_no_proof_where_a_second_look_says_otherwise(absent, status):
    venue = FaultyVenue(find=None, absent=absent)
    late = NOT_AFTER_MS + LAG_MS + 1
    assert run(venue, Journal("ibaaaa"), now_ms=late).status is status
    assert venue.calls == ["find", "is_absent"]


@pytest.mark.parametrize("fault", [UNKNOWN, VenueBusy("x"), VenueRefused("x"), TooLate("x")])
def test_a_look_up_that_fails_proves_nothing(fault):
    late = NOT_AFTER_MS + 3_600_000
    told = run(FaultyVenue(find=fault), Journal(), task=Task.LOOK_UP, now_ms=late)
    assert told.status is S.UNKNOWN


@pytest.mark.parametrize("find", [None, FILLED, UNKNOWN])
def test_a_look_up_places_nothing_and_writes_nothing_down(find):
    venue, journal = FaultyVenue(place=FILLED, find=find), Journal()
    run(venue, journal, task=Task.LOOK_UP)
    assert venue.calls == ["find"]
    assert journal.ids == set()


def test_what_cannot_be_journalled_is_not_sent():
    venue = FaultyVenue(place=FILLED)
    told = run(venue, Journal(failure=OSError(28, "No space left on device")))
    # The message may come again while there is time, and find room: nothing is proved yet.
    assert told.status is S.UNKNOWN
    assert told.reason == "could not be journalled, so not sent: No space left on device"
    assert "place" not in venue.calls


def test_what_was_never_journalled_has_expired_once_its_time_is_over():
    venue = FaultyVenue(place=FILLED)
    late = NOT_AFTER_MS + LAG_MS + 1
    told = run(venue, Journal(failure=OSError(28, "full")), now_ms=late)
    assert told.status is S.EXPIRED
    assert "place" not in venue.calls


def test_a_journal_that_fails_hides_no_order():
    venue = FaultyVenue(place=FILLED, find=FILLED)
    told = run(venue, Journal(failure=OSError(24, "Too many open files")))
    assert told.status is S.FILLED
    assert venue.calls == ["find"]


def test_what_cannot_be_sent_from_here_is_rejected_and_will_not_be_sent_later():
    journal = Journal()
    told = refuse(ticket(), journal=journal, now_ms=NOW_MS, reason="no credentials")
    assert told.status is S.REJECTED
    assert told.reason == "no credentials"
    venue = FaultyVenue(place=FILLED)
    run(venue, journal)
    assert venue.calls == ["find"]


@pytest.mark.parametrize(
    ("journal", "task"),
    [
        (Journal("ibaaaa"), Task.PLACE),
        (Journal(), Task.LOOK_UP),
        (Journal(failure=OSError(28, "full")), Task.PLACE),
    ],
    ids=["sent before", "a look-up", "no journal"],
)
def test_what_was_perhaps_sent_before_is_never_called_rejected(journal, task):
    told = refuse(ticket(task=task), journal=journal, now_ms=NOW_MS, reason="no credentials")
    assert told.status is S.UNKNOWN


def test_a_long_reason_is_cut_to_what_a_report_takes():
    told = run(FaultyVenue(place=VenueRefused("x" * 5000)), Journal())
    assert len(told.reason) == 500


def test_a_fault_that_no_adapter_names_leaves_the_id_in_the_journal():
    venue, journal = FaultyVenue(place=RuntimeError("socket")), Journal()
    with pytest.raises(RuntimeError):
        run(venue, journal)
    assert journal.ids == {"ibaaaa"}


CANCELED = VenueOrder("ibaaaa", "v1", S.CANCELED, Decimal(0))
OPEN = VenueOrder("ibaaaa", "v1", S.OPEN, Decimal(0))
CANCELS = {
    "taken away": (CANCELED, None, S.CANCELED, ["cancel"]),
    "done before": (FILLED, None, S.FILLED, ["cancel"]),
    "none there, in time": (None, None, S.UNKNOWN, ["cancel", "find"]),
    "nobody knows, and it stands": (UNKNOWN, OPEN, S.OPEN, ["cancel", "find"]),
    "refused, and it stands": (VenueRefused("no"), OPEN, S.OPEN, ["cancel", "find"]),
    "unknown symbol": (UnknownInstrument("no"), UNKNOWN, S.UNKNOWN, ["cancel", "find"]),
}


@pytest.mark.parametrize(("cancel", "find", "status", "calls"), CANCELS.values(), ids=CANCELS)
def test_an_order_is_taken_away_and_told_as_it_is_then(cancel, find, status, calls):
    venue = FaultyVenue(cancel=cancel, find=find)
    told = run(venue, Journal(), task=Task.CANCEL)
    assert (told.status, venue.calls) == (status, calls)


def test_what_an_order_has_filled_before_it_is_taken_away_gets_its_stop_and_target():
    venue = FaultyVenue(cancel=VenueOrder("ibaaaa", "v1", S.CANCELED, Decimal("0.004")))
    assert run(venue, Journal(), task=Task.CANCEL, stop="45000").filled == "0.004"
    assert venue.held == Decimal("0.004")


def test_an_order_canceled_before_it_came_is_never_placed():
    journal = Journal()
    venue = FaultyVenue(place=FILLED)
    run(venue, journal, task=Task.CANCEL)
    told = run(venue, journal)
    assert (told.status, "place" in venue.calls) == (S.UNKNOWN, False)
    told = run(venue, journal, task=Task.CANCEL, now_ms=NOT_AFTER_MS + LAG_MS + 1)
    assert told.status == S.EXPIRED


PROTECTS = {
    "set": (None, S.SET),
    "refused": (VenueRefused("no position"), S.REJECTED),
    "unknown symbol": (UnknownInstrument("no"), S.REJECTED),
    "busy": (VenueBusy("rate limit"), S.UNKNOWN),
    "nobody knows": (UNKNOWN, S.UNKNOWN),
}


@pytest.mark.parametrize(("answer", "status"), PROTECTS.values(), ids=PROTECTS)
def test_stop_and_target_are_set_once_a_try(answer, status):
    journal, venue = Journal(), FaultyVenue(protect=answer)
    asked = {"task": Task.PROTECT, "action": Action.PROTECT, "stop": "45000"}
    assert run(venue, journal, **asked).status == status
    assert venue.protection == (Decimal(45_000), None)
    # Said again, it is not set again: by then another try may have set others.
    assert run(venue, journal, **asked).status == S.UNKNOWN
    after = run(venue, journal, **asked, now_ms=NOT_AFTER_MS + 1)
    assert (after.status, venue.calls) == (S.EXPIRED, ["protect"])


def test_stop_and_target_that_come_late_or_cannot_be_journalled_are_not_set():
    venue = FaultyVenue()
    asked = {"task": Task.PROTECT, "action": Action.PROTECT, "target": "60000"}
    assert run(venue, Journal(), **asked, now_ms=NOT_AFTER_MS).status == S.EXPIRED
    full = Journal(failure=OSError(28, "No space left on device"))
    assert run(venue, full, **asked).status == S.UNKNOWN
    assert venue.calls == []
