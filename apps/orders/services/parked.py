"""A ticket that nobody knows the end of waits for a person, who may do three things about it.

The venue is asked again; it is asked by a number that the person has seen there; or the
person answers for it that nothing arrived. What an order did is told by its venue alone.
Whoever has it asked need not ask twice: until it tells, it is asked less and less often.
"""

import re
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.states import move
from apps.orders.models import Order, Ticket
from apps.orders.services.dispatch import send
from apps.orders.services.reports import order_event
from apps.tenants.services import tell_many
from engine.messages import Task
from engine.order import AT_VENUE, OrderStatus

VENUE_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
LONGEST_REASON = 200
# Seconds to the next time, by how often it was asked; so often, which takes about a day.
ASK_AFTER = (15, 30, 60, 120, 300, 600)
MOST_ASKS = 144
# How many tickets one sweep takes up.
TAKE = 200


@retried
@transaction.atomic
def ask_venue_again(*, ticket: Ticket) -> None:
    """Have the venue asked for the order; the ticket is parked until it tells."""
    order = locked(ticket)
    ask(order, named_id="")
    audit.record("ticket.asked_again", order.ticket)


@retried
@transaction.atomic
def has_arrived(*, ticket: Ticket, venue_order_id: str) -> None:
    """Have the venue asked for its order of this number; what it tells of that is believed."""
    number = venue_order_id.strip()
    if not VENUE_ORDER_ID.fullmatch(number):
        raise BadInput("a venue's order id is up to 64 letters and digits", field="venue_order_id")
    order = locked(ticket)
    same = Order.objects.of(order.tenant_id).filter(
        Q(venue_order_id=number) | Q(named_id=number), venue_account=order.venue_account
    )
    if same.exclude(pk=order.pk).exists():
        raise Conflict("that number is another order's", field="venue_order_id")
    ask(order, named_id=number)
    audit.record("ticket.arrived", order.ticket, after={"venue_order_id": number})


@retried
@transaction.atomic
def never_arrived(*, ticket: Ticket, reason: str) -> None:
    """Take it on oneself that the venue never had the order. Should it tell otherwise, it holds."""
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadInput(f"say in up to {LONGEST_REASON} letters how that is known", field="reason")
    order = locked(ticket)
    is_gone = order.status == OrderStatus.OPEN and order.doubted_at
    if order.status in AT_VENUE and not is_gone:
        raise Conflict("the venue has told of this order", order=order.pk)
    # One that was there, and is not any more, ends with what it has filled.
    to = Ticket.Status.DONE if is_gone else Ticket.Status.EXPIRED
    order.status = OrderStatus.CANCELED if is_gone else OrderStatus.EXPIRED
    order.reason = f"never arrived: {reason}"
    order.save(update_fields=["status", "reason"])
    now = timezone.now()
    move(order.ticket, to=to, allowed=Ticket.MOVES, next_at=None, done_at=now)
    tell_many([order_event(order)])
    audit.record("ticket.never_arrived", order.ticket, after={"reason": reason})


def locked(ticket: Ticket) -> Order:
    """The present order of a parked ticket, both locked in the order in which reports do it."""
    orders = Order.objects.of(ticket.tenant_id).select_for_update()
    order = orders.get(ticket=ticket, generation=ticket.generation)
    order.ticket = Ticket.objects.of(ticket.tenant_id).select_for_update().get(pk=ticket.pk)
    if order.ticket.status != Ticket.Status.PARKED or order.generation != order.ticket.generation:
        raise Conflict("only a parked ticket waits for a person", status=order.ticket.status)
    return order


def ask(order: Order, *, named_id: str) -> None:
    account = order.venue_account
    if account.node is None or not account.credentials:
        raise Conflict("no node has the keys of the account", account=account.pk)
    order.named_id = named_id
    order.save(update_fields=["named_id"])
    ticket = order.ticket
    ticket.attempts, ticket.next_at = 0, timezone.now() + timedelta(seconds=ASK_AFTER[0])
    ticket.save(update_fields=["attempts", "next_at"])
    transaction.on_commit(lambda: send([ticket], task=Task.LOOK_UP))


def ask_for_parked(*, now: datetime) -> None:
    """Have those asked for again of which a person waits to hear."""
    if tickets := take_turns(now=now):
        send(tickets, task=Task.LOOK_UP)


@transaction.atomic
def take_turns(*, now: datetime) -> list[Ticket]:
    rows = Ticket.objects.across_tenants().select_for_update(skip_locked=True)
    due = rows.filter(status=Ticket.Status.PARKED, next_at__lte=now).order_by("next_at")
    tickets = list(due[:TAKE])
    for ticket in tickets:
        ticket.attempts += 1
        wait = timedelta(seconds=ASK_AFTER[min(ticket.attempts, len(ASK_AFTER) - 1)])
        ticket.next_at = now + wait if ticket.attempts < MOST_ASKS else None
    Ticket.objects.across_tenants().bulk_update(tickets, ["attempts", "next_at"])
    return tickets
