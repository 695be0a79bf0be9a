"""What the dashboard asks: a bounded number of questions, each over a stretch of time."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce
from kombu import Connection
from kombu.exceptions import OperationalError

from apps.core.models import RefusedMessage
from apps.core.scope import rows
from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.market_making.models import Session
from apps.monitoring.checks.machine import queues as centre_queues
from apps.monitoring.models import Alert
from apps.nodes.models import Node
from apps.orders.models import Order, Ticket
from apps.positions.models import Close, Position
from apps.rewards.models import Reward, Withdrawal
from apps.signals.models import Signal
from apps.strategies.models import Strategy
from apps.tallies.models import Tally
from apps.tallies.selectors import route, tallies
from apps.tenants.models import Tenant
from apps.traders.models import Trader
from apps.venues.models import VenueAccount
from engine.money import ZERO
from engine.order import OrderStatus

K, W = Account.Kind, Tally.What


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved on one day, in points."""

    day: date
    issued: Decimal = ZERO
    charged: Decimal = ZERO
    rewarded: Decimal = ZERO
    paid: Decimal = ZERO
    fees: Decimal = ZERO
    shortfall: Decimal = ZERO
    profit: Decimal = ZERO
    equity: Decimal = ZERO

    @property
    def withdrawn(self) -> Decimal:
        return self.paid + self.fees


# Under what and which of it each is counted.
SERIES = {
    (W.MOVED, route(K.ISSUED, K.SELF)): "issued",
    (W.MOVED, route(K.ISSUED, K.GIFT)): "issued",
    (W.MOVED, route(K.SELF, K.POOL)): "charged",
    (W.MOVED, route(K.GIFT, K.SPENT)): "charged",
    (W.MOVED, route(K.POOL, K.REWARD)): "rewarded",
    (W.MOVED, route(K.HELD, K.PAID)): "paid",
    (W.MOVED, route(K.HELD, K.FEES)): "fees",
    (W.SHORTFALL, ""): "shortfall",
    (W.PROFIT, ""): "profit",
    (W.EQUITY, ""): "equity",
}


def moved_since(day: date, until: date, tenant=None) -> list[Moved]:
    """What moved on each of these days; one of nothing is there with zeros."""
    kinds = {what for what, _which in SERIES}
    rows_ = Tally.objects.filter(tenant=tenant, what__in=kinds, day__gte=day, day__lte=until)
    sums: dict[date, Counter[str]] = defaultdict(Counter)
    for on, what, which, amount in rows_.values_list("day", "what", "which", "amount"):
        if name := SERIES.get((what, which)):
            sums[on][name] += amount
    days = [day + timedelta(days=number) for number in range((until - day).days + 1)]
    return [Moved(on, **sums[on]) for on in days]


