"""What keeps a trader from deciding, and what takes it out of the market's way."""

from datetime import datetime, timedelta
from decimal import Decimal

from apps.core.errors import Conflict
from apps.nodes.selectors import alive_nodes
from apps.traders.models import Decision, Trader
from apps.traders.selectors import Books, budget_of, spending_of
from apps.traders.services.knowing import sharpe_of
from apps.traders.services.purse import day_of
from apps.traders.services.running import pause_trader, unready
from engine.deciding.budget import level

PERCENT = Decimal(100)


def gate(*, trader: Trader, now: datetime) -> str:
    """Why nothing is decided now; "" where nothing speaks against it."""
    if trader.pause_until and trader.pause_until > now:
        return f"it rests until {trader.pause_until:%Y-%m-%d %H:%M:%S}"
    if why := unready(trader):
        return why
    account = trader.venue_account
    if not trader.is_shadow and not alive_nodes(now).filter(pk=account.node_id).exists():
        return "the account's node is not alive"
    if level(spending_of(trader, day_of(now)), budget_of(trader)) == "spent":
        return "its budget of the day is spent"
    return rest_after_bad_steps(trader, now)


def rest_after_bad_steps(trader: Trader, now: datetime) -> str:
    if trader.sharpe_floor is None or not trader.sharpe_pause_seconds:
        return ""
    sharpe = sharpe_of(trader)
    if sharpe is None or sharpe >= trader.sharpe_floor:
        return ""
    if trader.pause_until:
        # It has rested for it: now it may try, and rests again after this turn.
        Trader.objects.of(trader.tenant_id).filter(pk=trader.pk).update(pause_until=None)
        return ""
    until = now + timedelta(seconds=trader.sharpe_pause_seconds)
    Trader.objects.of(trader.tenant_id).filter(pk=trader.pk).update(pause_until=until)
    return f"its Sharpe is {sharpe:.2f}, below {trader.sharpe_floor}"


def watch_failures(*, trader: Trader, now: datetime) -> bool:
    """Pause a trader too many of whose last decisions came to nothing."""
    rows = Decision.objects.of(trader.tenant_id).filter(
        trader=trader, number__gt=trader.counted_from
    )
    last = list(rows.order_by("-number").values_list("status", flat=True)[: trader.failure_window])
    failed = last.count(Decision.Status.FAILED)
    if len(last) < trader.failure_least or PERCENT * failed <= trader.failure_percent * len(last):
        return False
    return paused(trader, f"{failed} of its last {len(last)} decisions failed", now)


def watch_drawdown(*, trader: Trader, books: Books, now: datetime) -> bool:
    """Keep its best equity, and pause a trader that has lost too much of it."""
    equity = books.equity
    best = max(equity, trader.best_equity if trader.best_equity is not None else equity)
    if best != trader.best_equity:
        rows = Trader.objects.of(trader.tenant_id).filter(pk=trader.pk)
        rows.update(best_equity=round(best, 8))
    if not trader.drawdown_percent or best <= 0:
        return False
    lost = PERCENT * (best - equity) / best
    if lost < trader.drawdown_percent:
        return False
    return paused(trader, f"it has lost {lost:.2f} % since its best", now)


def paused(trader: Trader, reason: str, now: datetime) -> bool:
    try:
        pause_trader(trader=trader, reason=reason, now=now)
    except Conflict:
        # Somebody has paused or stopped it meanwhile.
        return False
    return True
