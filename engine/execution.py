"""How one ticket becomes an order at a venue: sent at most once, and then only looked up.

Before anything is sent, the client order id is written into this host's journal.
An id that stands there may have been sent, so it is never sent again. "The venue
has none" is proof only when the time in which it could have accepted is over.
"""

from contextlib import suppress
from decimal import Decimal
from typing import Protocol

from engine.errors import TooLate, UnknownInstrument, VenueBusy, VenueError, VenueRefused
from engine.failpoint import failpoint
from engine.messages import Report, Task, Ticket, number
from engine.order import OrderStatus
from engine.signal import Action
from engine.venues.base import Venue, VenueOrder

# A request that starts this close to the ticket's end may arrive after it.
MARGIN_MS = 200
# How far this host may be behind the centre: nobody asks from the future.
BEHIND_MS = 1000


class Journal(Protocol):
    """What this host may have sent. It survives the death of the process."""

    def create(self, client_order_id: str) -> bool:
        """Write the id down, on disk before returning; False if it stood there already.

        OSError says that it may not be there, or that nobody can tell.
        """


def execute(
    ticket: Ticket,
    *,
    venue: Venue,
    journal: Journal,
    now_ms: int,
    asked_at_ms: int | None = None,
) -> Report:
    """Do what the ticket asks, and say everything that is known of its order.

    `now_ms` is this host's clock, and `asked_at_ms` the centre's when it asked. Whether an order
    can still come is judged by the earlier one: a host that is ahead would deny it too soon.
    """
    sure_ms = now_ms if asked_at_ms is None else min(now_ms, asked_at_ms)
    if ticket.task is Task.LOOK_UP:
        return look_up(ticket, venue=venue, now_ms=sure_ms)
    if ticket.task is Task.CANCEL:
        return cancel(ticket, venue=venue, journal=journal, now_ms=sure_ms)
    if ticket.task is Task.PROTECT:
        return protect(ticket, venue=venue, journal=journal, now_ms=now_ms)
    if ticket.action is Action.PROTECT:
        return report(ticket, OrderStatus.REJECTED, now_ms, reason="a stop is not placed")
    try:
        is_new = journal.create(ticket.client_order_id)
    except OSError as error:
        # Not sent. But the same message may come again and find room for its id, so that
        # "never sent" is proved only when the ticket's time is over.
        reason = f"could not be journalled, so not sent: {error.strerror}"
        return look_up(ticket, venue=venue, now_ms=sure_ms, reason=reason)
    if not is_new:
        return look_up(ticket, venue=venue, now_ms=sure_ms)
    failpoint("node.journalled")
    if now_ms > ticket.not_after_ms - MARGIN_MS:
        # The id stands in the journal now, so nobody will send it later either.
        return report(ticket, OrderStatus.EXPIRED, now_ms, reason="too late; never sent")
    if ticket.action is Action.OPEN and (asked_at_ms or now_ms) - now_ms > BEHIND_MS:
        reason = "the clock of its node is behind; never sent"
        return report(ticket, OrderStatus.EXPIRED, now_ms, reason=reason)
    try:
        order = venue.place(ticket)
    except TooLate as error:
        return report(ticket, OrderStatus.EXPIRED, now_ms, reason=error.message)
    except (VenueRefused, UnknownInstrument) as error:
        return report(ticket, OrderStatus.REJECTED, now_ms, reason=error.message)
    except VenueBusy as error:
        # Nothing was done, and under this id nothing will be: a new try has a new id.
        return report(ticket, OrderStatus.EXPIRED, now_ms, reason=f"never placed: {error.message}")
    except VenueError:
        return look_up(ticket, venue=venue, now_ms=sure_ms)
    failpoint("node.placed")
    return report_of(ticket, order, now_ms)


def cancel(ticket: Ticket, *, venue: Venue, journal: Journal, now_ms: int) -> Report:
    """Take the order away, and tell it as it is then; asked again, it comes to the same."""
    # What the journal knows is never sent: an order that is still on its way here is not either.
    with suppress(OSError):
        journal.create(ticket.client_order_id)
    try:
        order = venue.cancel(symbol=ticket.symbol, client_order_id=ticket.client_order_id)
    except (VenueError, UnknownInstrument) as error:
        reason = f"could not be canceled: {error.message}"
        return look_up(ticket, venue=venue, now_ms=now_ms, reason=reason)
    if order is None:
        return look_up(ticket, venue=venue, now_ms=now_ms)
    # What it has filled meanwhile is held, and wants its stop and target.
    return report_of(ticket, venue.protected(ticket, order), now_ms)


