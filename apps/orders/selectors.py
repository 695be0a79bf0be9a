"""Questions about tickets and orders."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Left, StrIndex

from apps.core.scope import rows
from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.members.models import Member
from apps.orders.models import Brake, Fill, Order, Ticket
from apps.positions.models import Position
from apps.signals.models import Signal
from apps.tenants.models import Tenant
from engine.money import ZERO
from engine.order import OrderStatus
from engine.signal import Action

# An order of which nothing more is to come.
DONE = [OrderStatus.FILLED, OrderStatus.CANCELED]


def brake_on() -> Brake | None:
    """The brake, while it is on."""
    return Brake.objects.filter(on_key=True).first()


def moving(venue_accounts: Iterable[int]) -> QuerySet[Ticket]:
    """Tickets of which nobody knows yet what they come to.

    One whose order is done only waits for its stop and target: that hinders no other.
    """
    tickets = Ticket.objects.across_tenants().filter(
        venue_account__in=venue_accounts, status__in=Ticket.IN_FLIGHT
    )
    return tickets.exclude(orders__status__in=DONE)


class Unfinished(NamedTuple):
    """A ticket that somebody still has to do something about."""

    venue_account: int
    symbol: str
    action: str
    direction: str
    status: str
    is_done: bool  # its order is; it only waits for its stop and target

    def is_before(self, wanted: Signal | Ticket) -> bool:
        """Whether what is wanted has to wait for it.

        To open waits for all of the symbol. What is held is left whatever the other direction
        waits for, and a close waits for no stop.
        """
        if self.is_done or self.symbol != wanted.symbol:
            return False
        if wanted.action == Action.OPEN:
            return True
        if wanted.action == Action.CLOSE and self.action == Action.PROTECT:
            return False
        return self.direction == wanted.direction


class UnderWay:
    """All that is unfinished for these accounts, as one query tells it."""

    def __init__(self, venue_accounts: Iterable[int]) -> None:
        self.tickets = unfinished(venue_accounts)

    def before(self, wanted: Signal | Ticket) -> Counter[int]:
        """How many tickets this one would have to wait for, by venue account."""
        return Counter(row.venue_account for row in self.tickets if row.is_before(wanted))

    def opening(self) -> dict[int, set[tuple[str, str]]]:
        """Symbols and directions about to be opened, or that may have been, by venue account."""
        found: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for row in self.tickets:
            if row.action == Action.OPEN:
                found[row.venue_account].add((row.symbol, row.direction))
        return found

    def parked(self) -> set[int]:
        """The accounts with a ticket that a person has to look at."""
        return {row.venue_account for row in self.tickets if row.status == Ticket.Status.PARKED}


def unfinished(venue_accounts: Iterable[int]) -> list[Unfinished]:
    done = Order.objects.across_tenants().filter(ticket=OuterRef("pk"), status__in=DONE)
    rows = (
        Ticket.objects.across_tenants()
        .filter(status__in=Ticket.IN_FLIGHT, venue_account__among=venue_accounts)
        .order_by()
        .values_list("venue_account", "symbol", "action", "direction", "status", Exists(done))
    )
    return [Unfinished._make(row) for row in rows]


def in_flight(venue_accounts: Iterable[int], wanted: Signal | Ticket) -> Counter[int]:
    return UnderWay(venue_accounts).before(wanted)


def opening(venue_accounts: Iterable[int]) -> dict[int, set[tuple[str, str]]]:
    return UnderWay(venue_accounts).opening()


def with_parked(venue_accounts: Iterable[int]) -> set[int]:
    return UnderWay(venue_accounts).parked()


def refusing_rule() -> Func:
    """The name of the rule that refused a ticket: it stands before the colon of its reason."""
    colon = StrIndex("refused_because", Value(":"))
    return Left("refused_because", colon - 1)


def refusals(
    tenant: Tenant | None, *, since: datetime, rule: str = "", **which: object
) -> QuerySet[Ticket]:
    """Tickets that our rules refused since then, the latest first."""
    tickets = rows(Ticket, tenant).filter(
        status=Ticket.Status.REFUSED, created_at__gte=since, **which
    )
    if rule:
        tickets = tickets.filter(refused_because__startswith=f"{rule}:")
    return tickets.select_related(
        "tenant", "venue_account__member", "signal__strategy", "subscription"
    )


def spent(subscriptions: Iterable[int]) -> set[int]:
    """Of these subscriptions those that have opened something, or may be about to."""
    tickets = Ticket.objects.across_tenants().filter(
        Q(status__in=Ticket.IN_FLIGHT) | Q(orders__filled__gt=0),
        subscription__in=subscriptions,
        action=Action.OPEN,
    )
    return set(tickets.values_list("subscription", flat=True))


class Holding(NamedTuple):
    """An open position, as far as a rule looks at it."""

    venue_account: int
    subscription: int
    symbol: str
    direction: str
    quantity: Decimal


def open_positions(venue_accounts: Iterable[int]) -> dict[int, list[Position]]:
    """What is held now, by venue account."""
    held: dict[int, list[Position]] = defaultdict(list)
    rows = Position.objects.across_tenants().filter(
        venue_account__in=venue_accounts, status=Position.Status.OPEN
    )
    for position in rows:
        held[position.venue_account_id].append(position)
    return held


def holdings(venue_accounts: Iterable[int]) -> dict[int, list[Holding]]:
    """The same for many accounts, and no more of it than rules look at."""
    held: dict[int, list[Holding]] = defaultdict(list)
    rows = Position.objects.across_tenants().filter(
        venue_account__among=venue_accounts, status=Position.Status.OPEN
    )
    for row in rows.order_by().values_list(*Holding._fields):
        held[row[0]].append(Holding._make(row))
    return held


def point_cards(members: Iterable[Member]) -> dict[int, Decimal]:
    """Self and gift points together, by member."""
    return points_of(member.pk for member in members)


def points_of(members: Iterable[int]) -> dict[int, Decimal]:
    """The same, of members known by their ids."""
    owners = {Member.owner_of(member): member for member in members}
    points = dict.fromkeys(owners.values(), ZERO)
    kinds = [Account.Kind.SELF, Account.Kind.GIFT]
    for (owner, _), balance in balances(owners, kinds).items():
        points[owners[owner]] += balance
    return points


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


def volume(
    tenant: Tenant | None,
    accounts: Iterable[int],
    symbol: str | None,
    *,
    since: datetime,
    until: datetime,
) -> Iterator[tuple[date, Decimal]]:
    """Of each fill the day, and what was bought or sold, in USDT."""
    fills = rows(Fill, tenant).filter(
        filled_at__gte=since, filled_at__lt=until, order__venue_account__in=accounts
    )
    if symbol is not None:
        fills = fills.filter(order__symbol=symbol)
    lines = fills.order_by().values_list("filled_at", "quantity", "price")
    return ((at.date(), quantity * price) for at, quantity, price in lines.iterator())
