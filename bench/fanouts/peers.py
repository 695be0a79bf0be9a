"""What one would write in place of our planning and dispatch: a row and a message each.

Both are given what Django and Celery have for it, and are asked less than we are: no rule
stands before their orders. Their rows are as durable and as unique as ours, in one
transaction, so that a repeat is refused by the database; and what they send is sealed to its
node and signed, for a node takes nothing else.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.nodes.envelopes import sign_to
from apps.orders.models import Order, Ticket
from apps.signals.models import Signal
from apps.strategies.selectors import followers
from apps.venues.credentials import SEALED, seal_key_of
from apps.venues.selectors import instruments
from engine import envelope, messages
from engine.envelope import client_order_id
from engine.messages import Task, number
from engine.signal import Action, Direction, side_of
from engine.sizing import quantity_of
from ironbull.celery import app

Pair = tuple[Ticket, Order]


def pairs(signal: Signal, now: datetime) -> list[Pair]:
    """A ticket and its order for every subscription, sized, and not looked at by any rule."""
    tradable = instruments("paper")[signal.symbol]
    made = []
    for subscription in followers(signal.strategy):
        account = subscription.venue_account
        ticket = Ticket(
            tenant_id=subscription.tenant_id,
            signal=signal,
            subscription=subscription,
            venue_account=account,
            node_id=account.node_id,
            symbol=signal.symbol,
            action=signal.action,
            direction=signal.direction,
            quantity=quantity_of(
                capital=subscription.capital,
                leverage=subscription.leverage,
                risk_mode=subscription.risk_mode,
                price=signal.price,
                instrument=tradable,
            ),
            leverage=subscription.leverage,
            status=Ticket.Status.SENT,
            attempts=1,
            sent_at=now,
            not_after=now + timedelta(seconds=settings.TICKET_SECONDS),
            next_at=now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS),
        )
        name = client_order_id(account=str(account.pk), ticket_id=str(ticket.pk), generation=1)
        order = Order(
            tenant_id=ticket.tenant_id,
            ticket=ticket,
            generation=1,
            venue_account_id=account.pk,
            client_order_id=name,
            symbol=ticket.symbol,
            side=side_of(Action(ticket.action), Direction(ticket.direction)),
            quantity=ticket.quantity,
        )
        made.append((ticket, order))
    return made


def write_in_bulk(made: list[Pair]) -> None:
    with transaction.atomic():
        Ticket.objects.across_tenants().bulk_create([ticket for ticket, _ in made])
        Order.objects.across_tenants().bulk_create([order for _, order in made])


def write_row_by_row(made: list[Pair]) -> None:
    with transaction.atomic():
        for ticket, order in made:
            ticket.save(force_insert=True)
            order.save(force_insert=True)


def send_each(made: list[Pair]) -> None:
    for ticket, order in made:
        account = ticket.venue_account
        secret = SEALED.unseal(account).encode()
        message = messages.Tickets(
            tickets=[
                messages.Ticket(
                    order_id=str(order.pk),
                    task=Task.PLACE,
                    venue=account.venue,
                    account=str(account.pk),
                    sealed_credentials=envelope.seal(secret, to=seal_key_of(account.node)),
                    client_order_id=order.client_order_id,
                    symbol=order.symbol,
                    side=order.side,
                    direction=ticket.direction,
                    action=ticket.action,
                    quantity=number(order.quantity),
                    leverage=ticket.leverage,
                    not_after_ms=int(ticket.not_after.timestamp() * 1000),
                )
            ]
        )
        app.send_task(
            "node.execute",
            kwargs={"envelope": sign_to(account.node, message)},
            queue=account.node.queue,
            expires=60,
        )


def send_each_bare(made: list[Pair]) -> None:
    """The order's id alone: nothing is sealed, nothing signed, and no node could act on it."""
    for ticket, order in made:
        app.send_task(
            "node.execute",
            kwargs={"order_id": str(order.pk)},
            queue=ticket.venue_account.node.queue,
            expires=60,
        )


def peer(write: Callable[[list[Pair]], None], send: Callable[[list[Pair]], None]):
    def run(signal: Signal, now: datetime) -> None:
        made = pairs(signal, now)
        write(made)
        send(made)

    return run


PEERS = {
    "bulk_create + apply_async each": peer(write_in_bulk, send_each),
    "save + apply_async each": peer(write_row_by_row, send_each),
    "the first, unsigned ids only": peer(write_in_bulk, send_each_bare),
}
