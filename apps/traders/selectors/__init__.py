"""Questions about traders, one file for each kind."""

from apps.traders.selectors.books import Books, Held, books_of, prices_for
from apps.traders.selectors.duels import Arm, Compared, compared
from apps.traders.selectors.telling import (
    Conversation,
    conversations,
    held_told,
    holdings,
    public_traders,
    samples,
)
from apps.traders.selectors.trades import Trade, closed_trades, said, trade_rows, woken
from apps.traders.selectors.work import (
    answered_before,
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
    template_of,
)

__all__ = [
    "Arm",
    "Books",
    "Compared",
    "Conversation",
    "Held",
    "Trade",
    "answered_before",
    "as_spending",
    "books_of",
    "budget_of",
    "closed_trades",
    "compared",
    "conversations",
    "due",
    "head_of",
    "held_told",
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
    "template_of",
    "trade_rows",
    "woken",
]
