"""What accounts did lately, as far as a limit that somebody has set looks at it.

A query for each kind of fact that is asked for, however many accounts; none where nobody asks.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Max, Q, Sum, Window
from django.db.models.functions import RowNumber

from apps.orders.models import Ticket
from apps.positions.models import Close, Position
from apps.venues.models import VenueAccount
from engine.limits import LONGEST_STREAK
from engine.money import ZERO
from engine.risk import Losses, Trades
from engine.signal import Action

NET = F("profit") - F("fee") - F("entry_fee") + F("funding")
NO_TRADES = Trades(0, 0, None)
NO_LOSSES = Losses(0, 0.0)


class Lately:
    """The facts of some accounts, by what the limits look at."""

    def __init__(self, accounts: Collection[int], look_at: Collection[str], now: datetime) -> None:
        asks = {"equity": equities, "trades": trades, "lost_today": lost, "losses": losses}
        self._known = {name: ask(accounts, now) for name, ask in asks.items() if name in look_at}

    def of(self, account: int) -> dict[str, object]:
        """What is known of one account, by the names of the facts."""
        none = {"trades": NO_TRADES, "lost_today": ZERO, "losses": NO_LOSSES}
        return {name: told.get(account, none.get(name)) for name, told in self._known.items()}


def day_of(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def equities(accounts: Collection[int], now: datetime) -> dict[int, Decimal]:
    """What each is worth, of those whose venue has told."""
    rows = VenueAccount.objects.across_tenants().filter(pk__among=accounts)
    return dict(rows.filter(equity_at__isnull=False).values_list("pk", "equity"))


def trades(accounts: Collection[int], now: datetime) -> dict[int, Trades]:
    day = day_of(now)
    week = day - timedelta(days=day.weekday())
    # On a Monday the last one, too, may be of the week before: no pause is longer than a day.
    rows = Ticket.objects.across_tenants().filter(
        venue_account__among=accounts, action=Action.OPEN, created_at__gte=week - timedelta(days=1)
    )
    counted = (
        rows.exclude(status=Ticket.Status.REFUSED)
        .order_by()
        .values_list("venue_account")
        .annotate(
            today=Count("pk", filter=Q(created_at__gte=day)),
            this_week=Count("pk", filter=Q(created_at__gte=week)),
            last=Max("created_at"),
        )
    )
    return {
        account: Trades(today, this_week, (now - last).total_seconds())
        for account, today, this_week, last in counted
    }


def lost(accounts: Collection[int], now: datetime) -> dict[int, Decimal]:
    """What the closes of the day lost together, net of fees and funding; a gain is no loss."""
    rows = Close.objects.across_tenants().filter(
        position__venue_account__among=accounts, created_at__gte=day_of(now)
    )
    sums = rows.order_by().values_list("position__venue_account").annotate(net=Sum(NET))
    return {account: max(-total, ZERO) for account, total in sums}


def losses(accounts: Collection[int], now: datetime) -> dict[int, Losses]:
    """How many of an account's last positions lost in a row, and how long ago the last one did."""
    latest = Window(RowNumber(), partition_by="venue_account", order_by=["-closed_at", "-pk"])
    rows = (
        Position.objects.across_tenants()
        .filter(venue_account__among=accounts, status=Position.Status.CLOSED)
        .annotate(place=latest)
        .filter(place__lte=LONGEST_STREAK)
        .order_by("place")
    )
    found: dict[int, Losses] = {}
    over = set()
    for account, realized, fees, funding, closed_at in rows.values_list(
        "venue_account", "realized", "fees", "funding", "closed_at"
    ):
        if realized - fees + funding >= 0:
            over.add(account)
        if account in over:
            continue
        since = (now - closed_at).total_seconds()
        before = found.get(account, Losses(0, since))
        found[account] = Losses(before.in_a_row + 1, before.seconds_since_last)
    return found
