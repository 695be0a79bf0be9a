"""Questions about venues: what can be traded, what it cost, who holds how much."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from apps.members.models import Member
from apps.tenants.models import Tenant
from apps.venues.market import candle_store
from apps.venues.models import Feed, Venue, VenueAccount
from apps.venues.models import Instrument as InstrumentRow
from engine.candle import Candles, last_closed_bar, seconds
from engine.errors import UnknownInstrument
from engine.instrument import Instrument
from engine.money import ZERO
from engine.paper.generated import GeneratedMarket

# A price is told whenever an account is read back: one turn may be missed, and one be late.
PRICE_TURNS = 3
# How much is held open does not change by the second.
INTEREST_LASTS = timedelta(minutes=5)
# So long after a bar has closed nobody is told that it is missing.
AWAITED_SECONDS = 45


def instruments(venue: str) -> dict[str, Instrument]:
    """Everything tradable on a venue, by symbol."""
    return {row.symbol: described(row) for row in InstrumentRow.objects.filter(venue=venue)}


def instruments_of(symbol: str, venues: Iterable[str]) -> dict[str, Instrument]:
    """One symbol as each of these venues has it, by venue."""
    rows = InstrumentRow.objects.filter(symbol=symbol, venue__in=set(venues))
    return {row.venue: described(row) for row in rows}


def instrument(*, venue: str, symbol: str) -> Instrument:
    row = InstrumentRow.objects.filter(venue=venue, symbol=symbol).first()
    if row is None:
        raise UnknownInstrument(f"{venue} has not described {symbol}", venue=venue, symbol=symbol)
    return described(row)


def last_price(*, venue: str, symbol: str, now: datetime) -> Decimal | None:
    """What a symbol cost lately, good enough to size an order by; None where nobody knows."""
    if venue == Venue.PAPER:
        return GeneratedMarket().price(symbol, int(now.timestamp() * 1000))
    fresh = now - PRICE_TURNS * timedelta(seconds=settings.STATE_SECONDS)
    rows = InstrumentRow.objects.filter(venue=venue, symbol=symbol, priced_at__gte=fresh)
    return rows.values_list("last_price", flat=True).first()


def prices_seen(
    *, venue: str, symbols: Iterable[str], now: datetime
) -> dict[str, tuple[Decimal, datetime]]:
    """What each symbol cost, and when that was seen; without those that nobody has a price of."""
    if venue == Venue.PAPER:
        market, at_ms = GeneratedMarket(), int(now.timestamp() * 1000)
        known = market.instruments().keys() & set(symbols)
        return {name: (price, now) for name, price in market.prices(at_ms, sorted(known)).items()}
    rows = InstrumentRow.objects.filter(
        venue=venue, symbol__in=set(symbols), last_price__isnull=False, priced_at__isnull=False
    )
    told = rows.values_list("symbol", "last_price", "priced_at")
    return {symbol: (price, seen_at) for symbol, price, seen_at in told}


def interest_seen(
    *, venue: str, symbols: Iterable[str], now: datetime
) -> dict[str, tuple[Decimal, Decimal]]:
    """Open interest in coins and the funding rate of each symbol of which both were told lately."""
    rows = InstrumentRow.objects.filter(
        venue=venue, symbol__in=set(symbols), interest_at__gte=now - INTEREST_LASTS
    )
    return {row.symbol: (row.open_interest, row.funding) for row in rows}


def described(row: InstrumentRow) -> Instrument:
    return Instrument(
        symbol=row.symbol,
        tick=row.tick,
        step=row.step,
        min_quantity=row.min_quantity,
        min_notional=row.min_notional,
    )


def candles(*, venue: str, symbol: str, timeframe: str, bars: int, now: datetime) -> Candles:
    """The latest closed bars of a symbol on a venue.

    Of a real venue they are fetched beforehand (`feeding.py`): here nobody waits for a venue. Where
    one of them is missing, the newest included, there are none.
    """
    if venue == Venue.PAPER:
        return GeneratedMarket().candles(symbol, timeframe, bars, int(now.timestamp() * 1000))
    end = last_closed_bar(timeframe, now.timestamp()) + seconds(timeframe)
    start = end - bars * seconds(timeframe)
    return candle_store().get(venue, symbol, timeframe, start, end)


def awaited(now: datetime) -> set[tuple[str, str, str]]:
    """Series whose newest bar closed a moment ago, and is still to be fetched."""
    found = set()
    for series in Feed.objects.values_list("venue", "symbol", "timeframe", "known_until"):
        *name, known_until = series
        step = seconds(name[2])
        closed = last_closed_bar(name[2], now.timestamp()) + step
        is_known = known_until is not None and known_until.timestamp() >= closed
        if not is_known and now.timestamp() - closed < min(AWAITED_SECONDS, step):
            found.add(tuple(name))
    return found


def holdings_of_tenant(tenant: Tenant) -> dict[int, Decimal]:
    """What every member of a tenant holds who holds anything, by member id; one query for all."""
    accounts = VenueAccount.objects.of(tenant).filter(status=VenueAccount.Status.ACTIVE)
    sums = accounts.order_by().values("member").annotate(holding=Sum("equity"))
    return dict(sums.values_list("member", "holding"))


def holdings(members: Iterable[Member]) -> dict[int, Decimal]:
    """The equity of each member's active accounts together, by member id."""
    wanted = {member.pk for member in members}
    held = (
        VenueAccount.objects.across_tenants()
        .filter(member__in=wanted, status=VenueAccount.Status.ACTIVE)
        .values("member")
        .annotate(holding=Sum("equity"))
        .values_list("member", "holding")
    )
    return dict.fromkeys(wanted, ZERO) | dict(held)


def team_holding(member: Member) -> Decimal:
    """The equity of all active accounts below a member, as it is now; one query."""
    accounts = VenueAccount.objects.of(member.tenant_id).filter(
        member__path__startswith=f"{member.path}{member.pk}/", status=VenueAccount.Status.ACTIVE
    )
    return accounts.aggregate(held=Sum("equity"))["held"] or ZERO
