"""What the pages show, counted from the rows that are told: lines, curves, positions, trades.

Whoever has no samples of an account is counted from completed trades, where all of them are there.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.arena.published.shapes import (
    BASELINE,
    AccountTotal,
    BoardRow,
    Conversation,
    Held,
    ModelAnalytics,
    said_at,
)
from engine.deciding.analytics import (
    INITIAL,
    Analytics,
    analytics,
    drawdown_percent,
    sharpe_of_steps,
    sharpe_of_trades,
)
from engine.deciding.trades import Closed, PublishedTrade, closed, missing
from engine.money import ZERO

# So many points of a curve are drawn; those between them are left out evenly.
MOST_POINTS = 600
Point = tuple[int, Decimal]


@dataclass(frozen=True)
class Rows:
    """Every row that is told, decoded."""

    trades: Sequence[PublishedTrade] = ()
    accounts: Sequence[AccountTotal] = ()
    board: Sequence[BoardRow] = ()
    analytics: Sequence[ModelAnalytics] = ()
    positions: Mapping[str, Mapping[str, Held]] = field(default_factory=dict)
    conversations: Sequence[Conversation] = ()
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    capitals: Mapping[str, Decimal] = field(default_factory=dict)
    # Finer than the accounts tell, where that is known.
    curves: Mapping[str, list[Point]] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """A model's line of the board; None is what nobody can tell."""

    model_id: str
    name: str
    # Where its equity is from: its account, its completed trades, or the published board.
    basis: str
    equity: Decimal | None
    returned: float | None
    pnl: Decimal | None
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    fees: Decimal
    best: Decimal | None
    worst: Decimal | None
    sharpe_steps: float | None
    sharpe_trades: float | None
    drawdown: float | None
    positions: int
    # What of its trades is not there.
    missing: str = ""
    colour: int = 0


@dataclass(frozen=True)
class Curve:
    model_id: str
    name: str
    basis: str
    colour: int
    initial: Decimal
    points: list[Point]


@dataclass(frozen=True)
class Board:
    standings: list[Standing]
    curves: list[Curve]
    rows: Rows
    is_from_files: bool = False
    trades: Mapping[str, list[Closed]] = field(default_factory=dict)
    # When the newest of it was so, in epoch seconds.
    latest: Decimal | None = None

    def standing(self, model_id: str) -> Standing | None:
        return next((one for one in self.standings if one.model_id == model_id), None)

    def tables(self, model_id: str) -> tuple[Analytics | ModelAnalytics, bool]:
        """Its analytics: as they were told, or counted from its trades; and whether counted."""
        for one in self.rows.analytics:
            if one.model_id == model_id:
                return one, False
        return analytics(self.trades.get(model_id, [])), True


def board_of(rows: Rows, *, is_from_files: bool = False) -> Board:
    trades: dict[str, list[Closed]] = defaultdict(list)
    for row in rows.trades:
        trades[row.model_id].append(closed(row))
    for each in trades.values():
        each.sort(key=lambda trade: (trade.exit_time, trade.id))
    samples: dict[str, list[AccountTotal]] = defaultdict(list)
    for row in sorted(rows.accounts, key=lambda row: row.timestamp):
        samples[row.model_id].append(row)
    board = {row.id: row for row in rows.board}
    totals = {
        row.model_id: row.overall_trades_overview_table.total_trades for row in rows.analytics
    }
    models = {*trades, *samples, *board, *totals, *rows.positions, *rows.names} - {BASELINE}
    standings, curves = [], []
    for colour, model_id in enumerate(sorted(models)):
        told = trades.get(model_id, [])
        standing, points = measured(
            model_id,
            told,
            samples.get(model_id, []),
            board.get(model_id),
            missing(told, published=totals.get(model_id)),
            rows,
            colour,
        )
        standings.append(standing)
        if points:
            initial = rows.capitals.get(model_id, INITIAL)
            curve = Curve(model_id, standing.name, standing.basis, colour, initial, thinned(points))
            curves.append(curve)
    points = rows.curves.get(BASELINE) or points_of(samples.get(BASELINE, []))
    if points:
        name = rows.names.get(BASELINE, BASELINE)
        curves.append(Curve(BASELINE, name, "account", -1, INITIAL, thinned(points)))
    moments = [row.timestamp for row in rows.accounts] + [row.exit_time for row in rows.trades]
    standings.sort(key=lambda one: (one.returned is None, -(one.returned or 0), one.model_id))
    return Board(standings, curves, rows, is_from_files, dict(trades), max(moments, default=None))


