"""Parked tickets: what a person does about an order that nobody knows the end of."""

from uuid import UUID

from apps.orders.models import Ticket
from apps.orders.services import ask_venue_again, has_arrived, never_arrived
from apps.platform import lists
from apps.platform.face import Asked, Visitor, face

RESOLVE = "orders.change_ticket"


class OneTicket(Asked):
    id: UUID


def told(row: Ticket) -> lists.tickets.line:
    row.refresh_from_db()
    return lists.tickets.line_of(row)


@face.call("POST", "api/tickets/<uuid:id>/ask-venue-again", scope=RESOLVE)
def ask_again(visitor: Visitor, asked: OneTicket) -> lists.tickets.line:
    """Have the venue asked until it tells, for a day; the ticket is parked until then."""
    row = lists.tickets.one(visitor, asked.id)
    ask_venue_again(ticket=row)
    return told(row)


class Arrived(OneTicket):
    venue_order_id: str


@face.call("POST", "api/tickets/<uuid:id>/arrived", scope=RESOLVE)
def arrived(visitor: Visitor, asked: Arrived) -> lists.tickets.line:
    """Have the venue asked for its order of this number until it tells, for a day.

    What it tells of that is booked.
    """
    row = lists.tickets.one(visitor, asked.id)
    has_arrived(ticket=row, venue_order_id=asked.venue_order_id)
    return told(row)


class NeverArrived(OneTicket):
    reason: str


@face.call("POST", "api/tickets/<uuid:id>/never-arrived", scope=RESOLVE)
def not_arrived(visitor: Visitor, asked: NeverArrived) -> lists.tickets.line:
    """Expire it, and say how it is known that the venue never had the order."""
    row = lists.tickets.one(visitor, asked.id)
    never_arrived(ticket=row, reason=asked.reason)
    return told(row)