def charged_of_tenants(since: date) -> dict[int, tuple[Decimal, Decimal]]:
    """What was charged of each tenant's members since that day, and what could not be."""
    charged = [which for (_what, which), name in SERIES.items() if name == "charged"]
    # Named one by one: the index of a tenant's tallies serves nobody who asks for all but none.
    every = list(Tenant.objects.values_list("pk", flat=True))
    rows_ = Tally.objects.filter(tenant__in=every, day__gte=since).order_by()
    sums: dict[int, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for place, found in enumerate(
        (rows_.filter(what=W.MOVED, which__in=charged), rows_.filter(what=W.SHORTFALL))
    ):
        for tenant, total in found.values_list("tenant").annotate(Sum("amount")):
            sums[tenant][place] = total
    return {tenant: (took, short) for tenant, (took, short) in sums.items()}


def orders_by_status(tenant=None) -> dict[str, int]:
    counts = tallies(tenant, W.ORDERS).order_by().values_list("which").annotate(n=Sum("count"))
    return dict(counts)


def profit_by_strategy(since: date, tenant=None) -> list[tuple[Strategy, int, Decimal]]:
    """Closes and net profit of each strategy, the largest sums first."""
    found = tallies(tenant, W.PROFIT, since=since).exclude(which="").order_by().values_list("which")
    sums = largest(found.annotate(n=Sum("count"), total=Sum("amount")))
    named = Strategy.objects.in_bulk([int(which) for which, *_ in sums])
    return [(named[int(which)], count, total) for which, count, total in sums]


def profit_by_tenant(since: date) -> list[tuple[Tenant, int, Decimal]]:
    """Closes and net profit of each tenant, the largest sums first."""
    found = Tally.objects.filter(what=W.PROFIT, which="", day__gte=since, tenant__isnull=False)
    found = found.order_by().values_list("tenant")
    sums = largest(found.annotate(n=Sum("count"), total=Sum("amount")))
    named = Tenant.objects.in_bulk([key for key, *_ in sums])
    return [(named[key], count, total) for key, count, total in sums]


def largest(sums: Iterable[tuple], most: int = 8) -> list[tuple]:
    return sorted(sums, key=lambda row: -abs(row[-1]))[:most]


@dataclass(frozen=True, slots=True)
class Step:
    """How long one step of the walk took, of so many that were looked at."""

    count: int
    median_ms: int
    p95_ms: int


def steps_taken(since: datetime, tenant=None, *, sample: int = 1000) -> dict[str, Step]:
    """How long each step took, of the latest that went through it."""
    # By the index of the stretch: from the latest key of all, a quiet hour is looked for in vain.
    tickets = rows(Ticket, tenant).filter(created_at__gte=since).order_by("-created_at")
    # A planned ticket is marked as sent before it is written: it was made when planning began.
    made_at = Coalesce("signal__planned_at", "created_at")
    told = tickets.values_list("signal__created_at", made_at, "sent_at", "done_at")[:sample]
    closes = rows(Close, tenant).filter(created_at__gte=since).order_by("-created_at")
    settled = closes.values_list("created_at", "settled_at")[:sample]
    walked = list(told)
    spans = {
        "tickets": [(began, made) for began, made, _sent, _done in walked],
        "orders": [(made, sent) for _began, made, sent, _done in walked],
        "filled": [(sent, done) for _began, _made, sent, done in walked],
        "rewards": list(settled),
    }
    return {name: step for name, pairs in spans.items() if (step := step_of(pairs))}


def step_of(pairs: Iterable[tuple[datetime | None, datetime | None]]) -> Step | None:
    took = sorted(
        (until - since) // timedelta(milliseconds=1) for since, until in pairs if since and until
    )
    if not took:
        return None
    return Step(len(took), took[len(took) // 2], took[len(took) * 95 // 100])


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


def waiting_for_a_person(today: date, tenant=None) -> dict[str, int]:
    tickets = Counter(
        dict(
            rows(Ticket, tenant)
            .filter(status__in=[Ticket.Status.UNKNOWN, Ticket.Status.PARKED])
            .values_list("status")
            .annotate(Count("pk"))
        )
    )
    withdrawals = Counter(
        dict(
            rows(Withdrawal, tenant)
            .filter(status__in=[Withdrawal.Status.PENDING, Withdrawal.Status.APPROVED])
            .values_list("status")
            .annotate(Count("pk"))
        )
    )
    drifting = tallies(tenant, W.DRIFT, since=today).values_list("count", flat=True)
    is_open = rows(Position, tenant).filter(status=Position.Status.OPEN)
    return {
        "pending": withdrawals[Withdrawal.Status.PENDING],
        "approved": withdrawals[Withdrawal.Status.APPROVED],
        "parked": tickets[Ticket.Status.PARKED],
        "unknown": tickets[Ticket.Status.UNKNOWN],
        "failed": rows(Close, tenant).filter(status=Close.Status.FAILED).count(),
        "drifting": sum(drifting),
        "unprotected": is_open.exclude(unprotected_because="").count(),
        "halted": rows(Session, tenant).filter(status=Session.Status.HALTED).count(),
        "stuck": rows(Trader, tenant).filter(status=Trader.Status.ERROR).count(),
        "refused": 0 if tenant else RefusedMessage.objects.count(),
    }


def at_work(tenant=None) -> dict[str, int]:
    return {
        "makers": rows(Session, tenant).filter(status=Session.Status.RUNNING).count(),
        "traders": rows(Trader, tenant).filter(status=Trader.Status.RUNNING).count(),
    }


def firing_alerts() -> QuerySet[Alert]:
    """What is wrong now, the worst first; it is the platform's."""
    firing = Alert.objects.filter(status=Alert.Status.FIRING)
    return firing.select_related("rule").order_by("-severity", "-pk")


def queues(nodes: Iterable[Node]) -> dict[str, int] | None:
    """How many messages wait on each queue; None where the broker cannot be asked."""
    names = [*centre_queues(), *(node.queue for node in nodes)]
    try:
        with Connection(settings.BROKER_URL, connect_timeout=1) as line:
            line.ensure_connection(max_retries=1, timeout=1)
            channel = line.default_channel
            return {name: channel.queue_declare(name).message_count for name in names}
    except (OperationalError, OSError):
        return None


def latest_signals(tenant=None, count: int = 8, sample: int = 2000) -> QuerySet[Signal]:
    signals = Signal.objects.select_related("strategy").order_by("-pk")
    if tenant:
        # Of so many of its latest tickets, for a tenant may have any number of them.
        latest = rows(Ticket, tenant).exclude(signal=None).order_by("-pk")
        signals = signals.filter(pk__in=set(latest.values_list("signal", flat=True)[:sample]))
    return signals[:count]


def latest_rewards(tenant=None, count: int = 8) -> QuerySet[Reward]:
    found = rows(Reward, tenant).order_by("-pk")
    # Their keys first: joined at once, every reward there is would be read.
    latest = list(found.values_list("pk", flat=True)[:count])
    return found.filter(pk__in=latest).select_related("member", "tenant")


def open_positions(tenant=None) -> int:
    return rows(Position, tenant).filter(status=Position.Status.OPEN).count()


def nodes(tenant=None) -> QuerySet[Node]:
    """The nodes, or those that a tenant's accounts trade through."""
    found = Node.objects.order_by("code")
    if tenant:
        found = found.filter(pk__in=rows(VenueAccount, tenant).values("node").distinct())
    return found


def cards_of(owners: dict[str, str]) -> list[tuple[str, Decimal, Decimal]]:
    """The name, self and gift balance of each owner, in the order given."""
    kinds = [K.SELF, K.GIFT]
    held = balances(owners.values(), kinds)
    return [
        (name, *(held.get((owner, kind), ZERO) for kind in kinds)) for name, owner in owners.items()
    ]


def tenants() -> QuerySet[Tenant]:
    return Tenant.objects.order_by("name")
