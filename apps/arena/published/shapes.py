"""What stands in each published file, field by field, and what cannot be.

A row is kept as the text that it came as. What is decoded here tells whether it is one, what it
is called, and whose it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from engine.deciding.analytics import (
    INITIAL,
    FeesAndPnl,
    Invocations,
    LongsShorts,
    Overview,
    Signals,
    WinnersLosers,
    return_percent,
)
from engine.deciding.trades import PublishedTrade, contradiction, near

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}")
# What is published of an account is rounded to its cents here and there.
CENT = Decimal("0.01")
BASELINE = "buynhold_btc"
Text = Annotated[str, msgspec.Meta(max_length=200)]


class Kind(TextChoices):
    TRADES = "trades", _("Trades")
    ANALYTICS = "analytics", _("Analytics")
    MODEL_ANALYTICS = "model-analytics", _("Analytics of one model")
    LEADERBOARD = "leaderboard", _("Leaderboard")
    INCEPTION = "since-inception-values", _("Values since inception")
    PRICES = "crypto-prices", _("Prices")
    POSITIONS = "positions", _("Positions")
    ACCOUNTS = "account-totals", _("Account totals")
    CONVERSATIONS = "conversations", _("Conversations")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a published file; what it does not know stays in its text."""


class Price(Row, frozen=True):
    symbol: Text
    price: Decimal
    timestamp: int


class ExitPlan(Row, frozen=True):
    profit_target: Decimal | None = None
    stop_loss: Decimal | None = None
    invalidation_condition: str | None = None


class Held(Row, frozen=True):
    """A position that is open; the shorter file leaves out what may be missing here."""

    entry_oid: int
    risk_usd: Decimal | None
    confidence: Decimal | None
    exit_plan: ExitPlan | str
    entry_time: Decimal
    symbol: Text
    entry_price: Decimal
    margin: Decimal
    leverage: int
    quantity: Decimal
    current_price: Decimal
    unrealized_pnl: Decimal
    closed_pnl: Decimal
    oid: int | None = None
    tp_oid: int | None = None
    sl_oid: int | None = None
    index_col: int | None = None
    liquidation_price: Decimal | None = None
    commission: Decimal | None = None
    slippage: Decimal | None = None
    wait_for_fill: bool | None = None


class Positions(Row, frozen=True):
    model_id: Text
    positions: dict[str, Held]


class AccountTotal(Row, frozen=True):
    id: Text
    model_id: Text
    timestamp: Decimal
    dollar_equity: Decimal
    realized_pnl: Decimal
    total_unrealized_pnl: Decimal
    cum_pnl_pct: float
    since_inception_hourly_marker: int
    since_inception_minute_marker: int
    positions: dict[str, Held]
    # The baseline has none.
    sharpe_ratio: float | None = None


class BoardRow(Row, frozen=True):
    id: Text
    num_trades: int
    sharpe: float
    win_dollars: Decimal
    num_losses: int
    lose_dollars: Decimal
    return_pct: float
    equity: Decimal
    num_wins: int


class Inception(Row, frozen=True):
    id: Text
    model_id: Text
    nav_since_inception: Decimal
    inception_date: Decimal
    num_invocations: int


