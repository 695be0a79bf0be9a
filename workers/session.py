"""A maker from its start to its rest, in threads of its own: its lease, its lives, what it tells.

What it does in between is decided by its head (`quoting.py`).
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from engine.errors import EngineError, UnknownInstrument, VenueError, VenueRefused
from engine.making.actions import Alert, AlertKind, AlertLevel, Moved, State
from engine.making.grid import Grid, grid_of
from engine.making.params import MakerParams, read_params
from engine.messages import (
    MakerQuote,
    MakerVerb,
    MakerWish,
    PositionMode,
    Style,
    Task,
    Ticket,
    number,
)
from engine.signal import Action as Intent
from engine.signal import Direction, Side
from engine.venues.base import Exchange
from workers import adapters
from workers.app import Node
from workers.heard import Heard, now_ms
from workers.lives import Life, Lives
from workers.telling import Mouth, Owed
from workers.vault import open_credentials

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
# Before a venue that did not answer is tried again.
OPEN_AGAIN_SECONDS = 1.0


# What a session does once its venue is open: it ends with the maker at rest.
Quote = Callable[["Session", Exchange, Grid, MakerParams], None]


class Session:
    """A maker from its start to its rest."""

    def __init__(self, wish: MakerWish, host: Node, lives: Lives, quote: Quote) -> None:
        self.wish, self.host = wish, host
        self._lives, self._quote = lives, quote
        before = lives.last(wish.maker)
        self.life = max(wish.life, before.number if before else 0) + 1
        # On disk before anything is asked under its names.
        lives.write(wish.maker, Life(wish.session, self.life))
        self._inbox: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._owed, self._mouth = Owed(wish, self.life), Mouth(host)
        self._figures: dict[str, Any] | None = None
        self._leased_until = time.monotonic() + wish.lease_seconds
        self._thread = threading.Thread(target=self._run, name=f"maker-{wish.maker}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hear(self, wish: MakerWish) -> None:
        self._inbox.put(wish)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._live()
        except Exception as error:  # noqa: BLE001  (its words may quote what a venue was sent)
            reason = f"the maker failed: {type(error).__name__}"
            log.error("session %s, %s at %s", self.wish.session, reason, adapters.place_of(error))
            self._give_up(reason)
        self._linger()
        self._mouth.close()

    def _live(self) -> None:
        try:
            credentials = open_credentials(self.wish.sealed_credentials, key=self._key)
            params = read_params(self.wish.params)
            lent = self.host.adapters.lend(self.wish, credentials)
        except EngineError as error:
            self._give_up(error.message)
            return
        with lent as exchange:
            grid = self._opened(exchange, params)
            if grid:
                self._quote(self, exchange, grid, params)

    @property
    def _key(self) -> Any:
        return self.host.keys.seal_private

    def _opened(self, exchange: Exchange, params: MakerParams) -> Grid | None:
        """What the venue trades there, once the account is ready; None where it never will be."""
        while True:
            try:
                grid = grid_of(exchange.instrument(self.wish.symbol))
                exchange.make_ready(self.readying(params, grid))
            except (VenueRefused, UnknownInstrument) as error:
                self._give_up(error.message)
                return None
            except VenueError as error:
                log.warning("session %s waits for its venue: %s", self.wish.session, error)
            else:
                return grid
            if time.monotonic() > self._leased_until:
                self._give_up("the venue did not answer")
                return None
            self._say()
            time.sleep(OPEN_AGAIN_SECONDS)
            self._take_wishes()

    def _take_wishes(self) -> None:
        with suppress(queue.Empty):
            while True:
                heard = self._inbox.get_nowait()
                if isinstance(heard, MakerWish):
                    self.take(heard)

    def readying(self, params: MakerParams, grid: Grid) -> Ticket:
        return self.ticket("ready", Side.BUY, grid.quantity(grid.least), params, not_after_ms=0)

    def ticket(
        self,
        client_id: str,
        side: Side,
        quantity: Decimal,
        params: MakerParams,
        *,
        not_after_ms: int,
        price: Decimal | None = None,
        is_closing: bool = False,
    ) -> Ticket:
        opened = Direction.LONG if side is Side.BUY else Direction.SHORT
        closed = Direction.SHORT if side is Side.BUY else Direction.LONG
        return Ticket(
            order_id=client_id,
            task=Task.PLACE,
            venue=self.wish.venue,
            account=self.wish.account,
            sealed_credentials="",
            client_order_id=client_id,
            symbol=self.wish.symbol,
            side=side,
            direction=closed if is_closing else opened,
            action=Intent.CLOSE if is_closing else Intent.OPEN,
            quantity=number(quantity),
            leverage=int(params.leverage),
            margin=self.wish.margin,
            position_mode=PositionMode.ONE_WAY,
            price=None if price is None else number(price),
            style=Style.PLAIN if price is None else Style.POST_ONLY,
            not_after_ms=not_after_ms,
        )

    # Wishes

    def take(self, wish: MakerWish) -> bool:
        """Whether it is news."""
        if wish.number < self.wish.number:
            return False
        self._leased_until = time.monotonic() + wish.lease_seconds
        self._owed.heard(wish)
        is_new = wish.number > self.wish.number
        if wish.verb is not MakerVerb.REST:
            self.wish = wish
        return is_new

    @property
    def has_lease(self) -> bool:
        return time.monotonic() < self._leased_until

    def next_heard(self, seconds: float) -> Heard | None:
        try:
            return self._inbox.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None

    def put(self, heard: Heard) -> None:
        self._inbox.put(heard)

    # Telling

    @property
    def owed(self) -> Owed:
        return self._owed

    def _say(self) -> None:
        """With the last figures: of several reports only the newest may have left."""
        self.say(now_ms(), [], self._figures)

    def say(
        self,
        at_ms: int,
        quotes: list[MakerQuote],
        figures: dict[str, Any] | None,
        *,
        wait_seconds: float = 0.0,
    ) -> None:
        self._figures = figures
        self._mouth.say(self._owed.report(at_ms, quotes, figures), wait_seconds=wait_seconds)

    def _give_up(self, reason: str) -> None:
        """It cannot be lived: a person has to look."""
        at_ms = now_ms()
        facts = {"reason": reason}
        self._owed.alert(at_ms, Alert(AlertLevel.CRITICAL, AlertKind.GAVE_UP, facts))
        self._owed.moved(at_ms, Moved(State.STOPPING, State.STOPPING, reason))
        self._owed.moved(at_ms, Moved(State.STOPPING, State.HALTED, reason))

    def _linger(self) -> None:
        """Tell it until it is heard, or nobody asks any more."""
        self._lives.write(
            self.wish.maker, Life(self.wish.session, self.life, list(self._owed.moves))
        )
        while not self._owed.is_settled and self.has_lease:
            self._say()
            heard = self.next_heard(REPORT_SECONDS)
            if isinstance(heard, MakerWish):
                self.take(heard)
                self._owed.done = max(self._owed.done, heard.number)
