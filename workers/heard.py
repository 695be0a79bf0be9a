"""What is heard while a maker lives: wishes, answers and looks; and as what the maker is told it.

Prices become whole ticks and sizes whole steps, and what a venue stamps becomes a time of this
host's clock.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import EngineError, UnknownInstrument, VenueBusy, VenueError, VenueRefused
from engine.making.actions import Action, AskOpen
from engine.making.desk import Desk, Own
from engine.making.events import (
    AccountTold,
    BookSeen,
    Event,
    Filled,
    OpenTold,
    OrderTold,
    Told,
    TradeSeen,
)
from engine.making.grid import Grid
from engine.messages import Fill, MakerWish
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues.answers import would_take
from engine.venues.base import Depth, MarketTrade, OwnedFill, VenueOrder

ENDINGS = {
    OrderStatus.OPEN: Told.OPEN,
    OrderStatus.FILLED: Told.FILLED,
    OrderStatus.CANCELED: Told.CANCELED,
    OrderStatus.REJECTED: Told.REJECTED,
    OrderStatus.EXPIRED: Told.CANCELED,
}
# Errors of a sending after which nothing of the order stands.
NOT_PLACED = (VenueRefused, UnknownInstrument, VenueBusy)


class NotYet(VenueError):
    """The venue has none of that id, and may still have one: it is asked again in a while."""

    code = "not_yet"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue said to what it was asked; an error where it refused, or said nothing."""

    action: Action
    asked_at_ms: int
    told: Any = None
    error: EngineError | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What the eyes saw; `at_ms` is when the book was so."""

    at_ms: int
    depth: Depth | None = None
    fills: tuple[OwnedFill, ...] = ()
    trades: tuple[MarketTrade, ...] = ()
    error: str = ""


Heard = MakerWish | Answer | Looked


class Reader:
    """Venues' answers as events of one maker's desk."""

    def __init__(
        self, grid: Grid, desk: Desk, symbol: str, clock_offset_ms: Callable[[], int]
    ) -> None:
        self.grid, self.desk, self.symbol = grid, desk, symbol
        # How far the venue's clock is ahead of ours.
        self._clock_offset_ms = clock_offset_ms

    def own(self, client_id: str) -> Own | None:
        return self.desk.own.get(client_id) or self.desk.ended.get(client_id)

    def book(self, at_ms: int, depth: Depth) -> BookSeen:
        return BookSeen(at_ms, self._levels(depth.bids), self._levels(depth.asks))

    def trade(self, at_ms: int, seen: MarketTrade) -> TradeSeen:
        size = max(int(seen.quantity / self.grid.step), 1)
        return TradeSeen(at_ms, seen.is_buy, self.grid.ticks(seen.price), size)

    def refused(self, client_id: str, error: EngineError, at_ms: int) -> Event:
        told = self.order_told(client_id, Told.REJECTED, at_ms)
        takes = would_take(error)
        return msgspec.structs.replace(told, reason=error.message, would_take=takes)

    def account(self, told: Any, asked_at_ms: int, at_ms: int) -> AccountTold:
        balance, holdings = told
        held = sum(
            self.grid.steps(one.quantity) * (1 if one.direction is Direction.LONG else -1)
            for one in holdings
            if one.symbol == self.symbol
        )
        equity = balance.total + balance.unrealised
        return AccountTold(at_ms, asked_at_ms, held, equity, balance.free)

    def open_orders(self, told: list[VenueOrder], asked_at_ms: int, at_ms: int) -> OpenTold:
        listed = tuple(
            self.order(one.client_order_id, one, at_ms) for one in told if one.client_order_id
        )
        return OpenTold(at_ms, asked_at_ms, listed)

    def asked_around(self, answer: Answer, at_ms: int) -> Event:
        reads = self.open_orders if isinstance(answer.action, AskOpen) else self.account
        return reads(answer.told, answer.asked_at_ms, at_ms)

    def order(self, client_id: str, told: VenueOrder, at_ms: int) -> OrderTold:
        status = ENDINGS.get(told.status, Told.OPEN)
        event = self.order_told(client_id, status, at_ms, told)
        return msgspec.structs.replace(
            event, filled=self.grid.steps(told.filled), reason=told.reason[:200]
        )

    def order_told(
        self, client_id: str, status: Told, at_ms: int, told: VenueOrder | None = None
    ) -> OrderTold:
        own = self.own(client_id)
        if own:
            side, price, quantity = own.side, own.price, own.quantity
        else:
            side = (told.side if told else None) or Side.BUY
            price = self.grid.ticks(told.price) if told and told.price else 0
            quantity = self.grid.steps(told.quantity) if told and told.quantity else 0
        placed = self._here(told.placed_at_ms) if told and told.placed_at_ms else 0
        return OrderTold(at_ms, client_id, status, side, price, quantity, placed_at_ms=placed)

    def fill(self, client_id: str, side: Side, fill: Fill) -> Filled:
        own = self.own(client_id)
        return Filled(
            now_ms(),
            client_id,
            fill.venue_fill_id,
            side,
            self.grid.ticks(Decimal(fill.price)),
            self.grid.steps(Decimal(fill.quantity)),
            Decimal(fill.fee),
            not (own and own.is_closing),
            self._here(fill.filled_at_ms),
        )

    def _here(self, at_ms: int) -> int:
        return at_ms - self._clock_offset_ms()

    def _levels(self, side: tuple[tuple[Decimal, Decimal], ...]) -> tuple[tuple[int, int], ...]:
        # A step says nothing of what others order: what is less than one counts as one.
        return tuple(
            (self.grid.ticks(price), max(int(size / self.grid.step), 1)) for price, size in side
        )


def now_ms() -> int:
    return time.time_ns() // 1_000_000
