"""How accounts, trades and members do: comparisons over a span of days."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from msgspec import Meta, Struct

from apps.core.errors import BadInput
from apps.core.face import found, plain
from apps.core.scope import rows
from apps.ledger.models import Account
from apps.members.models import Member
from apps.orders.selectors import volume
from apps.platform.dashboard import BOOKS
from apps.platform.face import Asked, Id, Visitor, face
from apps.positions.models import Close
from apps.positions.standing import closed, midnight, standings, trades
from apps.rewards.models import Reward
from apps.strategies.models import Subscription
from apps.venues.models import VenueAccount
from engine import performance
from engine.money import ZERO, points

LONGEST_DAYS = 366
# By how many points they hold, members are told apart: from this many on.
TIERS = (Decimal(0), Decimal(100), Decimal(1000), Decimal(10_000))


class Span(Asked, kw_only=True):
    """Whole UTC days, the last 30 unless they are named."""

    first: date | None = None
    last: date | None = None
    venue_account: Id | None = None
    member: Id | None = None


def days_of(asked: Span) -> tuple[date, date]:
    last = asked.last or timezone.now().date()
    first = asked.first or last - timedelta(days=29)
    if first > last:
        raise BadInput("the first day is after the last", field="first")
    if (last - first).days >= LONGEST_DAYS:
        raise BadInput(f"the span has at most {LONGEST_DAYS} days", field="first")
    return first, last


def accounts_of(visitor: Visitor, asked: Span) -> list[int]:
    """The venue accounts that are asked about; all of a tenant's where none is named."""
    accounts = rows(VenueAccount, visitor.tenant)
    if asked.venue_account is not None:
        return [found(accounts, what="venue account", pk=asked.venue_account).pk]
    if asked.member is not None:
        member = found(rows(Member, visitor.tenant), what="member", pk=asked.member)
        accounts = accounts.filter(member=member)
    elif visitor.tenant is None:
        raise BadInput("look through a tenant, a member or a venue account", field="tenant_id")
    return list(accounts.values_list("pk", flat=True))


class Point(Struct):
    on: date
    equity: Decimal
    earned: Decimal
    returned: float
    net_value: float
    drawdown: float


class Performance(Struct):
    first: date
    last: date
    accounts: int
    # None where no snapshot was taken in the span.
    summary: performance.Performance | None
    curve: list[Point]


@face.call("GET", "api/analytics/performance", scope="venues.view_equitysnapshot")
def performance_of(visitor: Visitor, asked: Span) -> Performance:
    """Equity day by day, and what it comes to: returns, deviations, drawdowns, the worst days.

    Shares are in percent; what was paid in or out is no return. The day before the first, where
    it is known, is what the first day's return is counted from.
    """
    first, last = days_of(asked)
    accounts = accounts_of(visitor, asked)
    curve = performance.curve(standings(visitor.tenant, accounts, first=first, last=last))
    return Performance(
        first=first,
        last=last,
        accounts=len(accounts),
        summary=performance.performance(curve) if curve else None,
        curve=[Point(*each) for each in curve],
    )


class Traded(Span, kw_only=True):
    by: Literal["all", "day", "week", "month", "quarter", "year"] = "all"
    symbol: str | None = None
    strategy: Id | None = None


class Period(Struct):
    since: date
    # Bought and sold, in USDT; of the accounts asked about, whichever strategy it was for.
    volume: Decimal
    statistics: performance.Statistics


@face.call("GET", "api/analytics/statistics", scope="positions.view_position")
def statistics_of(visitor: Visitor, asked: Traded) -> list[Period]:
    """Closed trades in figures, of the whole span or of each of its periods, the latest last.

    A trade is a position that was closed in the period; a period without one is left out.
    """
    first, last = days_of(asked)
    accounts = accounts_of(visitor, asked)
    which: dict[str, object] = {"venue_account__in": accounts}
    if asked.symbol is not None:
        which["symbol"] = asked.symbol
    if asked.strategy is not None:
        which["subscription__tenant_strategy__strategy"] = asked.strategy
    ended: dict[date, list[performance.Trade]] = defaultdict(list)
    for at, trade in trades(closed(visitor.tenant, first=first, last=last, **which)):
        ended[max(first, beginning(at.date(), asked.by, first=first))].append(trade)
    traded: dict[date, Decimal] = defaultdict(lambda: ZERO)
    begin, end = midnight(first), midnight(last + timedelta(days=1))
    for on, amount in volume(visitor.tenant, accounts, asked.symbol, since=begin, until=end):
        traded[max(first, beginning(on, asked.by, first=first))] += amount
    return [
        Period(since, points(traded[since]), performance.statistics(ended[since]))
        for since in sorted(ended)
    ]


