"""Questions about tickets and orders."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.orders.models import Order, Ticket
from apps.positions.models import Position
from apps.signals.models import Signal
from engine.order import OrderStatus
from engine.signal import Action


def moving(venue_accounts: Iterable[int]) -> QuerySet[Ticket]:
    """Tickets of which nobody knows yet what they come to.

    One whose order is done only waits for its stop and target: that hinders no other.
    """
    tickets = Ticket.objects.across_tenants().filter(
        venue_account__in=venue_accounts, status__in=Ticket.IN_FLIGHT
    )
    return tickets.exclude(orders__status__in=[OrderStatus.FILLED, OrderStatus.CANCELED])


def in_flight(venue_accounts: Iterable[int], wanted: Signal | Ticket) -> Counter[int]:
    """How many tickets are under way that this one would have to wait for, by venue account.

    To open waits for all of the symbol. What is held is left whatever the other direction
    waits for, and a close waits for no stop.
    """
    tickets = moving(venue_accounts).filter(symbol=wanted.symbol)
    if wanted.action != Action.OPEN:
        tickets = tickets.filter(direction=wanted.direction)
    if wanted.action == Action.CLOSE:
        tickets = tickets.exclude(action=Action.PROTECT)
    return Counter(tickets.values_list("venue_account", flat=True))


def opening(venue_accounts: Iterable[int]) -> dict[int, set[tuple[str, str]]]:
    """Symbols and directions that are about to be opened, or may have been, by venue account."""
    tickets = Ticket.objects.across_tenants().filter(
        venue_account__in=venue_accounts, action=Action.OPEN, status__in=Ticket.IN_FLIGHT
    )
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for account, *side in tickets.values_list("venue_account", "symbol", "direction"):
        found[account].add(tuple(side))
    return found


def with_parked(venue_accounts: Iterable[int]) -> set[int]:
    """Of these accounts those with a ticket that a person has to look at."""
    tickets = Ticket.objects.across_tenants().filter(
        venue_account__in=venue_accounts, status=Ticket.Status.PARKED
    )
    return set(tickets.order_by().values_list("venue_account", flat=True).distinct())


def spent(subscriptions: Iterable[int]) -> set[int]:
    """Of these subscriptions those that have opened something, or may be about to."""
    tickets = Ticket.objects.across_tenants().filter(
        Q(status__in=Ticket.IN_FLIGHT) | Q(orders__filled__gt=0),
        subscription__in=subscriptions,
        action=Action.OPEN,
    )
    return set(tickets.values_list("subscription", flat=True))


def open_positions(venue_accounts: Iterable[int]) -> dict[int, list[Position]]:
    """What is held now, by venue account."""
    held: dict[int, list[Position]] = defaultdict(list)
    rows = Position.objects.across_tenants().filter(
        venue_account__in=venue_accounts, status=Position.Status.OPEN
    )
    for position in rows:
        held[position.venue_account_id].append(position)
    return held


def point_cards(members) -> dict[int, Decimal]:
    """Self and gift points together, by member."""
    kinds = [Account.Kind.SELF, Account.Kind.GIFT]
    found = balances([member.owner for member in members], kinds)
    return {
        member.pk: sum((found.get((member.owner, kind), Decimal(0)) for kind in kinds), Decimal(0))
        for member in members
    }


def protection_by_hand(
    tickets: Iterable[Ticket],
) -> dict[UUID, tuple[Decimal | None, Decimal | None]]:
    """Stop and target that a person has asked for since a ticket was to open, by that ticket.

    They hold in place of its own, also where it is asked for once more.
    """
    opening = [ticket for ticket in tickets if ticket.action == Action.OPEN]
    sides = defaultdict(list)
    asked = Ticket.objects.across_tenants().filter(
        venue_account__in={ticket.venue_account_id for ticket in opening}, action=Action.PROTECT
    )
    for row in asked.exclude(status__in=Ticket.FAILED).order_by("pk"):
        sides[row.venue_account_id, row.symbol, row.direction].append(row)
    found = {}
    for ticket in opening:
        for row in sides[ticket.venue_account_id, ticket.symbol, ticket.direction]:
            if row.created_at >= ticket.created_at:
                found[ticket.pk] = (row.stop, row.target)
    return found


def current_orders(tickets: Iterable[Ticket]) -> list[Order]:
    """The order of each ticket's present generation."""
    generations = {ticket.pk: ticket.generation for ticket in tickets}
    orders = Order.objects.across_tenants().filter(ticket__in=list(generations))
    return [order for order in orders if order.generation == generations[order.ticket_id]]
