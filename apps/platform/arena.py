"""What the arena tells, with filters: the same rows as its published calls, page by page."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from apps.arena import telling
from apps.arena.board import OpenPosition, Standing, open_positions
from apps.arena.pages import current_board
from apps.arena.published.shapes import AccountTotal, Conversation, Kind, ModelAnalytics, said_at
from apps.platform.face import Asked, Rows, Visitor, face
from apps.platform.listing import PageNumber, PageSize
from engine.deciding.trades import PublishedTrade

VIEW = "arena.view_record"
T = TypeVar("T")
Name = Annotated[str, Meta(max_length=64)]
# Epoch seconds, as the rows tell them.
Seconds = Annotated[int, Meta(ge=0, le=7_258_118_400)]
Hour = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Paged(Asked, kw_only=True):
    model: Name | None = None
    page: PageNumber = 1
    page_size: PageSize = 20


def page_of(rows: Sequence[T], asked: Paged) -> Rows:
    start = (asked.page - 1) * asked.page_size
    shown = rows[start : start + asked.page_size]
    more = len(rows) > start + asked.page_size
    return Rows(shown, len(rows), asked.page, asked.page_size, more=more)


def rows_told(kind: Kind, model: str | None) -> list:
    lines = telling.told(kind).lines
    return [line.row for line in lines if model in (None, line.model_id)]


class Line(Struct):
    """A line of the board; null is what nobody can tell."""

    model_id: str
    name: str
    # Where its equity is from: `account`, its completed `trades`, or the published `board`.
    basis: str
    equity: Decimal | None
    return_percent: float | None
    profit: Decimal | None
    fees: Decimal
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    best_trade: Decimal | None
    worst_trade: Decimal | None
    sharpe_of_steps: float | None
    sharpe_of_trades: float | None
    drawdown_percent: float | None
    open_positions: int
    # What of its trades is not there, as "100 of 158".
    missing: str


@face.call("GET", "api/arena/leaderboard", scope=VIEW)
def arena_leaderboard(visitor: Visitor, asked: Asked) -> list[Line]:
    """Every model that the arena shows, the best return first."""
    return [line_of(one) for one in current_board().standings]


def line_of(one: Standing) -> Line:
    return Line(
        one.model_id,
        one.name,
        one.basis,
        one.equity,
        one.returned,
        one.pnl,
        one.fees,
        one.trades,
        one.wins,
        one.losses,
        one.win_rate,
        one.best,
        one.worst,
        one.sharpe_steps,
        one.sharpe_trades,
        one.drawdown,
        one.positions,
        one.missing,
    )


class TradesAsked(Paged, kw_only=True):
    symbol: Name | None = None
    side: Literal["long", "short"] | None = None
    # Closed at this second or later, and before that one.
    since: Seconds | None = None
    until: Seconds | None = None


@face.call("GET", "api/arena/trades", scope=VIEW)
def arena_trades(visitor: Visitor, asked: TradesAsked) -> Rows[PublishedTrade]:
    """Completed trades, the newest first."""
    rows = [
        row
        for row in rows_told(Kind.TRADES, asked.model)
        if asked.symbol in (None, row.symbol)
        and asked.side in (None, row.side)
        and (asked.since is None or row.exit_time >= asked.since)
        and (asked.until is None or row.exit_time < asked.until)
    ]
    rows.sort(key=lambda row: (-row.exit_time, row.id))
    return page_of(rows, asked)


class PositionsAsked(Paged, kw_only=True):
    symbol: Name | None = None
    side: Literal["long", "short"] | None = None


class Position(Struct):
    """An open position with the plan that it was opened by."""

    model_id: str
    symbol: str
    side: str
    leverage: int
    quantity: Decimal
    entry_price: Decimal
    price: Decimal
    margin: Decimal
    unrealized: Decimal
    confidence: Decimal | None
    risk: Decimal | None
    liquidation: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    invalidation: str


@face.call("GET", "api/arena/positions", scope=VIEW)
def arena_positions(visitor: Visitor, asked: PositionsAsked) -> Rows[Position]:
    """Open positions, with their exit plans."""
    rows = [
        position_of(one)
        for one in open_positions(current_board())
        if asked.model in (None, one.model_id) and asked.symbol in (None, one.symbol)
    ]
    return page_of([row for row in rows if asked.side in (None, row.side)], asked)


def position_of(one: OpenPosition) -> Position:
    return Position(
        one.model_id,
        one.symbol,
        "long" if one.is_long else "short",
        one.leverage,
        one.quantity,
        one.entry_price,
        one.price,
        one.margin,
        one.unrealized,
        one.confidence,
        one.risk,
        one.liquidation,
        one.stop,
        one.target,
        one.invalidation,
    )


class AccountsAsked(Paged, kw_only=True):
    since_hour: Hour = 0


@face.call("GET", "api/arena/account-totals", scope=VIEW)
def arena_accounts(visitor: Visitor, asked: AccountsAsked) -> Rows[AccountTotal]:
    """What accounts were worth, hour by hour; the newest first."""
    rows = [
        row
        for row in rows_told(Kind.ACCOUNTS, asked.model)
        if row.since_inception_hourly_marker >= asked.since_hour
    ]
    rows.sort(key=lambda row: (-row.timestamp, row.id))
    return page_of(rows, asked)


@face.call("GET", "api/arena/analytics", scope=VIEW)
def arena_analytics(visitor: Visitor, asked: Paged) -> Rows[ModelAnalytics]:
    """Six tables of each model."""
    return page_of(rows_told(Kind.ANALYTICS, asked.model), asked)


@face.call("GET", "api/arena/conversations", scope=VIEW)
def arena_conversations(visitor: Visitor, asked: Paged) -> Rows[Conversation]:
    """What models were told and answered, the newest first."""
    rows = rows_told(Kind.CONVERSATIONS, asked.model)
    rows.sort(key=lambda row: -(said_at(row) or 0))
    return page_of(rows, asked)
