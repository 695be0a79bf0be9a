"""Prices of a real venue come with its accounts, which are read back once in a while.

Whoever is about to decide, or to order, has its account read back first, and waits for it a moment.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from apps.orders.services import ask_states
from apps.traders.models import Trader
from apps.traders.selectors import limits_of, prices_for
from apps.venues.models import Venue

WAITED = timedelta(seconds=8)
PAUSE_SECONDS = 0.25


def freshen(
    trader: Trader, *, clock: Callable[[], datetime], sleep: Callable[[float], None]
) -> None:
    """Have prices asked for that are half as old as they may be; who waits in vain is refused."""
    symbols = set(trader.symbols)
    if trader.venue_account.venue == Venue.PAPER or is_fresh(trader, symbols, now=clock()):
        return
    asked_at = clock()
    if not ask_states(now=asked_at, account_ids=[trader.venue_account_id], watched=symbols):
        return
    while clock() < asked_at + WAITED and not is_fresh(trader, symbols, now=clock()):
        sleep(PAUSE_SECONDS)


def is_fresh(trader: Trader, symbols: set[str], *, now: datetime) -> bool:
    seen = prices_for([trader], symbols, now=now)
    worth = timedelta(seconds=limits_of(trader).stale_seconds / 2)
    return len(seen) == len(symbols) and all(now - at <= worth for _price, at in seen.values())
