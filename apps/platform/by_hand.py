"""What a person asks of an account: orders and closes by hand, cancels, stops and targets."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from django.utils import timezone
from msgspec import Meta, Struct

from apps.core.face import found
from apps.orders.services import (
    Part,
    Wish,
    cancel_order,
    close_position,
    close_positions,
    order_by_hand,
    protect_position,
)
from apps.platform import lists
from apps.platform.face import Asked, Id, Visitor, face, named
from apps.positions.selectors import held
from apps.venues.services import accept_key
from engine.signal import Direction

TRADE = "orders.add_ticket"


class Order(Asked, kw_only=True):
    venue_account_id: Id
    symbol: Annotated[str, Meta(max_length=32)]
    direction: Literal["long", "short"]
    # One of these three; the last is the margin's share of what the account is worth.
    quantity: Decimal | None = None
    notional: Decimal | None = None
    margin_percent: Decimal | None = None
    leverage: Annotated[int, Meta(ge=1, le=125)] = 1
    # Without a price it is a market order.
    price: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None


@face.call("POST", "api/orders", scope=TRADE, status=201)
def order(visitor: Visitor, asked: Order) -> lists.tickets.line:
    """Open a position on a venue account, or rest an order that will; it is a ticket like any."""
    account = lists.venue_accounts.one(visitor, asked.venue_account_id)
    values = named(asked, "venue_account_id") | {"direction": Direction(asked.direction)}
    ticket = order_by_hand(account=account, wish=Wish(**values), now=timezone.now())
    return lists.tickets.line_of(ticket)


class OneOrder(Asked):
    id: UUID


@face.call("POST", "api/orders/<uuid:id>/cancel", scope=TRADE)
def cancel(visitor: Visitor, asked: OneOrder) -> lists.tickets.line:
    """Take an order away that is not done; what it has filled stays."""
    row = lists.orders.one(visitor, asked.id)
    return lists.tickets.line_of(cancel_order(order=row, now=timezone.now()))


class OnePosition(Asked):
    id: UUID


def position_of(visitor: Visitor, pk: UUID):
    return found(held(visitor.tenant), what="open position", pk=pk)


class Close(OnePosition):
    # One of them, or neither for all of it.
    quantity: Decimal | None = None
    share_percent: Decimal | None = None


@face.call("POST", "api/positions/<uuid:id>/close", scope=TRADE, status=201)
def close(visitor: Visitor, asked: Close) -> lists.tickets.line:
    """Close a position at the market: so much of it, so many per cent, or all."""
    position = position_of(visitor, asked.id)
    part = Part(quantity=asked.quantity, share_percent=asked.share_percent)
    ticket = close_position(position=position, now=timezone.now(), part=part)
    return lists.tickets.line_of(ticket)


class Protection(Asked):
    id: UUID
    # What is left out is taken away.
    stop: Decimal | None = None
    target: Decimal | None = None


@face.call("POST", "api/positions/<uuid:id>/protection", scope=TRADE, status=201)
def protect(visitor: Visitor, asked: Protection) -> lists.tickets.line:
    """Set the stop and the target of a position at its venue, in place of those before."""
    ticket = protect_position(
        position=position_of(visitor, asked.id),
        stop=asked.stop,
        target=asked.target,
        now=timezone.now(),
    )
    return lists.tickets.line_of(ticket)


class CloseAll(Asked):
    id: Id
    symbol: Annotated[str, Meta(max_length=32)] | None = None
    # Of each position; all of it where nothing is named.
    share_percent: Decimal | None = None


class NotClosed(Struct):
    position_id: UUID
    reason: str


class Closings(Struct):
    tickets: list[UUID]
    refused: list[NotClosed]


def closings(visitor: Visitor, asked: CloseAll, **whose) -> Closings:
    rows = held(visitor.tenant, **whose, **({"symbol": asked.symbol} if asked.symbol else {}))
    part = Part(share_percent=asked.share_percent)
    told = close_positions(positions=list(rows), now=timezone.now(), part=part)
    return Closings(
        [one.ticket.pk for one in told if one.ticket],
        [NotClosed(one.position.pk, one.refused_because) for one in told if not one.ticket],
    )


@face.call("POST", "api/venue-accounts/<int:id>/close-positions", scope=TRADE)
def close_of_account(visitor: Visitor, asked: CloseAll) -> Closings:
    """Close everything that a venue account holds, or all of one symbol."""
    account = lists.venue_accounts.one(visitor, asked.id)
    return closings(visitor, asked, venue_account=account)


@face.call("POST", "api/members/<int:id>/close-positions", scope=TRADE)
def close_of_member(visitor: Visitor, asked: CloseAll) -> Closings:
    """Close everything that a member's venue accounts hold, or all of one symbol."""
    member = lists.members.one(visitor, asked.id)
    return closings(visitor, asked, venue_account__member=member)


@face.call("POST", "api/tenant-strategies/<int:id>/close-positions", scope=TRADE)
def close_of_strategy(visitor: Visitor, asked: CloseAll) -> Closings:
    """Close everything that was opened for a tenant's strategy, or all of one symbol."""
    offered = lists.tenant_strategies.one(visitor, asked.id)
    return closings(visitor, asked, subscription__tenant_strategy=offered)


class OneAccount(Asked):
    id: Id


@face.call("POST", "api/venue-accounts/<int:id>/accept-key", scope="venues.change_venueaccount")
def accept(visitor: Visitor, asked: OneAccount) -> lists.venue_accounts.line:
    """Take the risk of a key that can withdraw, so that its account may open."""
    account = lists.venue_accounts.one(visitor, asked.id)
    accept_key(account=account)
    return lists.venue_accounts.line_of(account)
