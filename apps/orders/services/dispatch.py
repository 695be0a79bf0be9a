"""Dispatch: planned tickets leave for their nodes, sealed, signed, and with an expiry."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.members.models import Member
from apps.orders.models import Order, Ticket
from apps.orders.selectors import brake_on, current_orders, protection_by_hand
from apps.orders.services.parcels import Outgoing, send_parcels
from apps.tenants.models import Tenant
from apps.venues.credentials import secret_for
from apps.venues.models import VenueAccount
from engine import messages
from engine.failpoint import failpoint
from engine.messages import Task, number
from engine.signal import Action

# How many tickets one transaction claims.
CLAIM = 500


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
    """Those whose turn it is: a further try has a date of its own."""
    is_due = Q(generation=1) | Q(next_at__lte=now)
    planned = leaving().filter(is_due)
    tickets = list(planned.select_for_update(skip_locked=True).order_by("pk")[:CLAIM])
    if tickets:
        planned.filter(pk__in=[ticket.pk for ticket in tickets]).update(
            attempts=F("attempts") + 1, **marks(now)
        )
    return tickets


def leaving() -> QuerySet[Ticket]:
    """Planned tickets that may be sent: whoever was stopped meanwhile gets no further try.

    A close waits until its account is resumed; an opening expires before.
    """
    going = VenueAccount.objects.across_tenants().filter(status=VenueAccount.Status.ACTIVE)
    opening = going.filter(member__status=Member.Status.ACTIVE, tenant__status=Tenant.Status.ACTIVE)
    planned = Ticket.objects.across_tenants().filter(status=Ticket.Status.PLANNED)
    # As sub-queries: the rows of accounts and members are not locked with the tickets.
    is_out = ~Q(action=Action.OPEN) & Q(venue_account__in=going.values("pk"))
    return planned.filter(is_out | Q(venue_account__in=opening.values("pk")))


def marks(now: datetime) -> dict[str, object]:
    """What stands on a ticket before its message leaves."""
    return {
        "status": Ticket.Status.SENT,
        "sent_at": now,
        "not_after": now + timedelta(seconds=settings.TICKET_SECONDS),
        "next_at": now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS),
    }


def send(tickets: list[Ticket], *, task: Task) -> None:
    """Publish the tickets' present orders to the nodes of their accounts, in batches."""
    fresh = fresh_tickets(ticket.pk for ticket in tickets)
    publish_orders(current_orders(fresh.values()), fresh, task)


def look_up(orders: list[Order]) -> None:
    """Ask for these orders, also for those of earlier tries."""
    fresh = fresh_tickets(order.ticket_id for order in orders)
    publish_orders(orders, fresh, Task.LOOK_UP)


def fresh_tickets(keys: Iterable[UUID]) -> dict[UUID, Ticket]:
    rows = Ticket.objects.across_tenants().select_related("venue_account__node")
    return {ticket.pk: ticket for ticket in rows.filter(pk__in=set(keys))}


def publish_orders(orders: list[Order], fresh: dict[UUID, Ticket], task: Task) -> None:
    accounts = {ticket.venue_account_id: ticket.venue_account for ticket in fresh.values()}
    secrets = {pk: secret_for(account, account.node) for pk, account in accounts.items()}
    wanted = protection_by_hand(fresh.values())
    is_braked = brake_on() is not None
    outgoing = []
    for order in orders:
        ticket = fresh[order.ticket_id]
        account = ticket.venue_account
        # An account whose credentials do not open is left to the sweep, and in the end parked.
        if secret := secrets[account.pk]:
            ticket.stop, ticket.target = wanted.get(ticket.pk, (ticket.stop, ticket.target))
            message = message_of(ticket, order, allowed_task(ticket, task, is_braked))
            outgoing.append(Outgoing(account.node, message, secret))
    send_parcels(outgoing)


def allowed_task(ticket: Ticket, task: Task, is_braked: bool) -> Task:
    """Only the node whose journal knows what it sent may place; another one may look or cancel.

    Of a paused account nothing is placed, nor under the brake what opens: what did not arrive
    has not, by the end of its time.
    """
    if ticket.action == Action.PROTECT:
        return Task.PROTECT
    if ticket.cancel_asked_at:
        return Task.CANCEL
    account = ticket.venue_account
    may_place = ticket.node_id == account.node_id and account.status == VenueAccount.Status.ACTIVE
    is_held_back = is_braked and ticket.action == Action.OPEN
    return task if may_place and not is_held_back else Task.LOOK_UP


def message_of(ticket: Ticket, order: Order, task: Task) -> messages.Ticket:
    return messages.Ticket(
        order_id=str(order.pk),
        task=task,
        venue=ticket.venue_account.venue,
        account=str(ticket.venue_account_id),
        sealed_credentials="",
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
        venue_order_id=order.asked_as,
    )
