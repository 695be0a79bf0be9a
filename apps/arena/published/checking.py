"""Published figures, counted again from what they are told of: figure by figure, and why not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose

import msgspec

from apps.arena.published.reading import Published
from apps.arena.published.shapes import BASELINE, BoardRow, Kind, ModelAnalytics
from engine.deciding.analytics import analytics, return_percent
from engine.deciding.trades import Closed, by_model, missing

RELATIVE = 1e-9
# Published to fewer digits than these are counted.
LOOSE = 1e-6
FIGURES = {
    "fee_pnl_moves_breakdown_table": "all",
    "winners_losers_breakdown_table": "all",
    "longs_shorts_breakdown_table": "all",
    "overall_trades_overview_table": (
        *("total_trades", "avg_holding_period_mins", "median_holding_period_mins"),
        *("std_holding_period_mins", "avg_size_of_trade_notional"),
        *("median_size_of_trade_notional", "std_size_of_trade_notional"),
    ),
}
# No formula that is known gives it.
UNKNOWN = {"std_taker_fee"}


class Verdict(StrEnum):
    EQUAL = "equal"
    MISMATCH = "mismatch"
    INCOMPLETE = "incomplete"
    UNTOLD = "untold"


@dataclass(frozen=True)
class Figure:
    """What was told of a model, and what it comes to."""

    model_id: str
    table: str
    name: str
    told: object
    counted: object

    @property
    def is_equal(self) -> bool:
        told, counted = self.told, self.counted
        if isinstance(told, str) or isinstance(counted, str) or told is None or counted is None:
            return told == counted
        tolerance = LOOSE if self.table in ("signals", "invocations") else RELATIVE
        return isclose(told, counted, rel_tol=tolerance, abs_tol=0.0)


@dataclass(frozen=True)
class Finding:
    """What became of one model's figures."""

    model_id: str
    verdict: Verdict
    figures: list[Figure]
    # What is missing of its trades, in words.
    missing: str = ""

    @property
    def compared(self) -> int:
        return len(self.figures)

    @property
    def wrong(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.is_equal]


@dataclass(frozen=True)
class Checked:
    models: list[Finding]
    # Rows that are taken, though something of them does not fit together: by file and name.
    odd: dict[str, dict[str, int]]

    @property
    def is_good(self) -> bool:
        return not any(one.wrong for one in self.models)

    @property
    def compared(self) -> int:
        return sum(one.compared for one in self.models)


def check(files: Iterable[Published]) -> Checked:
    """Every figure of analytics that follows from trades, and what follows inside of analytics."""
    files = list(files)
    trades = by_model(row.row for file in files if file.kind is Kind.TRADES for row in file.rows)
    told = analytics_of(files)
    board = {
        row.model_id: row.row
        for file in files
        if file.kind is Kind.LEADERBOARD
        for row in file.rows
    }
    found = [
        finding(name, told.get(name, []), trades.get(name), board.get(name))
        for name in sorted({*told, *trades, *board} - {BASELINE})
    ]
    return Checked(found, odd_of(files))


def analytics_of(files: Iterable[Published]) -> dict[str, list[ModelAnalytics]]:
    """Of each model what stands in the list, and what stands in a file of its own."""
    told: dict[str, list[ModelAnalytics]] = {}
    for file in files:
        if file.kind in (Kind.ANALYTICS, Kind.MODEL_ANALYTICS):
            for row in file.rows:
                told.setdefault(row.model_id, []).append(row.row)
    return told


