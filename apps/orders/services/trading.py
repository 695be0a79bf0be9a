"""What an AI trader asks for: tickets like any other, under a name that its decision gives them.

A symbol and side of an account is one owner's at a time: who comes second is refused by name.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.orders.models import Ticket
from apps.orders.selectors import open_positions
from apps.orders.services.manual import Wish, draft_close, draft_order, written
from apps.positions.models import Position
from apps.venues.models import VenueAccount
from apps.venues.services import locked
from engine.messages import PositionMode
from engine.venues import NETTED


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a ticket is to be, and its name: asked for twice under one name, it is one ticket."""

    trader_id: int
    ticket_id: UUID


@retried
@transaction.atomic
def open_for_trader(*, account: VenueAccount, wish: Wish, owned: Owned, now: datetime) -> Ticket:
    """Open a position that is the trader's."""
    account = locked(account)
    if known := ticket_of(account, owned):
        return known
    refuse_others(account=account, symbol=wish.symbol, direction=wish.direction, owned=owned)
    draft = draft_order(account=account, wish=wish, now=now)
    draft.trader_id = owned.trader_id
    return named(draft, owned)


@retried
@transaction.atomic
def close_for_trader(*, position: Position, owned: Owned, now: datetime) -> Ticket:
    """Close all of a position of the trader's at the market."""
    account = locked(position.venue_account)
    if known := ticket_of(account, owned):
        return known
    if position.trader_id != owned.trader_id:
        raise Conflict("the position is another one's", position=position.pk)
    position.venue_account = account
    return named(draft_close(position=position, now=now), owned)


# Inside.


def ticket_of(account: VenueAccount, owned: Owned) -> Ticket | None:
    rows = Ticket.objects.of(account.tenant_id)
    known = rows.filter(pk=owned.ticket_id).first()
    if known and (known.trader_id, known.venue_account_id) != (owned.trader_id, account.pk):
        raise Conflict("the name of the ticket is another one's", ticket=str(known.pk))
    return known


def named(draft: Ticket, owned: Owned) -> Ticket:
    draft.pk = owned.ticket_id
    return written(draft, action="ticket.by_trader")


def refuse_others(*, account: VenueAccount, symbol: str, direction: str, owned: Owned) -> None:
    """Refuse where somebody else holds the side, or is about to; of a netted symbol both sides."""
    if symbol in account.quoted:
        raise Conflict(f"a maker quotes {symbol} on the account", rule="owned")
    is_netted = account.venue in NETTED or account.position_mode == PositionMode.ONE_WAY.value
    waiting = Ticket.objects.of(account.tenant_id).filter(
        venue_account=account, symbol=symbol, status__in=Ticket.IN_FLIGHT
    )
    holders = [row for row in open_positions([account.pk])[account.pk] if row.symbol == symbol]
    for row in [*holders, *waiting]:
        is_same = is_netted or row.direction == direction
        if is_same and row.trader_id != owned.trader_id:
            raise Conflict(f"{owner_of(row)} has {symbol} {row.direction} there", rule="owned")


def owner_of(row: Position | Ticket) -> str:
    if row.trader_id:
        return f"the trader {row.trader.code}"
    if row.subscription_id:
        return f"subscription {row.subscription_id}"
    return "somebody else"
