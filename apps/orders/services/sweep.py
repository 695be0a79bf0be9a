"""The sweep: whatever stood too long in a step has its step named again.

A ticket that was sent and not answered is sent again while its time lasts; the
node's journal keeps it from being placed twice. After that the venue is asked
by client order id, less and less often, until a person has to look.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from apps.core import audit
from apps.core.later import publish
from apps.core.states import move_all
from apps.orders.models import Order, Ticket
from apps.orders.selectors import current_orders
from apps.orders.services.dispatch import leaving, send
from apps.orders.services.parked import ask_for_parked
from apps.signals.models import Signal
from engine.messages import Task
from engine.order import AT_VENUE, OrderStatus

log = logging.getLogger(__name__)

# Seconds to the next look, by how often the ticket was taken up before.
BACK_OFF = (4, 4, 8, 16, 30)
ASKED_AGAIN = [Ticket.Status.SENT, Ticket.Status.RESTING, Ticket.Status.UNKNOWN]
# Counted no further: a resting order may be asked for over months.
MOST_ATTEMPTS = 1000
PARK_AFTER = timedelta(minutes=15)
# How many tickets one sweep takes up: after a fault the backlog drains in steps.
TAKE = 200


def sweep(*, now: datetime) -> None:
    stood_since = now - timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    name_forgotten_signals(stood_since)
    give_up_late_plans(now=now)
    if leaving().filter(next_at__lte=now).exists():
        publish("orders.dispatch", {})
    place_again, ask = take_up(now=now)
    if place_again:
        send(place_again, task=Task.PLACE)
    if ask:
        send(ask, task=Task.LOOK_UP)
    ask_for_parked(now=now)


def name_forgotten_signals(stood_since: datetime) -> None:
    forgotten = Signal.objects.filter(
        status=Signal.Status.PUBLISHED, created_at__lte=stood_since
    ).order_by("pk")
    for signal_id in forgotten.values_list("pk", flat=True)[:TAKE]:
        publish("orders.plan", {"signal_id": str(signal_id)})


@transaction.atomic
def give_up_late_plans(*, now: datetime) -> None:
    """A ticket that never left, and is no longer worth it, has expired."""
    late = list(
        Ticket.objects.across_tenants()
        .select_for_update(skip_locked=True)
        .filter(status=Ticket.Status.PLANNED, worth_until__lt=now)
        .order_by("pk")[:TAKE]
    )
    if not late:
        return
    orders = [order.pk for order in current_orders(late)]
    Order.objects.across_tenants().filter(pk__in=orders, status=OrderStatus.NEW).update(
        status=OrderStatus.EXPIRED, reason="never sent"
    )
    move_all(late, to=Ticket.Status.EXPIRED, allowed=Ticket.MOVES, next_at=None, done_at=now)


@transaction.atomic
def take_up(*, now: datetime) -> tuple[list[Ticket], list[Ticket]]:
    """Tickets to send again, and tickets to ask the venue about; each gets its next date first."""
    due = list(
        Ticket.objects.across_tenants()
        .select_for_update(skip_locked=True)
        .filter(status__in=ASKED_AGAIN, next_at__lte=now)
        .order_by("next_at")[:TAKE]
    )
    orders = {order.ticket_id: order for order in current_orders(due)}
    given_up = [ticket for ticket in due if should_park(ticket, orders[ticket.pk], now)]
    park(given_up)
    going_on = [ticket for ticket in due if ticket not in given_up]
    for attempts in {ticket.attempts for ticket in going_on}:
        alike = [ticket.pk for ticket in going_on if ticket.attempts == attempts]
        wait = BACK_OFF[min(attempts, len(BACK_OFF) - 1)]
        Ticket.objects.across_tenants().filter(pk__in=alike).update(
            next_at=now + timedelta(seconds=wait), attempts=Least(F("attempts") + 1, MOST_ATTEMPTS)
        )
    place_again = [
        ticket
        for ticket in going_on
        if ticket.status == Ticket.Status.SENT and now < ticket.not_after
    ]
    ask = [ticket for ticket in going_on if ticket not in place_again]
    unanswered = [ticket for ticket in ask if ticket.status == Ticket.Status.SENT]
    move_all(unanswered, to=Ticket.Status.UNKNOWN, allowed=Ticket.MOVES)
    return place_again, ask


def park(tickets: list[Ticket]) -> None:
    """Hand them to a person, and say so once."""
    move_all(tickets, to=Ticket.Status.PARKED, allowed=Ticket.MOVES, next_at=None)
    for ticket in tickets:
        log.error("ticket %s is parked: it waits for a person", ticket.pk)
    if tickets:
        audit.record_each("ticket.parked", tickets)


def should_park(ticket: Ticket, order: Order, now: datetime) -> bool:
    """After a while in doubt; what its venue has told of since, is not in doubt for so long."""
    if order.status == OrderStatus.OPEN:
        return order.doubted_at is not None and now - order.doubted_at > PARK_AFTER
    told_at = order.reported_at if order.status in AT_VENUE else None
    since = max(ticket.sent_at, told_at or ticket.sent_at)
    return ticket.status == Ticket.Status.UNKNOWN and now - since > PARK_AFTER
