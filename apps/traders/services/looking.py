"""Between decisions: what each is worth, by the minute, and whether a stop in the shadow is hit."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max

from apps.traders.models import Sample, Shade, Trader
from apps.traders.selectors import Books, books_of, held_told, prices_for
from apps.traders.services.acting import close_shade
from apps.traders.services.guarding import watch_drawdown
from engine.money import points
from engine.signal import Direction

MINUTES_KEPT = timedelta(days=7)
CHUNK = 5000


def look(*, now: datetime) -> None:
    """Every few seconds: stops in the shadow, a sample a minute, and who has lost too much."""
    close_shades(now=now)
    began = Trader.objects.across_tenants().filter(began_at__isnull=False)
    traders = list(began.exclude(status=Trader.Status.STOPPED).select_related("venue_account"))
    books = books_of(traders, now=now)
    keep_samples(list(books.values()), now=now)
    for book in books.values():
        watch_drawdown(trader=book.trader, books=book, now=now)


def close_shades(*, now: datetime) -> int:
    """Close what would have been closed by its stop or target; how many were."""
    rows = Shade.objects.across_tenants().filter(closed_at__isnull=True)
    shades = list(rows.select_related("trader__venue_account"))
    seen = prices_for(
        [shade.trader for shade in shades], {shade.symbol for shade in shades}, now=now
    )
    closed = 0
    for shade in shades:
        price = seen.get((shade.trader.venue_account.venue, shade.symbol))
        if price and (by := reached(shade, price[0])):
            closed += close_shade(shade, price=worse(shade, price[0], by), by=by, now=now)
    return closed


def reached(shade: Shade, price: Decimal) -> str:
    is_long = shade.direction == Direction.LONG
    if price <= shade.stop if is_long else price >= shade.stop:
        return "stop"
    return "target" if (price >= shade.target if is_long else price <= shade.target) else ""


def worse(shade: Shade, price: Decimal, by: str) -> Decimal:
    """A stop is filled where the market is by then; a target where it stands, and not better."""
    return price if by == "stop" else shade.target


def keep_samples(books: list[Books], *, now: datetime) -> None:
    """One a minute of each, whoever looks first."""
    rows = [sample_of(book, now) for book in books]
    newest = {
        (trader, minute)
        for trader, minute in Sample.objects.across_tenants()
        .filter(trader__in=[row.trader_id for row in rows], at__gte=now - timedelta(minutes=2))
        .values_list("trader", "minute")
    }
    new = [row for row in rows if (row.trader_id, row.minute) not in newest]
    if new:
        Sample.objects.across_tenants().bulk_create(new, ignore_conflicts=True)


def sample_of(book: Books, now: datetime) -> Sample:
    trader = book.trader
    minutes = int((now - trader.began_at).total_seconds()) // 60
    realised, unrealised = points(book.realised), points(book.unrealised)
    return Sample(
        tenant_id=trader.tenant_id,
        trader=trader,
        at=now,
        capital=trader.capital,
        equity=trader.capital + realised + unrealised,
        realised=realised,
        unrealised=unrealised,
        hour=minutes // 60,
        minute=minutes,
        positions={one.symbol: held_told(one) for one in book.held},
    )


def prune(*, now: datetime) -> int:
    """Forget old samples but the last of each hour; how many went."""
    rows = Sample.objects.across_tenants()
    old = rows.filter(at__lt=now - MINUTES_KEPT)
    last = old.order_by().values("trader", "hour").annotate(kept=Max("pk"))
    kept = set(last.values_list("kept", flat=True))
    going = [pk for pk in old.order_by().values_list("pk", flat=True) if pk not in kept]
    for begin in range(0, len(going), CHUNK):
        rows.filter(pk__in=going[begin : begin + CHUNK]).delete()
    return len(going)
