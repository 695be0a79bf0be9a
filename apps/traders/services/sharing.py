"""A manager gives its traders their capital, and moves it between them on its interval."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.traders.models import Allocation, Manager, Sample, Trader
from apps.traders.selectors import Books, books_of, closed_trades
from apps.traders.services.knowing import sharpe_of
from apps.traders.shares import HUNDRED, Standing, Terms, TooTight, shares_of
from engine.money import ZERO, points

# Figures older than that are none, and nothing is moved by them.
FRESH = timedelta(minutes=5)
LEAST_CAPITAL = Decimal(1)


@retried
@transaction.atomic
def join_manager(
    *, trader: Trader, manager: Manager, share_percent: Decimal, now: datetime
) -> Trader:
    """Put a trader under a manager: it is given its share of the manager's capital."""
    manager = Manager.objects.of(manager.tenant_id).select_for_update().get(pk=manager.pk)
    if trader.tenant_id != manager.tenant_id:
        raise BadInput("the trader is another tenant's", field="trader")
    traders = locked_traders(manager)
    if any(one.pk == trader.pk for one in traders):
        raise Conflict("the trader is under this manager already", field="trader")
    if trader.manager_id:
        raise Conflict("the trader is under another manager", field="trader")
    trader = Trader.objects.of(trader.tenant_id).select_for_update().get(pk=trader.pk)
    told = sum((one.share_percent for one in traders), ZERO) + share_percent
    if not share_percent.is_finite() or share_percent <= 0:
        raise BadInput("a share is more than zero", field="share_percent")
    if told > HUNDRED - manager.reserve_percent:
        left = HUNDRED - manager.reserve_percent
        raise BadInput(f"they would have {told} % of {left}", field="share_percent")
    books = books_of([*traders, trader], now=now)
    if books[trader.pk].held:
        raise Conflict("the trader holds positions: close them first", field="trader")
    whole = manager.total + sum((profit_of(books[one.pk]) for one in traders), ZERO)
    capital = points(whole * share_percent / HUNDRED - profit_of(books[trader.pk]))
    trader.manager = manager
    give(manager, trader, capital, share_percent, {"total": str(whole), "joined": True})
    audit.record("trader.joined", trader, after={"manager": manager.name})
    return trader


def share_out_due(*, now: datetime) -> int:
    """Managers whose interval is over share out anew; how many did."""
    rows = Manager.objects.across_tenants().filter(is_active=True, next_at__lte=now)
    managers = list(rows.order_by("next_at"))
    for manager in managers:
        share_out(manager=manager, now=now)
    return len(managers)


@retried
@transaction.atomic
def share_out(*, manager: Manager, now: datetime) -> list[Allocation]:
    """Move capital between a manager's traders, as its strategy says; each move is kept."""
    manager = Manager.objects.of(manager.tenant_id).select_for_update().get(pk=manager.pk)
    traders = locked_traders(manager)
    books = books_of(traders, now=now)
    whole = manager.total + sum((profit_of(book) for book in books.values()), ZERO)
    made, problem = [], stale(traders, now)
    if not problem and whole <= 0:
        problem = "nothing is left to share out"
    if not problem:
        try:
            made = moved(manager, traders, books, whole)
        except TooTight as error:
            problem = str(error)
    manager.problem = problem
    manager.next_at = now + timedelta(seconds=manager.interval_seconds)
    manager.save(update_fields=["problem", "next_at"])
    if made:
        after = {one.trader.code: str(one.share_after) for one in made}
        audit.record("manager.shared_out", manager, after=after)
    return made


# Inside.


def moved(
    manager: Manager, traders: list[Trader], books: dict[int, Books], whole: Decimal
) -> list[Allocation]:
    standings = {one.code: standing_of(one, books[one.pk], whole) for one in traders}
    shares = shares_of(terms_of(manager), standings)
    made = []
    for trader in traders:
        share = shares[trader.code]
        capital = points(whole * share / HUNDRED - profit_of(books[trader.pk]))
        if capital != trader.capital:
            inputs = {"total": str(whole), **inputs_of(standings[trader.code])}
            made.append(give(manager, trader, capital, share, inputs))
    return made


def standing_of(trader: Trader, books: Books, whole: Decimal) -> Standing:
    equity, best = books.equity, max(trader.best_equity or books.equity, books.equity)
    sharpe = sharpe_of(trader)
    # Its margin, and so much that its capital stays more than zero.
    needed = max(books.margin_used, profit_of(books) + LEAST_CAPITAL, ZERO)
    return Standing(
        told=trader.share_percent,
        now=HUNDRED * equity / whole,
        needed=HUNDRED * needed / whole,
        trades=len(closed_trades(trader)),
        sharpe=None if sharpe is None else Decimal(str(sharpe)),
        drawdown=max((best - equity) / best, ZERO) if best > 0 else ZERO,
        used=books.margin_used / equity if equity > 0 else ZERO,
    )


def inputs_of(standing: Standing) -> dict[str, object]:
    return {
        name: None if (value := getattr(standing, name)) is None else str(value)
        for name in Standing.__slots__
    }


def terms_of(manager: Manager) -> Terms:
    return Terms(
        strategy=manager.strategy,
        reserve=manager.reserve_percent,
        least=manager.least_percent,
        most=manager.most_percent,
        step=manager.step_percent,
        least_trades=manager.least_trades,
    )


def give(
    manager: Manager, trader: Trader, capital: Decimal, share: Decimal, inputs: dict[str, object]
) -> Allocation:
    allocation = Allocation.objects.of(manager.tenant_id).create(
        manager=manager,
        trader=trader,
        capital_before=trader.capital,
        capital_after=capital,
        share_before=trader.share_percent,
        share_after=share,
        inputs=inputs,
    )
    if trader.best_equity is not None:
        # What was given or taken is neither won nor lost.
        trader.best_equity += capital - trader.capital
    trader.capital = capital
    if manager.strategy != Manager.Strategy.FIXED or inputs.get("joined"):
        trader.share_percent = share
    trader.save(update_fields=["manager", "capital", "share_percent", "best_equity"])
    return allocation


def stale(traders: list[Trader], now: datetime) -> str:
    """Whose figures are too old, if anybody's are."""
    deciding = [one for one in traders if one.status == Trader.Status.RUNNING]
    newest = dict(
        Sample.objects.across_tenants()
        .filter(trader__in=[one.pk for one in deciding])
        .order_by()
        .values_list("trader")
        .annotate(newest=Max("at"))
    )
    late = [one for one in deciding if not (at := newest.get(one.pk)) or at < now - FRESH]
    return f"nothing is known of {late[0].code} lately" if late else ""


def profit_of(books: Books) -> Decimal:
    return books.realised + books.unrealised


def locked_traders(manager: Manager) -> list[Trader]:
    rows = Trader.objects.of(manager.tenant_id).select_for_update()
    return list(rows.filter(manager=manager).order_by("pk"))
