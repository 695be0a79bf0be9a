"""How much of its venue a maker may ask: its limits, shared by all that asks.

What takes orders away, and asks what became of one, is never held back; it only leaves less for
the others. A maker takes three quarters of what the venue allows: its account is used for more.
"""

import threading
import time
from collections import deque

from engine.making.guard import Budget
from engine.making.params import MakerParams, changed
from engine.venues.base import Limits, Request

SHARE = 0.75
MINUTE_SECONDS = 60.0
# Of what may be asked each question that comes again and again has so much; where orders cost of
# the same, they have the other half.
OF_QUESTIONS, BESIDE_ORDERS = 1 / 4, 1 / 8


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