def measured(
    model_id: str,
    trades: list[Closed],
    samples: list[AccountTotal],
    line: BoardRow | None,
    lacking: str,
    rows: Rows,
    colour: int,
) -> tuple[Standing, list[Point]]:
    initial = rows.capitals.get(model_id, INITIAL)
    nets = [trade.net for trade in trades]
    wins = sum(net > 0 for net in nets)
    points = rows.curves.get(model_id) or points_of(samples)
    points = points or ([] if lacking else points_of_trades(trades, initial))
    if samples:
        basis, equity = "account", samples[-1].dollar_equity
    elif trades and not lacking:
        basis, equity = "trades", initial + sum(nets, ZERO)
    elif line:
        basis, equity = "board", line.equity
    else:
        basis, equity = "", None
    equities = [value for _at, value in points]
    standing = Standing(
        model_id=model_id,
        name=rows.names.get(model_id, model_id),
        basis=basis,
        equity=equity,
        returned=None if equity is None else 100 * ratio(equity - initial, initial),
        pnl=None if equity is None else equity - initial,
        trades=len(trades),
        wins=wins,
        losses=len(nets) - wins,
        win_rate=100 * wins / len(nets) if nets else None,
        fees=sum((trade.fees for trade in trades), ZERO),
        best=max(nets, default=None),
        worst=min(nets, default=None),
        sharpe_steps=sharpe_of_steps([row.dollar_equity for row in samples]),
        sharpe_trades=sharpe_of_trades(trades),
        drawdown=drawdown_percent([initial, *equities]) if points else None,
        positions=len(rows.positions.get(model_id, {})),
        missing=lacking,
        colour=colour,
    )
    return standing, points


def ratio(part: Decimal, whole: Decimal) -> float:
    return 0.0 if whole == 0 else int(part * 10**8 / whole) / 10**8


def points_of(samples: Iterable[AccountTotal]) -> list[Point]:
    return [(int(row.timestamp), row.dollar_equity) for row in samples]


def points_of_trades(trades: Sequence[Closed], initial: Decimal) -> list[Point]:
    """What its completed trades had come to, trade by trade, from when it began."""
    if not trades:
        return []
    equity, points = initial, [(int(min(trade.entry_time for trade in trades)), initial)]
    for trade in trades:
        equity += trade.net
        points.append((int(trade.exit_time), equity))
    return points


def thinned(points: list[Point]) -> list[Point]:
    """At most so many, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(place * step)] for place in range(MOST_POINTS)]


def since(points: list[Point], moment: int) -> list[Point]:
    return points[bisect_left(points, moment, key=lambda point: point[0]) :]


# --- what its tabs list


@dataclass(frozen=True)
class OpenPosition:
    model_id: str
    name: str
    symbol: str
    is_long: bool
    leverage: int
    quantity: Decimal
    entry_price: Decimal
    price: Decimal
    notional: Decimal
    margin: Decimal
    unrealized: Decimal
    confidence: Decimal | None
    risk: Decimal | None
    liquidation: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    invalidation: str


def open_positions(board: Board) -> list[OpenPosition]:
    found = []
    for model_id, held in board.rows.positions.items():
        for symbol, one in held.items():
            plan = one.exit_plan
            has_plan = not isinstance(plan, str)
            found.append(
                OpenPosition(
                    model_id=model_id,
                    name=board.rows.names.get(model_id, model_id),
                    symbol=symbol,
                    is_long=one.quantity > 0,
                    leverage=one.leverage,
                    quantity=abs(one.quantity),
                    entry_price=one.entry_price,
                    price=one.current_price,
                    notional=abs(one.quantity) * one.current_price,
                    margin=one.margin,
                    unrealized=one.unrealized_pnl,
                    confidence=one.confidence,
                    risk=one.risk_usd,
                    liquidation=one.liquidation_price,
                    stop=plan.stop_loss if has_plan else None,
                    target=plan.profit_target if has_plan else None,
                    invalidation=(plan.invalidation_condition or "") if has_plan else plan,
                )
            )
    return found


@dataclass(frozen=True)
class Said:
    """A decision as it was talked over."""

    key: str
    model_id: str
    name: str
    at: Decimal | None
    summary: str
    # Who said it, and what.
    messages: list[tuple[str, str]]


def talks(board: Board) -> list[Said]:
    """The newest first."""
    found = []
    for place, row in enumerate(board.rows.conversations):
        messages = [(one.role, one.content) for one in row.messages]
        if not messages:
            parts = (("user", row.user_prompt), ("assistant", row.llm_response))
            messages = [(role, text_of(said)) for role, said in parts if said is not None]
        last = next((said for role, said in reversed(messages) if role == "assistant"), "")
        at = said_at(row)
        key = f"{row.model_id}-{at if at is not None else place}"
        name = board.rows.names.get(row.model_id, row.model_id)
        summary = row.cot_trace_summary or last
        found.append(Said(key, row.model_id, name, at, summary, messages))
    return sorted(found, key=lambda one: (one.at is None, -(one.at or 0), one.key))


def text_of(said: Any) -> str:
    return said if isinstance(said, str) else str(said)
