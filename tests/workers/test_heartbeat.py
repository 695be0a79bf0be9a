"""What a host tells of itself: its clock, its load, and how venues answered it lately."""

import importlib
import sys

import pytest

from engine.errors import OutcomeUnknown, TooLate, VenueBusy, VenueRefused
from workers.reach import KEEP_SECONDS, Reach


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Exchange:
    """A venue that takes its time, and answers or fails as it was told."""

    lookup_lag_seconds = 3

    def __init__(self, clock, takes=0.25, fails=None):
        self.clock, self.takes, self.fails = clock, takes, fails

    def place(self, ticket):
        self.clock.now += self.takes
        if self.fails:
            raise self.fails
        return f"placed {ticket}"


def test_an_answer_is_timed_and_handed_on():
    clock = Clock()
    reach = Reach(clock)
    venue = reach.timed("okx", Exchange(clock))
    assert venue.place("a") == "placed a"
    assert venue.lookup_lag_seconds == 3
    assert reach.told() == {"okx": 250}


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (VenueBusy("maintenance"), {"okx": None}),
        (OutcomeUnknown("timed out"), {"okx": None}),
        (VenueRefused("no funds"), {}),
        (TooLate("too late"), {}),
        (ValueError("a fault of ours"), {}),
    ],
)
def test_what_a_failure_tells_of_the_venue(fails, told):
    clock = Clock()
    reach = Reach(clock)
    with pytest.raises(type(fails)):
        reach.timed("okx", Exchange(clock, fails=fails)).place("a")
    assert reach.told() == told


def test_the_newest_answer_counts_and_an_old_one_is_forgotten():
    clock = Clock()
    reach = Reach(clock)
    reach.note("okx", None)
    reach.note("okx", 12)
    assert reach.told() == {"okx": 12}
    clock.now += KEEP_SECONDS + 1
    reach.note("gate", 7)
    assert reach.told() == {"gate": 7}


def test_a_heartbeat_tells_clock_load_and_venues(host, tasks, monkeypatch):
    monkeypatch.delitem(sys.modules, "workers.heartbeat", raising=False)
    heartbeat = importlib.import_module("workers.heartbeat")
    host.reach.note("okx", 80)
    host.reach.note("gate", None)
    told = heartbeat.told_of(host)
    assert told.venues == {"okx": 80, "gate": None}
    assert told.running == 0
    assert told.load_percent >= 0
    assert told.clock_ms > 1_700_000_000_000
