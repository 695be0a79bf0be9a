"""What every venue can do for us, whatever it calls it.

An adapter is made per account. It never retries by itself; it raises the error
whose name says what happens next: VenueBusy (nothing was done), VenueRefused
(it never will be), TooLate, OutcomeUnknown (ask by client order id).
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from engine.instrument import Instrument
from engine.messages import Fill, Ticket
from engine.order import OrderStatus


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue tells it, with every fill so far."""

    client_order_id: str
    venue_order_id: str
    status: OrderStatus
    filled: Decimal
    fills: list[Fill] = field(default_factory=list)
    reason: str = ""


class Venue(Protocol):
    # How long an order that was accepted may stay invisible to look-ups.
    lookup_lag_seconds: float

    def instrument(self, symbol: str) -> Instrument: ...

    def place(self, ticket: Ticket) -> VenueOrder:
        """Send the order once; the venue is told not to accept it after `not_after_ms`."""

    def find(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        """The order by our id; None only where the venue clearly answers that it has none."""
