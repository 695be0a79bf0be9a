"""The eyes of a maker: its market as it streams or is asked for, its fills, the venue's clock.

A book counts from the moment that its venue says, on our clock: one that is told again and again
and does not move on grows old, however it comes. Where the stream is silent, lost or behind, the
venue is asked instead, until it streams again.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Any

from engine.errors import EngineError, VenueError
from engine.making.params import MakerParams
from engine.venues.base import Depth, Exchange, MarketStream, MarketTrade, OwnedFill, Request
from workers import adapters
from workers.heard import Looked, now_ms
from workers.pace import Pace

log = logging.getLogger(__name__)

FILLS_SECONDS = 0.5
# Fills are asked for again from so long before the last one: they may be told late.
FILLS_OVERLAP_MS = 10_000
# A stream that has told nothing of now for so long is not waited for.
FRESH_SECONDS = 1.0
# Before a stream that was lost is opened again, doubling.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 15.0
CLOCK_SECONDS = 300.0


class Source(StrEnum):
    STREAM = "stream"
    ASKED = "asked"


class Eyes:
    def __init__(
        self,
        exchange: Exchange,
        symbol: str,
        pace: Pace,
        see: Callable[[Looked], None],
        params: Callable[[], MakerParams],
        *,
        fills_since_ms: int,
        name: str,
    ) -> None:
        self.exchange, self.symbol, self.pace, self.name = exchange, symbol, pace, name
        self._see, self._params = see, params
        self._fills_since_ms = fills_since_ms
        self.clock_offset_ms = 0
        self._clock_asked: float | None = None
        self._wants_fills = threading.Event()
        self._is_over = threading.Event()
        self._stream: MarketStream | None = None
        self._lock = threading.Lock()
        # When the stream last told a book of that moment, and where the newest book came from.
        self._streamed_at = -inf
        self._source = Source.ASKED
        self._book_at_ms = 0
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=called, daemon=True)
            for work, called in ((self._look_on, "eyes"), (self._listen_on, "ears"))
        ]

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._is_over.set()
        with self._lock:
            if self._stream:
                self._stream.close()
        for thread in self._threads:
            thread.join()

    def retuned(self) -> None:
        """Trades are streamed where they are counted."""
        with self._lock:
            if self._stream and self._stream.has_trades is not self._params().calibrates:
                self._stream.close()

    def want_fills(self) -> None:
        """Something is held that no fill was told of."""
        self._wants_fills.set()

    def figures(self, at_ms: int) -> dict[str, Any]:
        age = (at_ms - self._book_at_ms) / 1000 if self._book_at_ms else None
        return {"book_source": self._source.value, "book_age_seconds": age}

    def _guarded(self, work: Callable[[], None]) -> None:
        """An adapter may fail in any way; a maker that sees nothing takes its quotes away."""
        while not self._is_over.is_set():
            try:
                work()
                return
            except Exception as error:  # noqa: BLE001
                reason = f"the adapter failed: {type(error).__name__}"
                log.error("session %s, %s at %s", self.name, reason, adapters.place_of(error))
                self._see(Looked(now_ms(), error=reason))
                self._is_over.wait(FIRST_WAIT_SECONDS)

    # What is asked for

    def _look_on(self) -> None:
        while not self._is_over.wait(self._params().quote_interval_seconds / 2):
            try:
                self._look()
            except EngineError as error:
                self._see(Looked(now_ms(), error=error.message[:200]))

    def _look(self) -> None:
        self._read_clock()
        if not self._is_streaming() and self.pace.is_due(Request.DEPTH, 0.0):
            self.pace.spend(Request.DEPTH)
            self._saw(self.exchange.depth(self.symbol), Source.ASKED)
        is_due = self.pace.is_due(Request.FILLS, FILLS_SECONDS)
        if is_due or (self._wants_fills.is_set() and self.pace.allows(Request.FILLS)):
            self._wants_fills.clear()
            self.pace.spend(Request.FILLS)
            self._told_fills(self.exchange.fills_since(self.symbol, self._fills_since_ms))

    def _read_clock(self) -> None:
        """Nothing is seen before it is known; after that it is a matter of course."""
        at, asked = time.monotonic(), self._clock_asked
        if asked is not None and at - asked < CLOCK_SECONDS:
            return
        try:
            self.clock_offset_ms = self.exchange.clock_offset_ms()
        except VenueError:
            if asked is None:
                raise
        self._clock_asked = at

    def _told_fills(self, fills: list[OwnedFill]) -> None:
        if not fills:
            return
        last_ms = max(one.fill.filled_at_ms for one in fills)
        self._fills_since_ms = max(self._fills_since_ms, last_ms - FILLS_OVERLAP_MS)
        self._see(Looked(now_ms(), fills=tuple(fills)))

    def _is_streaming(self) -> bool:
        patience = min(FRESH_SECONDS, self._params().stale_seconds / 3)
        return time.monotonic() - self._streamed_at < patience

    # What streams

    def _listen_on(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._is_over.is_set():
            began = time.monotonic()
            try:
                stream = self._opened()
                if stream is None:
                    return
                stream.listen(self._heard_book, self._heard_trades)
                wait = FIRST_WAIT_SECONDS
            except EngineError as error:
                log.warning("session %s asks instead: %s", self.name, error.message)
                lasted = time.monotonic() - began
                wait = FIRST_WAIT_SECONDS if lasted > LONGEST_WAIT_SECONDS else wait * 2
            self._streamed_at = -inf
            self._is_over.wait(min(wait, LONGEST_WAIT_SECONDS))

    def _opened(self) -> MarketStream | None:
        stream = self.exchange.stream(self.symbol, trades=self._params().calibrates)
        with self._lock:
            self._stream = stream
            if stream and self._is_over.is_set():
                stream.close()
        return stream

    def _heard_book(self, depth: Depth) -> None:
        # A venue that does not stamp it could tell anything: it is only asked.
        if self._clock_asked is None or not depth.told_at_ms:
            return
        at_ms = self._saw(depth, Source.STREAM)
        if now_ms() - at_ms < 1000 * FRESH_SECONDS:
            self._streamed_at = time.monotonic()

    def _heard_trades(self, trades: list[MarketTrade]) -> None:
        self._see(Looked(now_ms(), trades=tuple(trades)))

    def _saw(self, depth: Depth, source: Source) -> int:
        """Since when the market is known to have been so."""
        at_ms = now_ms()
        if depth.told_at_ms:
            at_ms = min(at_ms, depth.told_at_ms - self.clock_offset_ms)
        with self._lock:
            # An answer may come later than what has streamed since.
            is_newer = at_ms >= self._book_at_ms
            if is_newer:
                self._source, self._book_at_ms = source, at_ms
        if is_newer:
            self._see(Looked(at_ms, depth=depth))
        return at_ms
