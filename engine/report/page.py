"""A report as one page that needs nothing else: no other file, no other host.

Its pictures are drawn by a script of our own in the page, in the reader's light or dark.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from engine.backtest.breakdown import Part
from engine.report.html import (
    SCRIPT,
    UNKNOWN,
    Gain,
    number,
    page,
    percent,
    section,
    table,
    tiles,
)
from engine.report.report import Columns, Report
from engine.report.words import Words

SHARES = {
    *("returned", "annualised", "volatility", "drawdown", "win_rate"),
    *("expectancy_share", "exposure"),
}
FIRST = ("returned", "drawdown", "sharpe", "win_rate", "profit_factor", "trades")
# What the script draws of trades, and what of how many of them the table tells.
DRAWN_TRADES = ("symbol", "direction", "entered_at", "left_at", "entry_price", "exit_price", "net")
TOLD = (
    *("symbol", "direction", "entered_at", "entry_price", "left_at", "exit_price"),
    *("quantity", "net", "returned", "reason"),
)
SHOWN_TRADES = 200


def html_page(report: Report, language: str = "en") -> str:
    words = Words(language)
    title = f"{words('report')}: {report.strategy}"
    parts = (
        head(report, words),
        tiles((words(name), shown(name, report.figures[name])) for name in FIRST),
        chart(report, words),
        section(words("months"), months(report, words)),
        '<div class="columns">',
        section(words("figures"), figures(report, words)),
        "<div>",
        section(words("by_direction"), parts_table(report.by_direction, words)),
        section(words("by_reason"), parts_table(report.by_reason, words)),
        section(words("parameters"), pairs(report.params, words)),
        section(words("settings"), pairs(report.settings, words)),
        section(words("refused"), pairs(report.refused, words)),
        "</div></div>",
        last_trades(report, words),
    )
    return page(title, "".join(parts), words, script=drawn(report, words))


def head(report: Report, words: Words) -> str:
    told = (
        ", ".join(report.symbols),
        report.timeframe,
        f"{moment(report.started_at)} – {moment(report.ended_at)} UTC",
        f"{report.bars:,} {words('bars')}",
    )
    return (
        f"<header><h1>{escape(report.strategy)}</h1>"
        f'<p class="faint">{escape(" · ".join(told))}</p></header>\n'
    )


def chart(report: Report, words: Words) -> str:
    symbols = "".join(f"<option>{escape(each)}</option>" for each in report.symbols)
    buttons = "".join(
        f'<button type="button" id="{name}" title="{words(name)}" aria-label="{words(name)}">'
        f"{sign}</button>"
        for name, sign in {"nearer": "+", "further": "−", "all": "↔"}.items()
    )
    return section(
        words("chart"),
        f'<div class="bar"><select id="symbol" aria-label="{words("symbol")}">{symbols}</select>'
        f'{buttons}<output id="readout"></output></div>\n'
        f'<canvas id="chart" tabindex="0" role="img" aria-label="{words("chart")}"></canvas>\n',
    )


def drawn(report: Report, words: Words) -> str:
    """What is drawn, and who draws it; no text in it can end the element it stands in."""
    told = {
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "candles": report.candles,
        "curve": report.curve,
        "trades": {name: report.trades[name] for name in DRAWN_TRADES},
        "words": {"equity": words("equity")},
    }
    text = msgspec.json.encode(told).decode().replace("<", "\\u003c")
    return f'<script type="application/json" id="told">{text}</script>\n<script>{SCRIPT}</script>\n'


def months(report: Report, words: Words) -> str:
    """One row a year; an empty month has no bars."""
    by_year: dict[str, list[str | Gain]] = {}
    for each in report.by_month:
        year, month = each.month.split("-")
        row = by_year.setdefault(year, [""] * 12)
        row[int(month) - 1] = Gain(percent(each.returned), each.returned)
    heads = [words("year"), *(f"{month:02}" for month in range(1, 13))]
    return table(heads, ([year, *row] for year, row in by_year.items()))


def figures(report: Report, words: Words) -> str:
    def rows() -> Iterator[list[str | Gain]]:
        for name, value in report.figures.items():
            chance = report.intervals.get(name)
            told = chance and f"{shown(name, chance.low)} … {shown(name, chance.high)}"
            yield [words(name), shown(name, value), told or ""]
        yield [words("wins_in_a_row"), number(report.streaks.wins), ""]
        yield [words("losses_in_a_row"), number(report.streaks.losses), ""]

    return table([words("figure"), words("value"), words("interval")], rows())


def parts_table(parts: Mapping[str, Part], words: Words) -> str:
    heads = ["", *map(words, ("trades", "win_rate", "net", "profit_factor", "held_bars"))]
    return table(
        heads,
        (
            [
                words(name),
                number(part.trades),
                percent(part.win_rate),
                Gain(number(part.net), part.net),
                number(part.profit_factor),
                number(part.bars),
            ]
            for name, part in parts.items()
        ),
    )


def pairs(values: Mapping[str, Any], words: Words) -> str:
    rows = ([words(name), plain(value)] for name, value in values.items())
    return table([words("name"), words("value")], rows)


def plain(value: Any) -> str:
    return UNKNOWN if value is None else f"{value}"


def last_trades(report: Report, words: Words) -> str:
    count = len(report.trades["net"])
    places = range(count - 1, max(-1, count - 1 - SHOWN_TRADES), -1)
    told = f"{words('last_trades')}: {len(places)} {words('of')} {count}"
    rows = ([cell_of(report.trades, place, name, words) for name in TOLD] for place in places)
    return section(told, table([words(name) for name in TOLD], rows))


def cell_of(trades: Columns, place: int, name: str, words: Words) -> str | Gain:
    value = trades[name][place]
    if name.endswith("_at"):
        return moment(value)
    if name in ("net", "returned"):
        return Gain(shown(name, value), value)
    return words(value) if isinstance(value, str) else number(value)


def shown(name: str, value: float | None) -> str:
    return percent(value) if name in SHARES else number(value)


def moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
