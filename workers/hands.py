"""The hands of a maker: they ask its venue what its head wants, and whatever happens, they answer.

What may have arrived is never sent again, only looked up; that there is none of a name is said
where it is proved.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from engine.errors import EngineError, VenueError
from engine.making.actions import (
    Action,
    AskOpen,
    Cancel,
    Close,
    LookUp,
    Place,
)
from engine.making.desk import Own
from engine.making.grid import Grid
from engine.making.params import MakerParams
from engine.messages import Ticket
from engine.signal import Side
from engine.venues.base import Exchange, Request, VenueOrder
from workers import adapters
from workers.heard import Answer, NotYet, now_ms
from workers.pace import URGENT, USUAL, Pace, taking
from workers.session import Session

log = logging.getLogger(__name__)

HANDS = 3
# How long an order may take to arrive; at a venue where that ends the order, it may stand longer.
ARRIVES_MS = 5_000
STANDS_MS = {"grvt": 600_000}
# The venue takes all orders away when nobody has said otherwise for so long.
DEAD_MAN_SECONDS = 30


class Hands:
    def __init__(
        self,
        session: Session,
        exchange: Exchange,
        grid: Grid,
        pace: Pace,
        own: Callable[[str], Own | None],
        params: Callable[[], MakerParams],
    ) -> None:
        self.session, self.exchange, self.grid, self.pace = session, exchange, grid, pace
        self._own, self._params = own, params
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="hand")

    def ask(self, action: Action) -> None:
        self._pool.submit(lambda: self._ask(action))

    def say_alive(self) -> None:
        self._pool.submit(self._say_alive)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        with suppress(EngineError):
            self.exchange.end_unless_heard(self.session.wish.symbol, 0)

    def _ask(self, action: Action) -> None:
        """One request; an adapter may fail in any way, after sending, too."""
        answer = Answer(action, now_ms())
        try:
            with taking(URGENT if isinstance(action, Cancel | Close) else USUAL):
                answer = replace(answer, told=self._request(action))
        except EngineError as error:
            answer = replace(answer, error=error)
        except Exception as error:  # noqa: BLE001
            reason = f"the adapter failed: {type(error).__name__}"
            where = adapters.place_of(error)
            log.error("session %s, %s at %s", self.session.wish.session, reason, where)
            answer = replace(answer, error=VenueError(reason))
        self.session.put(answer)

    def _request(self, action: Action) -> Any:
        exchange, symbol = self.exchange, self.session.wish.symbol
        if isinstance(action, Place):
            self.pace.spend(Request.PLACE)
            return exchange.quote(self._ticket(action, price=self.grid.price(action.price)))
        if isinstance(action, Close):
            self.pace.spend(Request.PLACE)
            return exchange.place(self._ticket(action, price=None))
        if isinstance(action, Cancel):
            self.pace.spend(Request.CANCEL)
            self.pace.spend(Request.LOOK_UP)
            told = exchange.cancel(symbol=symbol, client_order_id=action.client_id)
            return told or self._looked_up(action.client_id)
        if isinstance(action, LookUp):
            return self._looked_up(action.client_id)
        if isinstance(action, AskOpen):
            self.pace.spend(Request.OPEN_ORDERS)
            return exchange.open_orders(symbol)
        self.pace.spend(Request.ACCOUNT)
        return exchange.balance(), exchange.holdings()

    def _ticket(self, action: Place | Close, *, price: Decimal | None) -> Ticket:
        stands_ms = STANDS_MS.get(self.session.wish.venue, ARRIVES_MS)
        return self.session.ticket(
            action.client_id,
            action.side,
            self.grid.quantity(action.quantity),
            self._params(),
            not_after_ms=now_ms() + (ARRIVES_MS if price is None else stands_ms),
            price=price,
            is_closing=price is None,
        )

    def _looked_up(self, client_id: str) -> VenueOrder | None:
        """None only where it is proved that there is none, and that none will be."""
        self.pace.spend(Request.LOOK_UP)
        told = self.exchange.find(symbol=self.session.wish.symbol, client_order_id=client_id)
        if told:
            return told
        own = self._own(client_id)
        wait_ms = STANDS_MS.get(self.session.wish.venue, ARRIVES_MS)
        wait_ms += int(1000 * self.exchange.lookup_lag_seconds)
        if own and now_ms() < own.asked_at_ms + wait_ms:
            raise NotYet("not seen at the venue yet")
        quantity = self.grid.quantity(own.quantity if own else self.grid.least)
        side = own.side if own else Side.BUY
        not_after_ms = own.asked_at_ms + wait_ms if own else now_ms()
        asked = self.session.ticket(
            client_id, side, quantity, self._params(), not_after_ms=not_after_ms
        )
        if not self.exchange.is_absent(asked):
            raise VenueError("the venue has none of that id, and shows a trace of it")
        return None

    def _say_alive(self) -> None:
        self.pace.spend(Request.DEAD_MAN)
        with suppress(EngineError):
            self.exchange.end_unless_heard(self.session.wish.symbol, DEAD_MAN_SECONDS)
