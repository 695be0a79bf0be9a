"""How much of its venue this host may ask: its limits, shared by all that asks.

Every request goes through a turnstile, which those share whom the venue counts as one: the account,
or all accounts of this host. What makes a position smaller, and what takes an order away, is never
held back for want of room; it only leaves less for the others, who leave a reserve for it. What
reads an account leaves more, and rather waits. Where the venue itself has said for how long it
wants to hear nothing, nobody is heard.

A maker takes three quarters of what the venue allows: its account is used for more.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from engine.making.guard import Budget
from engine.making.params import MakerParams, changed
from engine.venues.answers import NeverSent
from engine.venues.base import Limits, Request

SHARE = 0.75
MINUTE_SECONDS = 60.0
# Of what may be asked each question that comes again and again has so much; where orders cost of
# the same, they have the other half.
OF_QUESTIONS, BESIDE_ORDERS = 1 / 4, 1 / 8
LOOK_SECONDS = 0.05


class Turn(NamedTuple):
    """How a request stands at a turnstile: the share that it leaves to others of what passes at
    once, and how long it waits before it is told to come again."""

    leaves: float
    seconds: float


# What makes something smaller leaves nothing and never waits; what only reads leaves the most.
URGENT, USUAL, PATIENT = Turn(0, 2.0), Turn(1 / 4, 2.0), Turn(1 / 2, 40.0)
turn: ContextVar[Turn] = ContextVar("turn", default=USUAL)


@contextmanager
def taking(its: Turn) -> Iterator[None]:
    """What is asked of a venue in here stands so."""
    token = turn.set(its)
    try:
        yield
    finally:
        turn.reset(token)


class Turnstile:
    """In any window there pass no more requests than the venue counts: half of them at once, and
    the other half spread over it."""

    def __init__(self, limits: Limits) -> None:
        self._budget = Budget(limits.units / 2, most=limits.units * limits.window_seconds / 2)
        self._open_at = 0.0
        self._lock = threading.Lock()

    def shut(self, seconds: float) -> None:
        with self._lock:
            self._open_at = max(self._open_at, time.monotonic() + seconds)

    def enter(self, weight: float) -> None:
        until = time.monotonic() + turn.get().seconds
        while (wait := self._wait(weight)) > 0:
            if time.monotonic() + wait > until:
                raise NeverSent("the venue's limits leave no room for it now")
            time.sleep(wait)

    def _wait(self, weight: float) -> float:
        """Zero where the request may go now, and has been counted."""
        with self._lock:
            at = time.monotonic()
            if at < self._open_at:
                return self._open_at - at
            left = turn.get().leaves * self._budget.most
            has_room = self._budget.allows(milliseconds(at), weight + left)
            if not has_room and turn.get() is not URGENT:
                return LOOK_SECONDS
            self._budget.spend(weight)
            return 0.0


class Turnstiles:
    """This host's turnstiles, one for whatever a venue counts as one."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Turnstile] = {}
        self._lock = threading.Lock()

    def of(self, venue: str, account: str, limits: Limits) -> Turnstile:
        key = (venue, "" if limits.is_by_address else account)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Turnstile(limits)
            return self._kept[key]


class Pace:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._budget = Budget(SHARE * limits.units)
        self._share = BESIDE_ORDERS if limits.cost(Request.PLACE) else OF_QUESTIONS
        self._asked: deque[float] = deque()
        self._last: dict[Request, float] = {}
        self._lock = threading.Lock()

    def slowed(self, params: MakerParams) -> MakerParams:
        """The parameters, with no more orders a second than the venue takes."""
        most = SHARE * self.limits.orders
        cost = self.limits.cost(Request.PLACE)
        if cost:
            most = min(most, SHARE * self.limits.units / 2 / cost)
        if params.orders_a_second <= most:
            return params
        return changed(params, orders_a_second=most)

    def spend(self, request: Request) -> None:
        with self._lock:
            at = time.monotonic()
            # So that what was earned is counted first.
            self._budget.allows(milliseconds(at), 0)
            self._budget.spend(self.limits.cost(request))
            self._last[request] = at
            self._asked.append(at)

    def is_due(self, request: Request, every_seconds: float) -> bool:
        """Whether a question that is asked again and again may be asked now: as often as this at
        most, and as often as the venue's limits let it."""
        cost = self.limits.cost(request)
        slowest = cost / (SHARE * self.limits.units * self._share)
        with self._lock:
            at = time.monotonic()
            last = self._last.get(request)
            if last is not None and at - last < max(every_seconds, slowest):
                return False
            return self._budget.allows(milliseconds(at), cost)

    def allows(self, request: Request) -> bool:
        with self._lock:
            at = milliseconds(time.monotonic())
            return self._budget.allows(at, self.limits.cost(request))

    def figures(self) -> dict[str, float]:
        with self._lock:
            at = time.monotonic()
            self._budget.allows(milliseconds(at), 0)
            while self._asked and self._asked[0] <= at - MINUTE_SECONDS:
                self._asked.popleft()
            return {"requests_a_minute": len(self._asked), "budget_left": self._budget.left}


def milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