def finding(
    name: str,
    told: Sequence[ModelAnalytics],
    trades: list[Closed] | None,
    line: BoardRow | None = None,
) -> Finding:
    figures = [figure for one in told for figure in inner_figures(name, one)]
    if line:
        counted = return_percent(line.equity, digits=4)
        figures.append(Figure(name, "leaderboard", "return_pct", line.return_pct, counted))
    if trades is None:
        return judged(name, Verdict.UNTOLD, figures, "no trades")
    if told:
        figures += [figure for one in told for figure in last_figures(name, one, trades)]
    totals = [one.overall_trades_overview_table.total_trades for one in told]
    lacking = missing(trades, published=max(totals) if totals else None)
    if lacking:
        return judged(name, Verdict.INCOMPLETE, figures, lacking)
    if not told:
        return judged(name, Verdict.UNTOLD, figures, "no analytics")
    counted = msgspec.to_builtins(analytics(trades))
    figures += [figure for one in told for figure in traded_figures(name, one, counted)]
    return judged(name, Verdict.EQUAL, figures)


def judged(name: str, verdict: Verdict, figures: list[Figure], lacking: str = "") -> Finding:
    is_right = all(figure.is_equal for figure in figures)
    return Finding(name, verdict if is_right else Verdict.MISMATCH, figures, lacking)


def traded_figures(
    name: str, told: ModelAnalytics, counted: Mapping[str, Mapping[str, object]]
) -> Iterator[Figure]:
    tables = msgspec.to_builtins(told)
    for table, names in FIGURES.items():
        wanted = counted[table].keys() - UNKNOWN if names == "all" else names
        for figure in sorted(wanted):
            yield Figure(name, table, figure, tables[table][figure], counted[table][figure])


def last_figures(name: str, told: ModelAnalytics, trades: Sequence[Closed]) -> Iterator[Figure]:
    """Also of a file that was cut off: what is left out are the oldest."""
    last = max(trades, key=lambda trade: trade.exit_time)
    tied = {trade.id for trade in trades if trade.exit_time == last.exit_time}
    said = told.last_trade_doc_id
    yield Figure(name, "last", "last_trade_doc_id", said, said if said in tied else last.id)
    yield Figure(name, "last", "last_trade_exit_time", told.last_trade_exit_time, last.exit_time)


def inner_figures(name: str, told: ModelAnalytics) -> Iterator[Figure]:
    """What has to be so whatever was traded and said."""
    said, woken = told.signals_breakdown_table, told.invocation_breakdown_table
    counts = {
        way: getattr(said, f"num_{way}_signals") for way in ("long", "short", "hold", "close")
    }
    total = sum(counts.values())
    sides = told.longs_shorts_breakdown_table
    trades = told.overall_trades_overview_table.total_trades
    yield Figure(
        name, "trades", "total_trades", trades, sides.num_long_trades + sides.num_short_trades
    )
    yield Figure(name, "signals", "total_signals", said.total_signals, total)
    for way, count in counts.items():
        share = 100 * count / total if total else 0
        yield Figure(
            name, "signals", f"{way}_signal_pct", getattr(said, f"{way}_signal_pct"), share
        )
    ratio = counts["long"] / counts["short"] if counts["short"] else 0
    yield Figure(name, "signals", "long_short_ratio", said.long_short_ratio, ratio)
    weighted = sum(count * getattr(said, f"avg_confidence_{way}") for way, count in counts.items())
    yield Figure(
        name, "signals", "avg_confidence", said.avg_confidence, weighted / total if total else 0
    )
    minutes = {way: getattr(said, f"mins_{way}_combined") for way in ("long", "short", "flat")}
    lasted = sum(minutes.values())
    for way, count in minutes.items():
        share = 100 * count / lasted if lasted else 0
        field = f"pct_mins_{way}_combined"
        yield Figure(name, "signals", field, getattr(said, field), share)
    run = woken.avg_invocation_break_mins * max(woken.num_invocations - 1, 0)
    # Each symbol is there all the time, so that the sum is the run's length for each of them.
    symbols = round(lasted / run) if run else 0
    yield Figure(name, "invocations", "run_mins", lasted, symbols * run)


def odd_of(files: Iterable[Published]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for file in files:
        for row in file.rows:
            for name in row.odd:
                counted = found.setdefault(file.path or file.name, {})
                counted[name] = counted.get(name, 0) + 1
    return found
