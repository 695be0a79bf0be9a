"""How the venues answered this host lately: a heartbeat tells it to the centre.

Nothing is asked of a venue for it; every call that a ticket makes anyway is timed.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from engine.errors import OutcomeUnknown, VenueBusy
from engine.venues.base import Venue

# What was seen longer ago says nothing of now.
KEEP_SECONDS = 300


class Reach:
    """For each venue the time of its last answer, or that it gave none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.seen: dict[str, tuple[float, int | None]] = {}
        self.lock = threading.Lock()

    def note(self, venue: str, took_ms: int | None) -> None:
        with self.lock:
            self.seen[venue] = self.clock(), took_ms

    def told(self) -> dict[str, int | None]:
        since = self.clock() - KEEP_SECONDS
        with self.lock:
            return {venue: took for venue, (at, took) in self.seen.items() if at >= since}

    def timed(self, name: str, venue: Venue) -> Venue:
        """The same venue, whose calls are timed."""
        return cast(Venue, Timed(name, venue, self))


class Timed:
    def __init__(self, name: str, venue: Venue, reach: Reach) -> None:
        self.name, self.venue, self.reach = name, venue, reach

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self.venue, attribute)
        return self.timed(found) if callable(found) else found

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def measured(*args: Any, **kwargs: Any) -> Any:
            began = self.reach.clock()
            try:
                answer = call(*args, **kwargs)
            except (VenueBusy, OutcomeUnknown):
                self.reach.note(self.name, None)
                raise
            # A refusal may have come from the adapter itself, before the venue was asked.
            self.reach.note(self.name, int((self.reach.clock() - began) * 1000))
            return answer

        return measured
