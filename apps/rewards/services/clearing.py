"""Trading history is cleared: what was done goes, what it came to in points stays.

A position that was charged on stays whole, with its closes: a charge has to show what it was
taken on. Ledger, charges, pools and rewards are not touched.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.core import audit
from apps.core.bulk import remove
from apps.core.errors import Conflict
from apps.core.scope import rows
from apps.orders.models import Fill, Order, Ticket
from apps.positions.models import Close, Position
from apps.signals.models import Signal
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from engine.order import LIVE

CHUNK = 1000


def history(tenant: Tenant | None, *, before: datetime) -> dict[str, QuerySet]:
    """What would go, by kind, in the order in which it can."""
    done = rows(Ticket, tenant).filter(created_at__lt=before).exclude(status__in=Ticket.IN_FLIGHT)
    charged = rows(Close, tenant).filter(charge__isnull=False).values("position")
    positions = rows(Position, tenant).filter(created_at__lt=before, status=Position.Status.CLOSED)
    positions = positions.exclude(pk__in=charged)
    # A maker's orders have no ticket; those that are known have filled.
    quotes = rows(Order, tenant).filter(kind=Order.Kind.MAKER, created_at__lt=before)
    quotes = quotes.exclude(status__in=LIVE)
    kinds = {
        "makers' fills": rows(Fill, tenant).filter(order__in=quotes),
        "makers' orders": quotes,
        "fills": rows(Fill, tenant).filter(order__ticket__in=done),
        "orders": rows(Order, tenant).filter(ticket__in=done),
        "tickets": done,
        "closes": rows(Close, tenant).filter(position__in=positions),
        "positions": positions,
    }
    if tenant is None:
        # A signal is the platform's, and may have tickets of every tenant.
        old = Signal.objects.filter(created_at__lt=before)
        kinds["signals"] = old.exclude(status=Signal.Status.PUBLISHED)
    return kinds


def counted(tenant: Tenant | None, *, before: datetime) -> dict[str, int]:
    return {name: found.count() for name, found in history(tenant, before=before).items()}


def refuse_unfinished(tenant: Tenant | None) -> None:
    """What is under way, held or not settled would be torn from what it is part of."""
    unfinished = {
        "tickets under way": rows(Ticket, tenant).filter(status__in=Ticket.IN_FLIGHT),
        "open positions": rows(Position, tenant).filter(status=Position.Status.OPEN),
        "unsettled closes": rows(Close, tenant).exclude(status=Close.Status.SETTLED),
    }
    counts = {name: found.count() for name, found in unfinished.items()}
    # Their fills are asked for again from the beginning of their sessions.
    quoted = rows(VenueAccount, tenant).values_list("quoted", flat=True)
    counts["makers running"] = sum(map(len, quoted))
    left = {name: count for name, count in counts.items() if count}
    if left:
        told = ", ".join(f"{count} {name}" for name, count in left.items())
        raise Conflict(f"there are {told}", **left)


def clear_history(*, tenant: Tenant | None, before: datetime) -> Iterator[tuple[str, int]]:
    """Remove it, and tell after each step how much of which kind is gone.

    Whoever stops in between has cleared so far, and may go on later.
    """
    refuse_unfinished(tenant)
    whose = [tenant] if tenant else Tenant.objects.order_by("pk")
    for row in whose:
        after = {"before": before.isoformat(), **counted(row, before=before)}
        audit.record("tenant.history_cleared", row, after=after, tenant=row)
    for name, found in history(tenant, before=before).items():
        yield name, 0
        while gone := remove_some(found):
            yield name, gone


@transaction.atomic
def remove_some(found: QuerySet) -> int:
    keys = list(found.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    remove(found.model, keys)
    return len(keys)
