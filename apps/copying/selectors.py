"""Questions about copying: who copies, what leaders opened a moment ago, which copies are held."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from apps.copying.models import Copy
from apps.members.models import Member
from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.strategies.models import Subscription
from apps.tenants.models import Tenant
from apps.traders.models import Trader
from apps.venues.models import VenueAccount
from engine.signal import Action

S = Subscription.Status


@dataclass(frozen=True, slots=True)
class Lead:
    """A position that its leader opened a moment ago, and who has copied it."""

    leader: tuple[int | None, int | None]
    position: Position
    stop: Decimal | None
    target: Decimal | None
    copied: Collection[int]


def copiers() -> QuerySet[Subscription]:
    """Subscriptions that copy somebody, of those who may trade; paused ones still close."""
    return (
        Subscription.objects.across_tenants()
        .filter(
            tenant_strategy__isnull=True,
            status__in=[S.ACTIVE, S.PAUSED],
            tenant__status=Tenant.Status.ACTIVE,
            member__status=Member.Status.ACTIVE,
            venue_account__status=VenueAccount.Status.ACTIVE,
        )
        .select_related("venue_account")
        .order_by("pk")
    )


def leads(leaders: Collection[tuple[int | None, int | None]], *, since: datetime) -> Iterator[Lead]:
    """What these leaders opened since then and hold, once its order is done.

    Copies are not copied again: who copies one another would never come to an end.
    """
    accounts = {account for account, _trader in leaders if account}
    traders = {trader for _account, trader in leaders if trader}
    opening = Ticket.objects.across_tenants().filter(
        venue_account=OuterRef("venue_account"),
        symbol=OuterRef("symbol"),
        direction=OuterRef("direction"),
        action=Action.OPEN,
    )
    latest = opening.exclude(status__in=Ticket.FAILED).order_by("-id")
    held = (
        Position.objects.across_tenants()
        .filter(Q(venue_account__in=accounts) | Q(trader__in=traders), status=Position.Status.OPEN)
        .exclude(subscription__tenant_strategy__isnull=True, subscription__isnull=False)
        .annotate(
            opened_by=Subquery(latest.values("status")[:1]),
            opened_done=Subquery(latest.values("done_at")[:1]),
            stop=Subquery(latest.values("stop")[:1]),
            target=Subquery(latest.values("target")[:1]),
        )
        .filter(opened_by=Ticket.Status.DONE, opened_done__gte=since)
    )
    for position in held:
        of_position = Copy.objects.of(position.tenant_id).filter(leader_position=position)
        copied = set(of_position.values_list("subscription", flat=True))
        for leader in ((position.venue_account_id, None), (None, position.trader_id)):
            if leader in leaders:
                yield Lead(leader, position, position.stop, position.target, copied)


def held_copies() -> QuerySet[Copy]:
    """Copies that are not over, of those who may trade."""
    rows = Copy.objects.across_tenants().filter(status=Copy.Status.OPEN, subscription__in=copiers())
    rows = rows.select_related("leader_position", "subscription__venue_account", "ticket")
    return rows.prefetch_related("ticket__orders").order_by("pk")


def opened_by(copies: Collection[Copy]) -> dict[UUID, Position]:
    """What these copies opened, as far as it is held, by the copy's id; one query for all."""
    held = Position.objects.across_tenants().filter(
        subscription__in={one.subscription_id for one in copies}, status=Position.Status.OPEN
    )
    by_side = {
        (row.subscription_id, row.symbol, row.direction): row
        for row in held.select_related("venue_account")
    }
    sides = {
        one.pk: (one.subscription_id, one.ticket.symbol, one.ticket.direction) for one in copies
    }
    return {key: by_side[side] for key, side in sides.items() if side in by_side}


def led_positions(
    *, account: VenueAccount | None = None, trader: Trader | None = None
) -> QuerySet[Position]:
    """What a leader holds now, without what it has itself copied."""
    led = {"venue_account": account} if account else {"trader": trader}
    held = Position.objects.of((account or trader).tenant_id).filter(
        status=Position.Status.OPEN, **led
    )
    return held.exclude(subscription__tenant_strategy__isnull=True, subscription__isnull=False)