def protect(ticket: Ticket, *, venue: Venue, journal: Journal, now_ms: int) -> Report:
    """Set stop and target. A try is made once; one that nobody knows the end of runs out.

    The next try says the same anew, which is why it may: it takes the place of this one.
    """
    try:
        is_new = journal.create(ticket.client_order_id)
    except OSError as error:
        return run_out(ticket, now_ms, f"could not be journalled: {error.strerror}")
    if not is_new:
        return run_out(ticket, now_ms, "it may have been set, and nobody knows")
    if now_ms > ticket.not_after_ms - MARGIN_MS:
        return report(ticket, OrderStatus.EXPIRED, now_ms, reason="too late; never set")
    stop, target = (Decimal(price) if price else None for price in (ticket.stop, ticket.target))
    try:
        venue.protect(symbol=ticket.symbol, direction=ticket.direction, stop=stop, target=target)
    except (VenueRefused, UnknownInstrument) as error:
        return report(ticket, OrderStatus.REJECTED, now_ms, reason=error.message)
    except VenueError as error:
        return run_out(ticket, now_ms, error.message)
    return report(ticket, OrderStatus.SET, now_ms, reason="")


def run_out(ticket: Ticket, now_ms: int, reason: str) -> Report:
    """Unknown while the try could still be under way, and over after that."""
    is_over = now_ms > ticket.not_after_ms
    status = OrderStatus.EXPIRED if is_over else OrderStatus.UNKNOWN
    return report(ticket, status, now_ms, reason=reason)


def refuse(ticket: Ticket, *, journal: Journal, now_ms: int, reason: str) -> Report:
    """The ticket cannot be sent from here; what was perhaps sent before stays unknown."""
    try:
        never_sent = ticket.task is Task.PLACE and journal.create(ticket.client_order_id)
    except OSError:
        never_sent = False
    status = OrderStatus.REJECTED if never_sent else OrderStatus.UNKNOWN
    return report(ticket, status, now_ms, reason=reason)


def look_up(
    ticket: Ticket, *, venue: Venue, now_ms: int, reason: str = "not seen at the venue yet"
) -> Report:
    """Ask the venue what it knows; silence is no answer."""
    if ticket.venue_order_id:
        return look_up_number(ticket, venue=venue, now_ms=now_ms)
    try:
        order = venue.find(symbol=ticket.symbol, client_order_id=ticket.client_order_id)
    except VenueError as error:
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=error.message)
    if order:
        return report_of(ticket, venue.protected(ticket, order), now_ms)
    if now_ms <= ticket.not_after_ms + venue.lookup_lag_seconds * 1000:
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=reason)
    # A venue's "not found" may be a lie, and believed once it would cost a second order.
    try:
        is_absent = venue.is_absent(ticket)
    except VenueError as error:
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=error.message)
    if not is_absent:
        reason = "the venue has none of that id, and shows a trace of it"
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=reason)
    return report(ticket, OrderStatus.EXPIRED, now_ms, reason="the venue never saw it")


def look_up_number(ticket: Ticket, *, venue: Venue, now_ms: int) -> Report:
    """Ask by the venue's own name for it: that there is none says nothing of our order."""
    number = ticket.venue_order_id
    try:
        order = venue.find_by_number(symbol=ticket.symbol, venue_order_id=number)
    except VenueError as error:
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=error.message)
    if order is None:
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=f"the venue has no {number}")
    if order.side not in (ticket.side, None):
        reason = f"{number} is a {order.side} order"
        return report(ticket, OrderStatus.UNKNOWN, now_ms, reason=reason)
    return report_of(ticket, venue.protected(ticket, order), now_ms)


def report_of(ticket: Ticket, order: VenueOrder, now_ms: int) -> Report:
    return Report(
        order_id=ticket.order_id,
        account=ticket.account,
        client_order_id=ticket.client_order_id,
        status=order.status,
        venue_order_id=order.venue_order_id,
        filled=number(order.filled),
        fills=order.fills,
        reason=order.reason[:500],
        unprotected=order.unprotected[:500],
        reported_at_ms=now_ms,
    )


def report(ticket: Ticket, status: OrderStatus, now_ms: int, *, reason: str) -> Report:
    return Report(
        order_id=ticket.order_id,
        account=ticket.account,
        client_order_id=ticket.client_order_id,
        status=status,
        filled="0",
        reason=reason[:500],
        reported_at_ms=now_ms,
    )
