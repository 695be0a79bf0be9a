"""What a day came to, asked of the rows; and of the tallies, what was counted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, F, Min, QuerySet, Sum

from apps.ledger.models import Transfer
from apps.orders.models import Order, Ticket
from apps.orders.selectors import refusing_rule
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.rewards.models import Reward
from apps.tallies.models import Reach, Tally
from apps.venues.models import VenueAccount
from engine.money import ZERO

W = Tally.What
# Of these the rows are kept, and so they can be counted again on any later day.
KEPT = [W.MOVED, W.SHORTFALL, W.PROFIT, W.SHARED, W.ORDERS, W.REFUSED]
# Whose day, beside the orders', is counted by when they were made.
DATED = [Transfer, Close, Charge, Order, Ticket]
ZERO_SUM = (0, ZERO)


class Key(NamedTuple):
    tenant: int | None
    what: str
    which: str


Counted = dict[Key, tuple[int, Decimal]]


def route(debit: str, credit: str) -> str:
    """How points moved, as it is tallied: from one kind of account to another."""
    return f"{debit}>{credit}"


def starts_at(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def of_day(rows: QuerySet, day: date) -> QuerySet:
    """The rows that were made on a day, in no order."""
    next_day = starts_at(day + timedelta(days=1))
    return rows.filter(created_at__gte=starts_at(day), created_at__lt=next_day).order_by()


def counted(day: date) -> Counted:
    """What a day comes to by its rows, of each tenant and of everybody."""
    return with_everybody(found_on(day))


def with_everybody(found: Iterable[tuple[Key, int, Decimal | None]]) -> Counted:
    sums: dict[Key, tuple[int, Decimal]] = defaultdict(lambda: ZERO_SUM)
    for key, count, amount in found:
        for whose in (key, key._replace(tenant=None)):
            before = sums[whose]
            sums[whose] = before[0] + count, before[1] + (amount or ZERO)
    return dict(sums)


def found_on(day: date) -> Iterator[tuple[Key, int, Decimal | None]]:
    transfers = of_day(Transfer.objects.across_tenants(), day)
    for tenant, debit, credit, count, amount in sums(
        transfers, "tenant", "debit__kind", "credit__kind"
    ):
        yield Key(tenant, W.MOVED, route(debit, credit)), count, amount
    short = of_day(Charge.objects.across_tenants(), day).filter(shortfall__gt=0)
    for tenant, count, amount in sums(short, "tenant", of="shortfall"):
        yield Key(tenant, W.SHORTFALL, ""), count, amount
    net = F("profit") - F("fee") - F("entry_fee") + F("funding")
    closes = of_day(Close.objects.across_tenants(), day).annotate(net=net)
    strategy = "position__subscription__tenant_strategy__strategy"
    for tenant, which, count, amount in sums(closes, "tenant", strategy, of="net"):
        yield Key(tenant, W.PROFIT, ""), count, amount
        if which is not None:
            yield Key(tenant, W.PROFIT, str(which)), count, amount
    rewards = of_day(Reward.objects.across_tenants(), day)
    for tenant, kind, count, amount in sums(rewards, "tenant", "kind"):
        yield Key(tenant, W.SHARED, kind), count, amount
    orders = of_day(Order.objects.across_tenants(), day)
    for tenant, status, count in orders.values_list("tenant", "status").annotate(n=Count("pk")):
        yield Key(tenant, W.ORDERS, status), count, None
    refused = of_day(Ticket.objects.across_tenants(), day).filter(status=Ticket.Status.REFUSED)
    told = refused.values_list("tenant", refusing_rule()).annotate(n=Count("pk"))
    for tenant, rule, count in told:
        yield Key(tenant, W.REFUSED, rule), count, None


def sums(rows: QuerySet, *names: str, of: str = "amount") -> QuerySet:
    return rows.values_list(*names).annotate(n=Count("pk"), total=Sum(of))


def standing() -> Counted:
    """What accounts are worth now, and how many hold something else than the books say."""
    accounts = VenueAccount.objects.across_tenants().order_by()
    found = [
        (Key(tenant, W.EQUITY, ""), count, amount)
        for tenant, count, amount in sums(accounts, "tenant", of="equity")
    ]
    off = accounts.exclude(drift={}).only("tenant", "drift", "cleared_drift")
    found += [(Key(row.tenant_id, W.DRIFT, ""), 1, ZERO) for row in off if row.is_drifting]
    return with_everybody(found)


def kept(day: date) -> Counted:
    """What is written of a day, of the kinds that have rows."""
    rows = Tally.objects.filter(day=day, what__in=KEPT)
    return {
        Key(tenant, what, which): (count, amount)
        for tenant, what, which, count, amount in rows.values_list(
            "tenant", "what", "which", "count", "amount"
        )
    }


def first_day() -> date | None:
    """The day of the first row that is counted."""
    firsts = [
        model.objects.across_tenants().aggregate(at=Min("created_at"))["at"] for model in DATED
    ]
    known = [at for at in firsts if at]
    return min(known).astimezone(UTC).date() if known else None


def changed_days(since: datetime, *, before: date) -> set[date]:
    """Days before that one whose orders were told of since then."""
    late = Order.objects.across_tenants().filter(
        reported_at__gte=since, created_at__lt=starts_at(before)
    )
    return {at.astimezone(UTC).date() for at in late.values_list("created_at", flat=True)}


def reach() -> datetime | None:
    """Until when everything was counted."""
    return Reach.objects.values_list("until", flat=True).first()


def tallies(tenant, what: str, *, since: date | None = None) -> QuerySet[Tally]:
    """A tenant's counts of one kind, or everybody's."""
    rows = Tally.objects.filter(tenant=tenant, what=what)
    return rows.filter(day__gte=since) if since else rows
