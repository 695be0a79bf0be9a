"""Questions about traders, one file for each kind."""

from apps.traders.selectors.books import Books, Held, books_of, prices_for
from apps.traders.selectors.telling import (
    Conversation,
    conversations,
    holdings,
    public_traders,
    samples,
)
from apps.traders.selectors.trades import Trade, closed_trades, said, trade_rows, woken
from apps.traders.selectors.work import (
    as_spending,
    budget_of,
    due,
    head_of,
    journal_of,
    key_of,
    limits_of,
    minds_of,
    model_of,
    patience_of,
    spending_of,
    standings_of,
)

__all__ = [
    "Books",
    "Conversation",
    "Held",
    "Trade",
    "as_spending",
    "books_of",
    "budget_of",
    "closed_trades",
    "conversations",
    "due",
    "head_of",
    "holdings",
    "journal_of",
    "key_of",
    "limits_of",
    "minds_of",
    "model_of",
    "patience_of",
    "prices_for",
    "public_traders",
    "said",
    "samples",
    "spending_of",
    "standings_of",
    "trade_rows",
    "woken",
]
