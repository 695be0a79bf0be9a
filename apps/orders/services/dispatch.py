"""Dispatch: planned tickets leave for their nodes, sealed, signed, and with an expiry."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core.later import publish
from apps.nodes.envelopes import sign_to
from apps.orders.models import Order, Ticket
from apps.orders.selectors import current_orders, protection_by_hand
from apps.venues.credentials import sealed_to_nodes
from engine import messages
from engine.failpoint import failpoint
from engine.messages import TICKETS_PER_BATCH, Task, number
from engine.signal import Action

# How many tickets one transaction claims.
CLAIM = 500
# A message that no node took within this time is dropped: a sweep has sent another by then.
MESSAGE_SECONDS = 60


def dispatch(*, now: datetime) -> int:
    """Claim every planned ticket and send it to its node; how many were claimed.

    A ticket is marked as sent before the message leaves: if the process dies in
    between, a sweep sends it again, and the node's journal keeps it from being
    placed twice.
    """
    total = 0
    while claimed := claim(now=now):
        failpoint("orders.claimed")
        send(claimed, task=Task.PLACE)
        total += len(claimed)
    if total:
        failpoint("orders.dispatched")
    return total


@transaction.atomic
def claim(*, now: datetime) -> list[Ticket]:
    planned = Ticket.objects.across_tenants().filter(status=Ticket.Status.PLANNED)
    tickets = list(planned.select_for_update(skip_locked=True).order_by("pk")[:CLAIM])
    if tickets:
        planned.filter(pk__in=[ticket.pk for ticket in tickets]).update(
            status=Ticket.Status.SENT,
            sent_at=now,
            not_after=now + timedelta(seconds=settings.TICKET_SECONDS),
            next_at=now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS),
            attempts=F("attempts") + 1,
        )
    return tickets


def send(tickets: list[Ticket], *, task: Task, venue_order_id: str = "") -> None:
    """Publish the tickets' present orders to the nodes of their accounts, in batches.

    With a number of the venue's, its order of that number is asked for.
    """
    fresh = fresh_tickets(ticket.pk for ticket in tickets)
    publish_orders(current_orders(fresh.values()), fresh, task, venue_order_id)


def look_up(orders: list[Order]) -> None:
    """Ask for these orders, also for those of earlier tries."""
    fresh = fresh_tickets(order.ticket_id for order in orders)
    publish_orders(orders, fresh, Task.LOOK_UP, "")


def fresh_tickets(keys: Iterable[UUID]) -> dict[UUID, Ticket]:
    rows = Ticket.objects.across_tenants().select_related("venue_account__node")
    return {ticket.pk: ticket for ticket in rows.filter(pk__in=set(keys))}


def publish_orders(
    orders: list[Order], fresh: dict[UUID, Ticket], task: Task, venue_order_id: str
) -> None:
    sealed = sealed_to_nodes([ticket.venue_account for ticket in fresh.values()])
    wanted = protection_by_hand(fresh.values())
    by_node = defaultdict(list)
    for order in orders:
        ticket = fresh[order.ticket_id]
        account = ticket.venue_account
        allowed = allowed_task(ticket, task)
        # An account whose credentials do not open is left to the sweep, and in the end parked.
        if account.pk in sealed:
            number = venue_order_id
            if order.kind == Order.Kind.PROTECTION:
                number = order.venue_order_id
            ticket.stop, ticket.target = wanted.get(ticket.pk, (ticket.stop, ticket.target))
            by_node[account.node].append(
                message_of(ticket, order, sealed[account.pk], allowed, venue_order_id=number)
            )
    for node, outgoing in by_node.items():
        for start in range(0, len(outgoing), TICKETS_PER_BATCH):
            batch = messages.Tickets(tickets=outgoing[start : start + TICKETS_PER_BATCH])
            publish(
                "node.execute",
                {"envelope": sign_to(node, batch)},
                queue=node.queue,
                expires_seconds=MESSAGE_SECONDS,
            )


def allowed_task(ticket: Ticket, task: Task) -> Task:
    """Only the node whose journal knows what it sent may place; another one may look or cancel."""
    if ticket.action == Action.PROTECT:
        return Task.PROTECT
    if ticket.cancel_asked_at:
        return Task.CANCEL
    return task if ticket.node_id == ticket.venue_account.node_id else Task.LOOK_UP


def message_of(
    ticket: Ticket, order: Order, credentials: str, task: Task, *, venue_order_id: str
) -> messages.Ticket:
    return messages.Ticket(
        order_id=str(order.pk),
        task=task,
        venue=ticket.venue_account.venue,
        account=str(ticket.venue_account_id),
        sealed_credentials=credentials,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        direction=ticket.direction,
        action=ticket.action,
        quantity=number(order.quantity),
        leverage=ticket.leverage,
        price=number(ticket.price) if ticket.price else None,
        margin=messages.Margin(ticket.venue_account.margin),
        position_mode=messages.PositionMode(ticket.venue_account.position_mode),
        stop=number(ticket.stop) if ticket.stop else None,
        target=number(ticket.target) if ticket.target else None,
        not_after_ms=int(ticket.not_after.timestamp() * 1000),
        venue_order_id=venue_order_id,
    )