class Message(Row, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: str
    timestamp: int | str | None = None


class Conversation(Row, frozen=True):
    model_id: Text
    messages: list[Message] = []
    user_prompt: str | None = None
    cot_trace: Any = None
    cot_trace_summary: str | None = None
    llm_response: Any = None
    timestamp: int | float | str | None = None
    inserted_at: int | float | str | None = None


class ModelAnalytics(Row, frozen=True):
    id: Text
    model_id: Text
    updated_at: Decimal | None
    last_trade_exit_time: Decimal | None
    last_trade_doc_id: str | None
    last_convo_doc_id: str | None
    last_convo_timestamp: Decimal | None
    fee_pnl_moves_breakdown_table: FeesAndPnl
    winners_losers_breakdown_table: WinnersLosers
    signals_breakdown_table: Signals
    invocation_breakdown_table: Invocations
    longs_shorts_breakdown_table: LongsShorts
    overall_trades_overview_table: Overview


Rule = tuple[str, str]


@dataclass(frozen=True)
class Shape:
    """A published file: where its rows stand, what they are, and what they are called."""

    envelope: str
    row: type
    model_of: Callable[[Any], str]
    key_of: Callable[[Any], str]
    # When it was, in epoch seconds; None where a row is of no moment.
    at_of: Callable[[Any], Decimal | None] = lambda row: None
    # The field and the rule that a row breaks, so that it cannot be.
    wrong: Callable[[Any], Rule | None] = lambda row: None
    # What does not fit together in a row that is taken all the same.
    odd: Callable[[Any], list[str]] = lambda row: []
    # Whether its rows stand under their names, and not in a list.
    is_map: bool = False


def wrong_trade(row: PublishedTrade) -> Rule | None:
    fields = {
        "a short's quantity": "quantity",
        "prices": "entry_price",
        "it ends": "exit_time",
        "gross": "realized_gross_pnl",
        "net": "realized_net_pnl",
        "the commission": "total_commission_dollars",
        "it is named": "id",
    }
    told = contradiction(row)
    if not told:
        return None
    words = told.removeprefix("not so: ")
    return next((f for begin, f in fields.items() if words.startswith(begin)), "row"), told


def odd_trade(row: PublishedTrade) -> list[str]:
    less_fees = row.realized_gross_pnl - row.total_commission_dollars
    return [] if near(row.realized_net_pnl, less_fees) else ["net_is_not_gross_less_fees"]


def wrong_price(row: Price) -> Rule | None:
    return None if row.price > 0 else ("price", "a price is more than zero")


def wrong_positions(row: Positions | AccountTotal) -> Rule | None:
    for name, held in row.positions.items():
        place = f"positions.{name}"
        if held.symbol != name:
            return f"{place}.symbol", "it stands under another symbol"
        if held.quantity == 0:
            return f"{place}.quantity", "a position is of more or less than zero"
        if held.entry_price <= 0:
            return f"{place}.entry_price", "a price is more than zero"
    return None


def odd_account(row: AccountTotal) -> list[str]:
    unrealized = sum((held.unrealized_pnl for held in row.positions.values()), Decimal(0))
    equity = INITIAL + row.realized_pnl + row.total_unrealized_pnl
    odd = {
        "equity_is_not_initial_and_profit": abs(row.dollar_equity - equity) > CENT,
        "unrealized_is_not_of_positions": abs(row.total_unrealized_pnl - unrealized) > CENT,
        "percent_is_not_of_equity": not same_percent(row.cum_pnl_pct, row.dollar_equity, 5),
        "id_is_not_of_its_hour": row.id != f"{row.model_id}_{row.since_inception_hourly_marker}",
    }
    return [name for name, is_so in odd.items() if is_so]


def odd_line(row: BoardRow) -> list[str]:
    is_right = same_percent(row.return_pct, row.equity, 4)
    return [] if is_right else ["return_is_not_of_equity"]


def same_percent(told: float, equity: Decimal, digits: int) -> bool:
    return abs(told - return_percent(equity, digits=digits)) <= 1e-9 * max(1.0, abs(told))


def wrong_analytics(row: ModelAnalytics) -> Rule | None:
    return None if row.id == row.model_id else ("id", "it is named after its model")


def wrong_conversation(row: Conversation) -> Rule | None:
    if row.messages or row.user_prompt is not None:
        return None
    return "messages", "nothing was said"


def said_at(row: Conversation) -> Decimal | None:
    told = [row.timestamp, row.inserted_at, *(one.timestamp for one in row.messages)]
    for one in told:
        if isinstance(one, int | float):
            return Decimal(str(one))
        if isinstance(one, str) and re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,9})?", one):
            return Decimal(one)
    return None


def talk_key(row: Conversation) -> str:
    at = said_at(row)
    return row.model_id if at is None else f"{row.model_id}_{at}"


SHAPES: dict[Kind, Shape] = {
    Kind.TRADES: Shape(
        "trades",
        PublishedTrade,
        model_of=lambda row: row.model_id,
        key_of=lambda row: row.id,
        at_of=lambda row: row.exit_time,
        wrong=wrong_trade,
        odd=odd_trade,
    ),
    Kind.ANALYTICS: Shape(
        "analytics",
        ModelAnalytics,
        model_of=lambda row: row.model_id,
        key_of=lambda row: row.model_id,
        at_of=lambda row: row.updated_at,
        wrong=wrong_analytics,
    ),
    Kind.LEADERBOARD: Shape(
        "leaderboard",
        BoardRow,
        model_of=lambda row: row.id,
        key_of=lambda row: row.id,
        odd=odd_line,
    ),
    Kind.INCEPTION: Shape(
        "sinceInceptionValues",
        Inception,
        model_of=lambda row: row.model_id,
        key_of=lambda row: row.id,
        at_of=lambda row: row.inception_date,
    ),
    Kind.PRICES: Shape(
        "prices",
        Price,
        model_of=lambda row: "",
        key_of=lambda row: row.symbol,
        at_of=lambda row: Decimal(row.timestamp) / 1000,
        wrong=wrong_price,
        is_map=True,
    ),
    Kind.POSITIONS: Shape(
        "accountTotals",
        Positions,
        model_of=lambda row: row.model_id,
        key_of=lambda row: row.model_id,
        wrong=wrong_positions,
    ),
    Kind.ACCOUNTS: Shape(
        "accountTotals",
        AccountTotal,
        model_of=lambda row: row.model_id,
        key_of=lambda row: row.id,
        at_of=lambda row: row.timestamp,
        wrong=wrong_positions,
        odd=odd_account,
    ),
    Kind.CONVERSATIONS: Shape(
        "conversations",
        Conversation,
        model_of=lambda row: row.model_id,
        key_of=talk_key,
        at_of=said_at,
        wrong=wrong_conversation,
    ),
}
SHAPES[Kind.MODEL_ANALYTICS] = SHAPES[Kind.ANALYTICS]
