"""The arena's pages: for everybody, and nothing on them can be changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps

import msgspec
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.arena import telling
from apps.arena.board import Board, Rows, Standing, board_of, open_positions, talks
from apps.arena.errors import NothingToTell
from apps.arena.published.shapes import BASELINE, Kind
from apps.arena.selectors import own_details
from engine.deciding.trades import PublishedTrade

TABS = ("positions", "trades", "conversations")
SHOWN, TALKS_SHOWN, OF_ONE = 50, 20, 25


@dataclass(frozen=True)
class Column:
    """A figure of the board: what it is called, what it means, and how it is shown."""

    name: str
    title: object
    meaning: object
    shown: str


COLUMNS = (
    Column(
        "equity",
        _("Equity"),
        _("What its account is worth: capital, realised and open profit."),
        "dollars",
    ),
    Column("returned", _("Return"), _("Equity over capital, less one."), "percent"),
    Column("pnl", _("Profit"), _("Equity less capital."), "signed"),
    Column("fees", _("Fees"), _("Paid for its completed trades."), "dollars"),
    Column("trades", _("Trades"), _("Completed trades that are told here."), "count"),
    Column(
        "win_rate", _("Win rate"), _("Of its completed trades, how many won after fees."), "percent"
    ),
    Column("best", _("Best trade"), _("Won by its best completed trade, after fees."), "signed"),
    Column(
        "worst", _("Worst trade"), _("Lost by its worst completed trade, after fees."), "signed"
    ),
    Column(
        "sharpe_steps",
        _("Sharpe (steps)"),
        _("Mean over deviation of its equity's returns from sample to sample; not annualised."),
        "ratio",
    ),
    Column(
        "sharpe_trades",
        _("Sharpe (trades)"),
        _("Mean over deviation of what each completed trade won, in money."),
        "ratio",
    ),
    Column("drawdown", _("Drawdown"), _("The deepest fall of its equity from a peak."), "percent"),
    Column("positions", _("Open"), _("Positions that are open now."), "count"),
)
TEXTS = {
    "all": _("All"),
    "baseline": _("Buy and hold BTC"),
    "capital": _("Capital"),
    "trades": _("from completed trades"),
}
Explained = Callable[..., object]


def public(view: Explained) -> Explained:
    """A page for whoever comes: in the language that they choose, and only ever read."""

    @wraps(view)
    def shown(request, **places):
        asked = request.GET.get("language", "")
        language = asked if asked in dict(settings.LANGUAGES) else translation.get_language()
        with translation.override(language):
            try:
                response = view(request, **places)
            except NothingToTell:
                response = render(request, "arena/away.html", status=NothingToTell.http_status)
        response.headers["Content-Language"] = language
        if asked == language:
            response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, samesite="Lax")
        return response

    return require_safe(shown)


@public
def arena_page(request):
    board = current_board()
    tab = chosen(request, "tab", TABS)
    sort = request.GET.get("sort", "-returned")
    about = {
        "board": board,
        "standings": in_order(board.standings, sort),
        "columns": headings(request, sort),
        "curves": curves_of(board),
        "tab": tab,
        "tabs": [(name, link(request, tab=name, page=None)) for name in TABS],
        "models": board.standings,
        "asked": request.GET,
        "clean": link(request, model=None, symbol=None, side=None, page=None),
    }
    return render(
        request, "arena/arena.html", common(request, board) | about | LISTS[tab](request, board)
    )


@public
def model_page(request, model_id):
    board = current_board()
    standing = board.standing(model_id)
    if standing is None:
        raise Http404("no such model")
    tables, is_counted = board.tables(model_id)
    told = msgspec.to_builtins(tables)
    trades = [row for row in newest(board.rows.trades) if row.model_id == model_id]
    talked = [one for one in talks(board) if one.model_id == model_id]
    about = {
        "board": board,
        "standing": standing,
        "columns": COLUMNS,
        "curves": [one for one in curves_of(board) if one["id"] in (model_id, BASELINE)],
        "tables": [(TABLES[name], told[name].items()) for name in TABLES if name in told],
        "is_counted": is_counted,
        "positions": [one for one in open_positions(board) if one.model_id == model_id],
        "trades": trades[:OF_ONE],
        "talks": talked[:TALKS_SHOWN],
        "models": board.standings,
    }
    return render(request, "arena/model.html", common(request, board) | about)


TABLES = {
    "fee_pnl_moves_breakdown_table": _("Fees and profit"),
    "winners_losers_breakdown_table": _("Winners and losers"),
    "longs_shorts_breakdown_table": _("Longs and shorts"),
    "overall_trades_overview_table": _("Trades"),
    "signals_breakdown_table": _("Signals"),
    "invocation_breakdown_table": _("Invocations"),
}


def common(request, board: Board) -> dict[str, object]:
    latest = board.latest
    return {
        "texts": {name: str(text) for name, text in TEXTS.items()},
        "languages": [
            (code, name, link(request, language=code)) for code, name in settings.LANGUAGES
        ],
        "prices": board.rows.prices,
        "latest": None if latest is None else datetime.fromtimestamp(int(latest), UTC),
        "baseline": BASELINE,
    }


# --- what is listed


def listed_positions(request, board: Board) -> dict[str, object]:
    rows = open_positions(board)
    symbols = {one.symbol for one in rows}
    rows = [one for one in rows if wanted(request, one.model_id, one.symbol, one.is_long)]
    return paged(request, rows, SHOWN) | {"symbols": sorted(symbols)}


def listed_trades(request, board: Board) -> dict[str, object]:
    symbols = {row.symbol for row in board.rows.trades}
    rows = [
        row
        for row in newest(board.rows.trades)
        if wanted(request, row.model_id, row.symbol, row.side == "long")
    ]
    return paged(request, rows, SHOWN) | {"symbols": sorted(symbols)}


def listed_talks(request, board: Board) -> dict[str, object]:
    model = request.GET.get("model", "")
    rows = [one for one in talks(board) if model in ("", one.model_id)]
    return paged(request, rows, TALKS_SHOWN)


LISTS = dict(zip(TABS, (listed_positions, listed_trades, listed_talks), strict=True))


def newest(rows: Sequence[PublishedTrade]) -> list[PublishedTrade]:
    return sorted(rows, key=lambda row: (-row.exit_time, row.id))


def wanted(request, model_id: str, symbol: str, is_long: bool) -> bool:
    asked = request.GET
    side = "long" if is_long else "short"
    return (
        asked.get("model", "") in ("", model_id)
        and asked.get("symbol", "") in ("", symbol)
        and asked.get("side", "") in ("", side)
    )


def paged(request, rows: Sequence[object], size: int) -> dict[str, object]:
    page = Paginator(rows, size).get_page(request.GET.get("page"))
    return {
        "page": page,
        "newer": link(request, page=page.number - 1) if page.has_previous() else "",
        "older": link(request, page=page.number + 1) if page.has_next() else "",
    }


def chosen(request, name: str, among: Sequence[str]) -> str:
    asked = request.GET.get(name, "")
    return asked if asked in among else among[0]


def link(request, **changes: object) -> str:
    """This page with other parameters; None takes one away."""
    query = request.GET.copy()
    query.pop("language", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"?{query.urlencode()}"


# --- the board


def headings(request, sort: str) -> list[dict[str, object]]:
    told = []
    for column in COLUMNS:
        is_down, is_up = sort == f"-{column.name}", sort == column.name
        other = column.name if is_down else f"-{column.name}"
        order = "descending" if is_down else "ascending" if is_up else "none"
        told.append({"column": column, "link": link(request, sort=other), "order": order})
    return told


def in_order(standings: list[Standing], sort: str) -> list[Standing]:
    """By a column, the best first or last; what nobody can tell is always at the end."""
    name = sort.removeprefix("-")
    if name not in {column.name for column in COLUMNS}:
        return standings
    known = [one for one in standings if getattr(one, name) is not None]
    rest = [one for one in standings if getattr(one, name) is None]
    known.sort(key=lambda one: getattr(one, name), reverse=sort.startswith("-"))
    return known + rest


def curves_of(board: Board) -> list[dict[str, object]]:
    """As the chart is drawn from: seconds and text of an amount."""
    return [
        {
            "id": curve.model_id,
            "name": curve.name,
            "basis": curve.basis,
            "colour": curve.colour,
            "initial": str(curve.initial),
            "points": [(at, shortened(value)) for at, value in curve.points],
        }
        for curve in board.curves
    ]


def shortened(value: Decimal) -> str:
    return f"{value:.2f}"


def current_board() -> Board:
    return BOARD.value()


def read_board() -> tuple[Board, int]:
    told = {kind: telling.told(kind) for kind in SHOWN_KINDS}
    rows = {kind: [line.row for line in one.lines] for kind, one in told.items()}
    is_from_files = any(one.is_from_files for one in told.values())
    names, capitals, curves = ({}, {}, {}) if is_from_files else own_details(now=timezone.now())
    board = board_of(
        Rows(
            trades=rows[Kind.TRADES],
            accounts=rows[Kind.ACCOUNTS],
            board=rows[Kind.LEADERBOARD],
            analytics=rows[Kind.ANALYTICS],
            positions={row.model_id: row.positions for row in rows[Kind.POSITIONS]},
            conversations=rows[Kind.CONVERSATIONS],
            prices={row.symbol: row.price for row in rows[Kind.PRICES]},
            names=names,
            capitals=capitals,
            curves=curves,
        ),
        is_from_files=is_from_files,
    )
    return board, telling.AWAY_SECONDS if board.is_from_files else BOARD_SECONDS


# The rows below it are as old as they may be already.
BOARD_SECONDS = 3
SHOWN_KINDS = (
    Kind.TRADES,
    Kind.ACCOUNTS,
    Kind.LEADERBOARD,
    Kind.ANALYTICS,
    Kind.POSITIONS,
    Kind.CONVERSATIONS,
    Kind.PRICES,
)
BOARD = telling.Remembered(read_board)
telling.REMEMBERED["board"] = BOARD
