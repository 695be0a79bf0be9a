"""What the dashboard asks: a bounded number of questions, each over a stretch of time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from apps.core.models import RefusedMessage
from apps.core.scope import rows
from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.nodes.models import Node
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Reward
from apps.signals.models import Signal
from apps.tenants.models import Tenant
from engine.money import ZERO
from engine.order import OrderStatus


@dataclass(frozen=True, slots=True)
class Money:
    realized: Decimal
    charged: Decimal
    rewarded: Decimal
    shortfall: Decimal


@dataclass(frozen=True, slots=True)
class Moment:
    """One bar of the chart."""

    at: datetime
    profit: Decimal
    charged: Decimal


def money_since(since: datetime, tenant=None) -> Money:
    closes = rows(Close, tenant).filter(created_at__gte=since)
    charges = rows(Charge, tenant).filter(created_at__gte=since)
    rewards = rows(Reward, tenant).filter(created_at__gte=since)
    charged = charges.aggregate(
        from_self=Sum("from_self"), from_gift=Sum("from_gift"), shortfall=Sum("shortfall")
    )
    return Money(
        realized=closes.aggregate(total=Sum("profit"))["total"] or ZERO,
        charged=(charged["from_self"] or ZERO) + (charged["from_gift"] or ZERO),
        rewarded=rewards.aggregate(total=Sum("amount"))["total"] or ZERO,
        shortfall=charged["shortfall"] or ZERO,
    )


def funnel_since(since: datetime, tenant=None) -> dict[str, int]:
    """How many of each step of the walk there were."""
    signals = Signal.objects.filter(created_at__gte=since)
    if tenant:
        signals = signals.filter(tickets__tenant=tenant).distinct()
    orders = rows(Order, tenant).filter(created_at__gte=since)
    return {
        "signals": signals.count(),
        "tickets": rows(Ticket, tenant).filter(created_at__gte=since).count(),
        "orders": orders.count(),
        "filled": orders.filter(status=OrderStatus.FILLED).count(),
        "closes": rows(Close, tenant).filter(created_at__gte=since).count(),
        "rewards": rows(Reward, tenant).filter(created_at__gte=since).count(),
    }


def waiting_for_a_person(tenant=None) -> dict[str, int]:
    tickets = Counter(
        dict(
            rows(Ticket, tenant)
            .filter(status__in=[Ticket.Status.UNKNOWN, Ticket.Status.PARKED])
            .values_list("status")
            .annotate(Count("pk"))
        )
    )
    return {
        "parked": tickets[Ticket.Status.PARKED],
        "unknown": tickets[Ticket.Status.UNKNOWN],
        "failed": rows(Close, tenant).filter(status=Close.Status.FAILED).count(),
        "refused": 0 if tenant else RefusedMessage.objects.count(),
    }


def latest_signals(tenant=None, count: int = 8) -> QuerySet[Signal]:
    signals = Signal.objects.select_related("strategy").order_by("-pk")
    if tenant:
        signals = signals.filter(tickets__tenant=tenant).distinct()
    return signals[:count]


def latest_rewards(tenant=None, count: int = 8) -> QuerySet[Reward]:
    return rows(Reward, tenant).select_related("member", "tenant").order_by("-pk")[:count]


def open_positions(tenant=None) -> int:
    return rows(Position, tenant).filter(status=Position.Status.OPEN).count()


def fills_since(since: datetime, tenant=None) -> int:
    return rows(Fill, tenant).filter(created_at__gte=since).count()


def nodes() -> QuerySet[Node]:
    return Node.objects.order_by("code")


def profit_over_time(now: datetime, tenant=None, *, bars: int = 30) -> list[Moment]:
    """Realised profit and charges of the last bars, a minute each."""
    step = timedelta(minutes=1)
    ends_at = now.replace(second=0, microsecond=0) + step
    starts_at = ends_at - bars * step
    closes = rows(Close, tenant).filter(created_at__gte=starts_at)
    charges = rows(Charge, tenant).filter(created_at__gte=starts_at)
    profits = by_bar(closes.values_list("created_at", "profit"), starts_at, step)
    charged = by_bar(
        (
            (at, own + gift)
            for at, own, gift in charges.values_list("created_at", "from_self", "from_gift")
        ),
        starts_at,
        step,
    )
    return [Moment(starts_at + bar * step, profits[bar], charged[bar]) for bar in range(bars)]


def by_bar(
    amounts: Iterable[tuple[datetime, Decimal]], starts_at: datetime, step: timedelta
) -> Counter[int]:
    totals: Counter[int] = Counter()
    for at, amount in amounts:
        totals[(at - starts_at) // step] += amount
    return totals


def cards_of(owners: dict[str, str]) -> list[tuple[str, Decimal, Decimal]]:
    """The name, self and gift balance of each owner, in the order given."""
    kinds = [Account.Kind.SELF, Account.Kind.GIFT]
    held = balances(owners.values(), kinds)
    return [
        (name, *(held.get((owner, kind), ZERO) for kind in kinds)) for name, owner in owners.items()
    ]


def tenants() -> QuerySet[Tenant]:
    return Tenant.objects.order_by("name")
