"""What accounts stood at, day by day, and which trades ended: the material of comparisons."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from apps.core.scope import rows
from apps.positions.models import Position
from apps.tenants.models import Tenant
from apps.venues.models import EquitySnapshot
from engine.performance import Standing, Trade

# Snapshots are hourly: this one stands for its day, and the latest for a day that is not over.
LAST_HOUR = time(23, tzinfo=UTC)
DAY = timedelta(days=1)


def midnight(on: date) -> datetime:
    return datetime.combine(on, time(tzinfo=UTC))


def standings(
    tenant: Tenant | None, accounts: Sequence[int], *, first: date, last: date
) -> list[Standing]:
    """What each account stood at when these days ended, and the day before the first."""
    ends = [
        datetime.combine(first + day * DAY, LAST_HOUR) for day in range(-1, (last - first).days)
    ]
    told = Q(hour__in=ends) | Q(hour__gte=midnight(last), hour__lt=midnight(last + DAY))
    snapshots = rows(EquitySnapshot, tenant).filter(told, venue_account__in=accounts)
    lines = snapshots.order_by("hour").values_list("hour", "venue_account", "equity", "deposited")
    # Of several on the last day the latest holds.
    latest = {(hour.date(), account): rest for hour, account, *rest in lines.iterator()}
    return [Standing(on, account, *rest) for (on, account), rest in latest.items()]


def closed(
    tenant: Tenant | None, *, first: date, last: date, **which: object
) -> QuerySet[Position]:
    """Positions that were closed on these days, in the order in which they were."""
    ended = rows(Position, tenant).filter(
        status=Position.Status.CLOSED,
        closed_at__gte=midnight(first),
        closed_at__lt=midnight(last + DAY),
        **which,
    )
    return ended.order_by("closed_at", "pk")


def trades(positions: QuerySet[Position]) -> list[tuple[datetime, Trade]]:
    """When each was closed, and what it came to."""
    lines = positions.values_list("created_at", "closed_at", "realized", "fees", "funding")
    return [
        (ended, Trade(realized - fees + funding, fees, ended - began))
        for began, ended, realized, fees, funding in lines.iterator()
    ]
