"""The paper venue: a small exchange with books of its own.

Each account's books are an append-only journal of JSON lines; what an account
holds is the fold of its lines. A file lock lets several processes share one
truth, and a process that dies leaves at most a torn last line, which counts as
never written.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO

from engine.errors import TooLate, VenueRefused
from engine.instrument import Instrument
from engine.messages import Fill, Ticket, number
from engine.money import ZERO, points
from engine.order import OrderStatus
from engine.position import PositionState, absorb
from engine.signal import Action, Direction, Side, side_of
from engine.venues.base import VenueOrder
from engine.venues.paper_market import PaperMarket

START_BALANCE = Decimal(10_000)
TAKER_FEE = Decimal("0.0005")
HALF_SPREAD = Decimal("0.0001")


@dataclass
class Books:
    """An account's orders, what it holds, and its cash."""

    cash: Decimal = START_BALANCE
    margin: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, PositionState] = field(default_factory=dict)
    orders: dict[str, VenueOrder] = field(default_factory=dict)

    @property
    def free(self) -> Decimal:
        return self.cash - sum(self.margin.values(), ZERO)

    def apply(self, line: dict[str, str]) -> None:
        """Fold one accepted order in."""
        held = line["symbol"] + ":" + line["direction"]
        before = self.positions.get(held, PositionState(Direction(line["direction"])))
        quantity, price, fee = (Decimal(line[name]) for name in ("quantity", "price", "fee"))
        after, profit = absorb(
            before, action=Action(line["action"]), quantity=quantity, price=price, fee=fee
        )
        self.cash += profit - fee
        if line["action"] == Action.OPEN:
            # Each order puts up margin at its own leverage, and a close gives back its share.
            added = quantity * price / int(line["leverage"])
            self.positions[held], self.margin[held] = after, self.margin.get(held, ZERO) + added
        elif after.quantity:
            self.positions[held] = after
            self.margin[held] *= after.quantity / before.quantity
        else:
            self.positions.pop(held, None)
            self.margin.pop(held, None)
        fill = Fill(
            venue_fill_id=f"f-{line['order']}",
            quantity=line["quantity"],
            price=line["price"],
            fee=line["fee"],
            filled_at_ms=int(line["at_ms"]),
        )
        self.orders[line["client_order_id"]] = VenueOrder(
            client_order_id=line["client_order_id"],
            venue_order_id=line["order"],
            status=OrderStatus.FILLED,
            filled=quantity,
            fills=[fill],
        )


class PaperVenue:
    """One account at the paper venue. Market orders fill at once, at the market's price."""

    lookup_lag_seconds = 0.0

    def __init__(self, book: Path, account: str) -> None:
        self.path = book / f"{account}.jsonl"
        self.account = account
        self.market = PaperMarket()
        # How far this process has read the journal, and what that came to.
        self._read_to = 0
        self._books = Books()
        self._here = threading.Lock()

    def instrument(self, symbol: str) -> Instrument:
        return self.market.instrument(symbol)

    def place(self, ticket: Ticket) -> VenueOrder:
        if ticket.price is not None or ticket.stop is not None or ticket.target is not None:
            raise VenueRefused("the paper venue takes market orders without stop or target")
        with self._open(exclusive=True) as (file, books):
            known = books.orders.get(ticket.client_order_id)
            if known:
                return known
            now = time.time()
            if now * 1000 > ticket.not_after_ms:
                raise TooLate("the order came after its time")
            line = self._fill(ticket, books, now)
            written = json.dumps(line).encode() + b"\n"
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
            books.apply(line)
            self._read_to += len(written)
            return books.orders[ticket.client_order_id]

    def find(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        return self.books().orders.get(client_order_id)

    def find_by_number(self, *, symbol: str, venue_order_id: str) -> VenueOrder | None:
        orders = self.books().orders.values()
        return next((order for order in orders if order.venue_order_id == venue_order_id), None)

    def is_absent(self, ticket: Ticket) -> bool:
        return self.find(symbol=ticket.symbol, client_order_id=ticket.client_order_id) is None

    def protected(self, ticket: Ticket, order: VenueOrder) -> VenueOrder:
        """It takes no stop and no target, so there is nothing to set."""
        return order

    def cancel(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Its orders fill at once: there is none to take away, and this tells it as it is."""
        return self.find(symbol=symbol, client_order_id=client_order_id)

    def protect(
        self, *, symbol: str, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        raise VenueRefused("the paper venue takes no stop and no target")

    def orders(self) -> list[VenueOrder]:
        """Every order ever accepted, oldest first: the truth that tests compare with."""
        return list(self.books().orders.values())

    def positions(self) -> dict[str, PositionState]:
        return self.books().positions

    def balance(self) -> Decimal:
        return self.books().cash

    def books(self) -> Books:
        with self._open(exclusive=False) as (_, books):
            return books

    def _fill(self, ticket: Ticket, books: Books, now: float) -> dict[str, str]:
        """What accepting the order comes to; refused where the account cannot carry it."""
        instrument = self.market.instrument(ticket.symbol)
        quantity = Decimal(ticket.quantity)
        if ticket.side != side_of(ticket.action, ticket.direction):
            raise VenueRefused(f"a {ticket.side} does not {ticket.action} a {ticket.direction}")
        if quantity % instrument.step or quantity < instrument.min_quantity:
            raise VenueRefused(f"the quantity is no multiple of {instrument.step}")
        spread = 1 + HALF_SPREAD if ticket.side == Side.BUY else 1 - HALF_SPREAD
        price = points(self.market.price(ticket.symbol, now) * spread)
        fee = points(quantity * price * TAKER_FEE)
        held = books.positions.get(f"{ticket.symbol}:{ticket.direction}")
        if ticket.action is Action.CLOSE and (held is None or held.quantity < quantity):
            raise VenueRefused("nothing that large is held")
        if ticket.action is Action.OPEN and books.free < quantity * price / ticket.leverage + fee:
            raise VenueRefused("not enough free margin")
        return {
            # As long as a report takes it, whatever the account is called.
            "order": f"p{len(books.orders) + 1}-{self.account[-40:]}",
            "client_order_id": ticket.client_order_id,
            "symbol": ticket.symbol,
            "direction": ticket.direction,
            "action": ticket.action,
            "side": ticket.side,
            "quantity": ticket.quantity,
            "price": number(price),
            "fee": number(fee),
            "leverage": str(ticket.leverage),
            "at_ms": str(int(now * 1000)),
        }

    @contextmanager
    def _open(self, *, exclusive: bool) -> Iterator[tuple[IO[bytes], Books]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._here, self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            file.seek(self._read_to)
            news = file.read()
            whole = news.rfind(b"\n") + 1
            for line in news[:whole].splitlines():
                self._books.apply(json.loads(line))
            self._read_to += whole
            if exclusive and whole < len(news):
                # Whoever wrote the rest died while writing: it never was accepted.
                file.truncate(self._read_to)
            yield file, self._books