def beginning(on: date, by: str, *, first: date) -> date:
    """The first day of the period that this day lies in."""
    match by:
        case "day":
            return on
        case "week":
            return on - timedelta(days=on.weekday())
        case "month":
            return on.replace(day=1)
        case "quarter":
            return on.replace(month=(on.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return on.replace(month=1, day=1)
        case _:
            return first


class Recent(Asked):
    days: Annotated[int, Meta(ge=1, le=90)] = 30


class Tier(Struct):
    # Members who hold more points than `above`, and at most `most`; none is no limit.
    above: Decimal | None
    most: Decimal | None
    members: int


class Members(Struct):
    members: int
    active: int
    joined: int
    trading: int
    funded: int
    market_nodes: int
    tiers: list[Tier]


@face.call("GET", "api/analytics/members", scope=BOOKS)
def members_of(visitor: Visitor, asked: Recent) -> Members:
    """How many members there are, who of them trades, and what they hold; roots are not counted."""
    everybody = rows(Member, visitor.tenant).filter(root_of=None)
    since = timezone.now() - timedelta(days=asked.days)
    running = rows(Subscription, visitor.tenant).filter(status=Subscription.Status.ACTIVE)
    counted = everybody.aggregate(
        all=Count("pk"),
        active=Count("pk", filter=Q(status=Member.Status.ACTIVE)),
        joined=Count("pk", filter=Q(created_at__gte=since)),
        market_nodes=Count("pk", filter=Q(is_market_node=True)),
    )
    holding = sorted(balance for balance in holdings(visitor).values() if balance > 0)
    held = [sum(balance > least for balance in holding) for least in TIERS]
    return Members(
        members=counted["all"],
        active=counted["active"],
        joined=counted["joined"],
        trading=running.order_by().values("venue_account__member").distinct().count(),
        funded=len(holding),
        market_nodes=counted["market_nodes"],
        tiers=[
            Tier(None, ZERO, counted["all"] - len(holding)),
            *(
                Tier(above, most, here - beyond)
                for above, most, here, beyond in zip(
                    TIERS, [*TIERS[1:], None], held, [*held[1:], 0], strict=True
                )
            ),
        ],
    )


def holdings(visitor: Visitor) -> dict[str, Decimal]:
    """Self and gift points together, by a member's name on the ledger."""
    cards = rows(Account, visitor.tenant).filter(
        kind__in=[Account.Kind.SELF, Account.Kind.GIFT], owner__startswith="member:"
    )
    sums = cards.order_by().values("owner").annotate(held=Sum(F("credits") - F("debits")))
    return dict(sums.values_list("owner", "held"))


class Ranked(Recent):
    by: Literal["points", "rewards", "profit", "trades"] = "points"
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Rank(Struct):
    rank: int
    member: int
    email: str
    value: Decimal


@face.call("GET", "api/analytics/ranking", scope=BOOKS)
def ranking_of(visitor: Visitor, asked: Ranked) -> list[Rank]:
    """The members who are first in what they hold now, or in what the last days brought them."""
    since = timezone.now() - timedelta(days=asked.days)
    best = sorted(values_of(visitor, asked.by, since).items(), key=lambda each: (-each[1], each[0]))
    best = best[: asked.limit]
    people = rows(Member, visitor.tenant).in_bulk([member for member, _ in best])
    return [
        Rank(place, member, people[member].email, plain(value))
        for place, (member, value) in enumerate(best, 1)
    ]


def values_of(visitor: Visitor, by: str, since: datetime) -> dict[int, Decimal]:
    """What members are ranked by, above nothing; whoever is nobody's member has no rank."""
    match by:
        case "points":
            values = {
                int(owner.removeprefix("member:")): held
                for owner, held in holdings(visitor).items()
            }
        case "rewards":
            rewards = rows(Reward, visitor.tenant).filter(created_at__gte=since)
            values = dict(
                rewards.order_by()
                .values("member")
                .annotate(value=Sum("amount"))
                .values_list("member", "value")
            )
        case _:
            closes = rows(Close, visitor.tenant).filter(created_at__gte=since).order_by()
            what = Count("position", distinct=True) if by == "trades" else Sum("profit")
            member = "position__venue_account__member"
            values = dict(closes.values(member).annotate(value=what).values_list(member, "value"))
    roots = set(rows(Member, visitor.tenant).exclude(root_of=None).values_list("pk", flat=True))
    return {
        member: Decimal(value)
        for member, value in values.items()
        if value > 0 and member not in roots
    }
