"""A stop or target that fired at its venue: an order that we never placed, and that closes.

The account's fills tell that there is one. What it did is asked for by the venue's own
name for it, so that its fills come in by the door of all others, once.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.orders.models import Order, Ticket
from apps.orders.selectors import open_positions
from apps.orders.services.dispatch import send
from apps.positions.models import Position
from apps.venues.models import VenueAccount
from engine.messages import AccountFill, Task
from engine.money import ZERO
from engine.order import OrderStatus
from engine.signal import Action, closed_by


def take_in_protection(
    *, account: VenueAccount, fills: Iterable[AccountFill], now: datetime
) -> None:
    """Write down each stop or target behind these fills that the books do not know.

    The account's row is locked: of two answers that tell of it the second finds it known.
    """
    fired: dict[str, list[AccountFill]] = defaultdict(list)
    for row in fills:
        if row.is_protection:
            fired[row.venue_order_id].append(row)
    rows = Order.objects.of(account.tenant).filter(venue_account=account)
    known = rows.filter(venue_order_id__in=fired).values_list("venue_order_id", flat=True)
    held = {(row.symbol, row.direction): row for row in open_positions([account.pk])[account.pk]}
    tickets = []
    for number in fired.keys() - set(known):
        first = fired[number][0]
        position = held.get((first.symbol, closed_by(first.side)))
        # What closed nothing of ours protected nothing of ours.
        if position:
            told = sum((Decimal(row.fill.quantity) for row in fired[number]), ZERO)
            order = order_of(
                account, position, first, quantity=max(told, position.quantity), now=now
            )
            order.ticket.save()
            order.save()
            tickets.append(order.ticket)
    if tickets:
        transaction.on_commit(lambda: send(tickets, task=Task.LOOK_UP))


def order_of(
    account: VenueAccount,
    position: Position,
    told: AccountFill,
    *,
    quantity: Decimal,
    now: datetime,
) -> Order:
    ticket = Ticket(
        tenant_id=account.tenant_id,
        subscription_id=position.subscription_id,
        trader_id=position.trader_id,
        venue_account=account,
        node_id=account.node_id,
        symbol=position.symbol,
        action=Action.CLOSE,
        direction=position.direction,
        quantity=quantity,
        status=Ticket.Status.UNKNOWN,
        # The venue has it already: there is no other try.
        worth_until=now,
        not_after=now,
        sent_at=now,
        next_at=now,
    )
    return Order(
        tenant_id=account.tenant_id,
        ticket=ticket,
        kind=Order.Kind.PROTECTION,
        generation=ticket.generation,
        venue_account=account,
        client_order_id=f"venue-{told.venue_order_id}"[:64],
        venue_order_id=told.venue_order_id,
        symbol=position.symbol,
        side=told.side,
        quantity=quantity,
        status=OrderStatus.UNKNOWN,
    )
