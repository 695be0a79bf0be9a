"""Numbers of the whole: what there is, what moved by day, and how the platform does."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from msgspec import Meta, Struct

from apps.core.face import plain
from apps.core.models import RefusedMessage
from apps.core.scope import rows
from apps.ledger.models import Account
from apps.members.models import Member
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Order, Ticket
from apps.platform.face import PLATFORM, Asked, Visitor, face
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Pool, Withdrawal
from apps.strategies.models import Subscription
from apps.tenants.models import Tenant
from engine.money import ZERO

Kind = Account.Kind
# These are sums of the books: whoever may not see the lines may not see what they come to.
BOOKS = "ledger.view_account"


class Nothing(Asked):
    pass


class Summary(Struct):
    tenants: int
    active_tenants: int
    members: int
    orders: int
    open_positions: int
    active_subscriptions: int
    pending_withdrawals: int
    nodes: int
    nodes_alive: int
    cards_held: Decimal
    rewards_owed: Decimal


@face.call("GET", "api/dashboard/summary", scope=BOOKS)
def summary(visitor: Visitor, asked: Nothing) -> Summary:
    """What there is at this moment."""
    tenants = Tenant.objects.all()
    if visitor.tenant:
        tenants = tenants.filter(pk=visitor.tenant.pk)
    waiting = Withdrawal.Status.PENDING
    return Summary(
        tenants=tenants.count(),
        active_tenants=tenants.filter(status=Tenant.Status.ACTIVE).count(),
        members=rows(Member, visitor.tenant).count(),
        orders=rows(Order, visitor.tenant).count(),
        open_positions=rows(Position, visitor.tenant).filter(status=Position.Status.OPEN).count(),
        active_subscriptions=rows(Subscription, visitor.tenant)
        .filter(status=Subscription.Status.ACTIVE)
        .count(),
        pending_withdrawals=rows(Withdrawal, visitor.tenant).filter(status=waiting).count(),
        nodes=Node.objects.count(),
        nodes_alive=len(alive_nodes(timezone.now())),
        cards_held=held(visitor, [Kind.SELF, Kind.GIFT]),
        rewards_owed=held(visitor, [Kind.REWARD, Kind.HELD]),
    )


def held(visitor: Visitor, kinds: list[str]) -> Decimal:
    accounts = rows(Account, visitor.tenant).filter(kind__in=kinds, owner__startswith="member:")
    sums = accounts.aggregate(credits=Sum("credits"), debits=Sum("debits"))
    return plain((sums["credits"] or ZERO) - (sums["debits"] or ZERO))


class Span(Asked):
    days: Annotated[int, Meta(ge=1, le=90)] = 30


class Day(Struct):
    on: date
    new_members: int
    orders: int
    closes: int
    realized: Decimal
    charged: Decimal
    shared_out: Decimal


@face.call("GET", "api/dashboard/trends", scope=BOOKS)
def trends(visitor: Visitor, asked: Span) -> list[Day]:
    """What happened on each of the last days, in UTC; a day of nothing is there with zeros."""
    today = timezone.now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(asked.days))]
    since = datetime.combine(days[0], datetime.min.time(), tzinfo=timezone.get_default_timezone())
    members = by_day(rows(Member, visitor.tenant), since)
    orders = by_day(rows(Order, visitor.tenant), since)
    closes = by_day(rows(Close, visitor.tenant), since)
    realized = by_day(rows(Close, visitor.tenant), since, "profit")
    own, gift = (
        by_day(rows(Charge, visitor.tenant), since, kind) for kind in ("from_self", "from_gift")
    )
    shared = by_day(rows(Pool, visitor.tenant), since, "amount")
    return [
        Day(
            on=day,
            new_members=members[day],
            orders=orders[day],
            closes=closes[day],
            realized=plain(realized[day]),
            charged=plain(own[day] + gift[day]),
            shared_out=plain(shared[day]),
        )
        for day in days
    ]


def by_day(found: QuerySet, since: datetime, column: str = "") -> Counter:
    """How many there were on each day, or what a column came to."""
    dated = found.filter(created_at__gte=since).order_by().annotate(on=TruncDate("created_at"))
    what = Sum(column) if column else Count("pk")
    return Counter(dict(dated.values("on").annotate(n=what).values_list("on", "n")))


class Check(Struct):
    name: str
    is_well: bool
    told: str


@face.call("GET", "api/monitoring/status", scope="nodes.view_node", only=PLATFORM)
def status(visitor: Visitor, asked: Nothing) -> list[Check]:
    """What waits for a person, and whether nodes and books keep up."""
    now = timezone.now()
    alive = {node.pk for node in alive_nodes(now)}
    silent = [
        node.code for node in Node.objects.filter(status=Node.Status.ACTIVE) if node.pk not in alive
    ]
    stuck = Ticket.objects.across_tenants().filter(
        status__in=[Ticket.Status.UNKNOWN, Ticket.Status.PARKED]
    )
    failed = Close.objects.across_tenants().filter(status=Close.Status.FAILED)
    late = Close.objects.across_tenants().filter(
        status=Close.Status.UNSETTLED,
        # Those of a suspended one wait until it is resumed.
        tenant__status=Tenant.Status.ACTIVE,
        created_at__lt=now - timedelta(seconds=10 * settings.SWEEP_AFTER_SECONDS),
    )
    return [
        Check("nodes", not silent, f"silent: {', '.join(silent)}" if silent else "all heard"),
        counted("tickets without an answer", stuck),
        counted("closes that failed to settle", failed),
        counted("closes that wait too long", late),
        counted("refused messages", RefusedMessage.objects.all()),
    ]


def counted(name: str, found: QuerySet) -> Check:
    number = found.count()
    return Check(name, number == 0, f"{number}")
