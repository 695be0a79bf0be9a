"""A small real round trip at a venue, request by request: what was asked, and what came of it.

It trades only what it opened itself, under client ids of its own, and leaves nothing open as
far as it can; what is left it names.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial

from engine.envelope import client_order_id
from engine.errors import EngineError, OutcomeUnknown, VenueError, VenueRefused
from engine.ids import uuid7
from engine.messages import Margin, PositionMode, Task, Ticket, number
from engine.money import round_to_tick
from engine.order import OrderStatus
from engine.signal import Action, Direction, side_of
from engine.venues.base import Exchange, Holding, VenueOrder

# How far from the entry stop and target are set.
DISTANCE = Decimal("0.003")
TICKET_MS = 10_000
# A venue may show a moment late what it has done.
LOOKS, LOOK_SECONDS = 5, 0.5


@dataclass(frozen=True, slots=True)
class Step:
    request: str
    outcome: str
    is_good: bool = True


@dataclass
class Drill:
    """One account, one symbol; `tell` hears of every request as it ends."""

    name: str
    venue: Exchange
    symbol: str
    tell: Callable[[Step], None]
    notional: Decimal = Decimal(0)
    leverage: int = 1
    margin: Margin = Margin.ISOLATED
    dual: bool = False
    steps: list[Step] = field(default_factory=list)
    # What it has opened and not closed again.
    opened: dict[Direction, Decimal] = field(default_factory=dict)

    def look(self) -> None:
        """Questions only."""
        self.ask("check", lambda: told_check(self.venue))
        self.ask("balance", lambda: f"{number(self.venue.balance().free)} free")
        self.ask("price", lambda: number(self.venue.price(self.symbol)))
        self.ask("positions", lambda: told_holdings(self.held()) or "none")
        self.ask("open orders", lambda: told_orders(self.venue.open_orders(self.symbol)) or "none")

    def round_trip(self, directions: list[Direction], *, delay_seconds: int) -> None:
        """Open, protect, wait and close; whatever fails on the way, what was opened is closed."""
        if held := self.held():
            raise VenueRefused(f"{told_holdings(held)} is held already: close it first")
        quantity = self.quantity()
        try:
            for direction in directions:
                self.open(direction, quantity)
            self.protect()
            time.sleep(delay_seconds)
        finally:
            self.leave_nothing()

    def protect(self) -> None:
        """Stop and target of what is held, a little away from its entry."""
        tick = self.venue.instrument(self.symbol).tick
        for held in self.held():
            sign = 1 if held.direction is Direction.LONG else -1
            stop, target = (
                round_to_tick(held.entry_price * (1 + side * sign * DISTANCE), tick)
                for side in (-1, 1)
            )

            def set_both(
                held: Holding = held, stop: Decimal = stop, target: Decimal = target
            ) -> str:
                self.venue.protect(
                    symbol=self.symbol, direction=held.direction, stop=stop, target=target
                )
                return f"stop {number(stop)}, target {number(target)}"

            self.ask(f"protect {held.direction}", set_both)

    def close(self) -> None:
        """Everything that is held of the symbol, whoever opened it."""
        for held in self.held():
            self.send(Action.CLOSE, held.direction, held.quantity)

    def cancel_orders(self) -> None:
        """Every open order of the symbol that has an id of ours."""
        for order in self.venue.open_orders(self.symbol):
            name = f"cancel {order.venue_order_id}"
            if order.client_order_id:
                self.ask(name, partial(self.canceled, order))
            else:
                self.note(Step(name, "not ours: left as it is", is_good=False))

    def leave_nothing(self) -> None:
        """Close what is held of what was opened: an order may have filled since it was told of."""
        for direction, quantity in list(self.opened.items()):
            with suppress(EngineError):
                held = (row.quantity for row in self.held() if row.direction is direction)
                quantity = next(held, quantity)
            self.send(Action.CLOSE, direction, quantity)

    def left(self) -> list[str]:
        """What stands at the venue now: positions and orders of the symbol."""
        for look in range(LOOKS):
            time.sleep(LOOK_SECONDS if look else 0)
            left = [told_holdings([row]) for row in self.held()]
            left += [told_orders([row]) for row in self.venue.open_orders(self.symbol)]
            if not left:
                break
        return left

    # Inside.

    @cached_property
    def is_hedged(self) -> bool:
        """How the account stands, and stays; but long and short at once need a hedge."""
        return self.dual or self.venue.check().is_hedged

    def held(self) -> list[Holding]:
        return [row for row in self.venue.holdings() if row.symbol == self.symbol]

    def quantity(self) -> Decimal:
        instrument, price = self.venue.instrument(self.symbol), self.venue.price(self.symbol)
        quantity = instrument.quantity_for(self.notional, price)
        if not quantity:
            least = max(instrument.min_quantity * price, instrument.min_notional)
            raise VenueRefused(f"a notional of {number(self.notional)} is below {number(least)}")
        return quantity

    def open(self, direction: Direction, quantity: Decimal) -> None:
        # Until its end is known it may be open.
        self.opened[direction] = quantity
        order = self.send(Action.OPEN, direction, quantity)
        is_refused = order is None and self.steps[-1].outcome.startswith("refused")
        is_empty = order is not None and not order.filled and order.status is not OrderStatus.OPEN
        if is_refused or is_empty:
            del self.opened[direction]

    def send(self, action: Action, direction: Direction, quantity: Decimal) -> VenueOrder | None:
        ticket = Ticket(
            order_id="drill",
            task=Task.PLACE,
            venue=self.name,
            account="drill",
            sealed_credentials="",
            client_order_id=client_order_id(account="drill", ticket_id=str(uuid7()), generation=1),
            symbol=self.symbol,
            side=side_of(action, direction),
            direction=direction,
            action=action,
            quantity=number(quantity),
            leverage=self.leverage,
            margin=self.margin,
            position_mode=PositionMode.HEDGE if self.is_hedged else PositionMode.ONE_WAY,
            not_after_ms=time.time_ns() // 1_000_000 + TICKET_MS,
        )
        orders: list[VenueOrder] = []

        def placed() -> str:
            orders.append(placed_or_found(self.venue, ticket))
            return f"{orders[0].status}, filled {number(orders[0].filled)}"

        self.ask(f"{action} {direction} {number(quantity)}", placed)
        if not orders:
            return None
        if action is Action.CLOSE:
            self.opened.pop(direction, None)
        return orders[0]

    def canceled(self, order: VenueOrder) -> str:
        done = self.venue.cancel(symbol=self.symbol, client_order_id=order.client_order_id)
        return done.status if done else "the venue has none"

    def ask(self, request: str, do: Callable[[], str]) -> None:
        try:
            self.note(Step(request, do()))
        except VenueRefused as error:
            self.note(Step(request, f"refused: {error.message}", is_good=False))
        except EngineError as error:
            self.note(Step(request, f"not known: {error.message}", is_good=False))

    def note(self, step: Step) -> None:
        self.steps.append(step)
        self.tell(step)


def placed_or_found(venue: Exchange, ticket: Ticket) -> VenueOrder:
    """Sent once; where nobody knows what came of it, it is looked for."""
    try:
        return venue.place(ticket)
    except OutcomeUnknown:
        found = venue.find(symbol=ticket.symbol, client_order_id=ticket.client_order_id)
        if found is None:
            raise VenueError("sent, and the venue does not show it") from None
        return found


def told_check(venue: Exchange) -> str:
    told = venue.check()
    names = {True: "yes", False: "no", None: "not told"}
    return (
        f"trades {names[told.can_trade]}, withdraws {names[told.can_withdraw]}, "
        f"{'hedged' if told.is_hedged else 'one-way'}, clock {told.clock_offset_ms} ms"
    )


def told_holdings(rows: list[Holding]) -> str:
    return ", ".join(
        f"{row.direction} {number(row.quantity)} {row.symbol} at {number(row.entry_price)}"
        for row in rows
    )


def told_orders(rows: list[VenueOrder]) -> str:
    return ", ".join(
        f"order {row.venue_order_id} ({row.client_order_id or 'foreign'})" for row in rows
    )
