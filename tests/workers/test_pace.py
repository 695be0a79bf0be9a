"""This host asks no more of a venue than it lets it; a maker reads its times by its own clock."""

import time
from decimal import Decimal

import pytest

from engine.instrument import Instrument
from engine.making.desk import Desk
from engine.making.grid import grid_of
from engine.making.names import Namer, Names
from engine.making.params import MakerParams
from engine.order import OrderStatus
from engine.signal import Side
from engine.venues.answers import NeverSent
from engine.venues.base import Limits, Request, VenueOrder
from engine.venues.binance import Binance
from engine.venues.gate import Gate
from engine.venues.grvt import Grvt
from engine.venues.hyperliquid import Hyperliquid
from engine.venues.okx import Okx
from workers.heard import Reader
from workers.pace import PATIENT, SHARE, URGENT, USUAL, Pace, Turnstile, Turnstiles, taking

DIALECTS = (Binance, Okx, Gate, Hyperliquid, Grvt)
QUESTIONS = (Request.OPEN_ORDERS, Request.ACCOUNT, Request.DEPTH, Request.FILLS)


@pytest.fixture
def clock(monkeypatch):
    at = [1_000.0]

    def sleep(seconds):
        at[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    monkeypatch.setattr(time, "sleep", sleep)
    return at


def passed(turnstile, weight=1.0):
    try:
        turnstile.enter(weight)
    except NeverSent:
        return False
    return True


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_in_no_window_does_more_pass_than_the_venue_counts(dialect, clock):
    limits, times = dialect.limits, []
    turnstile = Turnstile(limits)
    for _ in range(int(3 * limits.units * limits.window_seconds)):
        if passed(turnstile):
            times.append(clock[0])
    most = limits.units * limits.window_seconds
    for start in times[:: len(times) // 50]:
        assert sum(start <= at < start + limits.window_seconds for at in times) <= most
    # Whoever waits its turn gets it: the second half comes as it is earned.
    assert len(times) > most / 2


def test_what_is_urgent_finds_a_reserve_and_is_not_kept_waiting_beyond_it(clock):
    turnstile = Turnstile(Limits(units=1, window_seconds=80))
    assert sum(passed(turnstile) for _ in range(200)) >= 30
    began = clock[0]
    with taking(URGENT):
        assert all(passed(turnstile) for _ in range(30))
    assert clock[0] == began
    # It was more than the reserve: that is missing now for everything else.
    assert not passed(turnstile)
    assert clock[0] - began <= USUAL.seconds


def test_what_has_time_waits_for_its_turn(clock):
    """Twenty accounts are read for the first time, more than Binance takes at once."""
    turnstile = Turnstile(Binance.limits)
    began = clock[0]
    with taking(PATIENT):
        assert all(passed(turnstile, 60.0) for _ in range(20))
    assert USUAL.seconds < clock[0] - began < 40
    # It has left room for orders.
    now = clock[0]
    assert all(passed(turnstile, 30.0) for _ in range(10))
    assert clock[0] == now


def test_nobody_is_heard_until_the_venue_wants_to_hear_again(clock):
    turnstile = Turnstile(Limits())
    turnstile.shut(10)
    turnstile.shut(5)
    for is_so in (False, True):
        with taking(URGENT if is_so else USUAL):
            assert not passed(turnstile)
    assert clock[0] == 1_000.0
    clock[0] += 9
    # What is left of it is waited for.
    assert passed(turnstile)
    assert clock[0] == 1_010.0


def test_one_turnstile_is_shared_by_what_the_venue_counts_as_one():
    kept = Turnstiles()
    assert kept.of("binance", "1", Binance.limits) is kept.of("binance", "2", Binance.limits)
    assert kept.of("okx", "1", Okx.limits) is not kept.of("okx", "2", Okx.limits)
    assert kept.of("okx", "1", Okx.limits) is kept.of("okx", "1", Okx.limits)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_questions_and_orders_of_ten_minutes_stay_within_the_limits(dialect, clock):
    limits = dialect.limits
    pace = Pace(limits)
    orders = pace.slowed(MakerParams(orders_a_second=1000)).orders_a_second
    spent = sent = owed = 0.0
    asked = dict.fromkeys(QUESTIONS, 0)
    for _ in range(6_000):
        clock[0] += 0.1
        owed += orders * 0.1
        while owed >= 1:
            owed, sent = owed - 1, sent + 1
            pace.spend(Request.PLACE)
            spent += limits.cost(Request.PLACE)
        for one in QUESTIONS:
            if pace.is_due(one, 0.0):
                pace.spend(one)
                spent, asked[one] = spent + limits.cost(one), asked[one] + 1
    assert sent <= 600 * limits.orders
    if limits.cost(Request.PLACE):
        assert spent <= 600 * limits.units
    # And nobody is kept waiting for ever.
    assert min(asked.values()) >= 40


def test_a_question_is_asked_as_often_as_it_is_wanted_and_no_more(clock):
    pace = Pace(Limits())
    count = 0
    for _ in range(100):
        clock[0] += 0.1
        if pace.is_due(Request.FILLS, 0.5):
            pace.spend(Request.FILLS)
            count += 1
    assert 15 <= count <= 20


def test_what_takes_orders_away_leaves_less_for_the_others(clock):
    pace = Pace(Limits(units=4))
    for _ in range(50):
        pace.spend(Request.CANCEL)
    assert not pace.allows(Request.DEPTH)
    assert pace.figures() == {"requests_a_minute": 50, "budget_left": 0.0}
    clock[0] += 60
    assert pace.allows(Request.DEPTH)
    assert pace.figures() == {"requests_a_minute": 0, "budget_left": 1.0}


def test_parameters_that_ask_for_less_stay_as_they_are():
    params = MakerParams(orders_a_second=2)
    assert Pace(Hyperliquid.limits).slowed(params) is params
    assert Pace(Hyperliquid.limits).slowed(MakerParams()).orders_a_second == 10 * SHARE


def test_what_a_venue_stamps_is_told_by_the_clock_of_this_host():
    grid = grid_of(Instrument("BTC/USDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), 5))
    reader = Reader(grid, Desk(Names(Namer(1, 1))), "BTC/USDT", lambda: 5_000)
    told = VenueOrder("a", "1", OrderStatus.OPEN, Decimal(0), side=Side.SELL, placed_at_ms=100_000)
    assert reader.order("a", told, 200_000).placed_at_ms == 95_000
    unstamped = VenueOrder("a", "1", OrderStatus.OPEN, Decimal(0), side=Side.SELL)
    assert reader.order("a", unstamped, 200_000).placed_at_ms == 0
