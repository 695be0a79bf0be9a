"""A replay as one page that needs nothing else: what it came to, and how it went."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.making.replaying.replay import Deal, Outcome
from engine.making.replaying.sweep import Trial
from engine.report.html import UNKNOWN, Gain, number, page, section, table, tiles
from engine.report.svg import line
from engine.report.thin import kept_places
from engine.report.words import Words
from engine.signal import Side

Floats = NDArray[np.float64]
# Points of a picture, and fills of the table.
POINTS, SHOWN = 1200, 200
MARKOUTS = (1, 5, 30)
FIRST = ("pnl_traded", "wear_per_10k", "fills", "volume", "fee_total", "drawdown_deepest")


def replay_page(outcome: Outcome, title: str, language: str = "en") -> str:
    words = Words(language)
    told = figures_of(outcome)
    span = f"{moment(outcome.series[0, 0])} – {moment(outcome.series[-1, 0])} UTC"
    about = (outcome.grid.symbol, span, f"{outcome.rows:,} {words('rows')}")
    parts = (
        f"<header><h1>{escape(title)}</h1>"
        f'<p class="faint">{escape(" · ".join(about))}</p></header>\n',
        tiles((words(name), plain(told[name])) for name in FIRST),
        section(words("worth"), picture(outcome, 5)),
        section(words("inventory"), picture(outcome, 4)),
        section(words("mid_and_fills"), mids(outcome)),
        '<div class="columns">',
        section(words("figures"), pairs(told, words)),
        "<div>",
        section(words("markouts"), markouts(outcome, words)),
        section(words("terms"), pairs(msgspec.to_builtins(outcome.terms), words)),
        section(words("parameters"), pairs(msgspec.to_builtins(outcome.params), words)),
        "</div></div>",
        section(words("last_fills"), deals(outcome, words)),
    )
    return page(title, "".join(parts), words)


def sweep_page(trials: Sequence[Trial], title: str, language: str = "en") -> str:
    words = Words(language)
    names = list(trials[0].values) if trials else []
    shown = ("pnl_traded", "wear_per_10k", "fills", "volume", "drawdown_deepest")
    rows: list[list[str | Gain]] = []
    for trial in sorted(trials, key=lambda one: -one.outcome.figures.pnl_traded):
        told = figures_of(trial.outcome)
        gain = told["pnl_traded"]
        rows.append(
            [
                *(f"{trial.values[name]}" for name in names),
                Gain(plain(gain), float(gain)),
                *(plain(told[name]) for name in shown[1:]),
            ]
        )
    body = f"<header><h1>{escape(title)}</h1></header>\n"
    heads = [*(words(name) for name in names), *map(words, shown)]
    return page(title, body + section(words("trial_list"), table(heads, rows)), words)


def figures_of(outcome: Outcome) -> dict[str, Any]:
    told = {
        name: getattr(outcome.figures, name)
        for name in outcome.figures.__struct_fields__
        if name not in ("at_ms", "reasons", "state", "sides")
    }
    grid = outcome.grid
    return told | {
        "drawdown_deepest": outcome.deepest_percent,
        "largest_inventory": grid.quantity(outcome.largest_position),
        "without_fees": outcome.figures.pnl_traded + outcome.figures.fee_total,
    }


def picture(outcome: Outcome, column: int) -> str:
    series = outcome.series
    kept = kept_places([series[:, column]], POINTS)
    start = series[0, 0]
    scale = float(outcome.grid.step) if column == 4 else 1.0
    return line([(series[n, 0] - start, series[n, column] * scale) for n in kept.tolist()])


def mids(outcome: Outcome) -> str:
    """The mid as a line, and a dot for each of our fills."""
    series, tick = outcome.series, float(outcome.grid.tick)
    is_known = series[:, 1] > 0
    if not is_known.any():
        return ""
    known = series[is_known]
    kept = kept_places([known[:, 1]], POINTS)
    start = series[0, 0]
    points = [(known[n, 0] - start, known[n, 1] * tick) for n in kept.tolist()]
    return line(points, [(one.at_ns / 1e9 - start, one.price * tick) for one in outcome.deals])


def markouts(outcome: Outcome, words: Words) -> str:
    """What the mid had done for us so long after a fill: by fill, in basis points of its price."""
    heads = [words("seconds"), words("mean_bps"), words("fills")]
    return table(heads, (markout_row(outcome, seconds) for seconds in MARKOUTS))


def markout_row(outcome: Outcome, seconds: int) -> list[str | Gain]:
    told = markout(outcome, seconds)
    mean = float(told.mean()) if len(told) else None
    return [f"{seconds}", Gain(number(mean), mean), f"{len(told)}"]


def markout(outcome: Outcome, seconds: int) -> Floats:
    series = outcome.series
    at = np.array([one.at_ns / 1e9 + seconds for one in outcome.deals])
    places = np.searchsorted(series[:, 0], at)
    told = [
        (1 if one.side is Side.BUY else -1) * (series[place, 1] / one.price - 1) * 1e4
        for one, place in zip(outcome.deals, places.tolist(), strict=True)
        if place < len(series)
    ]
    return np.array(told)


def deals(outcome: Outcome, words: Words) -> str:
    heads = ("time", "side", "price", "quantity", "fee", "maker")
    last = outcome.deals[-SHOWN:][::-1]
    rows = (deal_row(outcome, one, words) for one in last)
    return table([words(name) for name in heads], rows)


def deal_row(outcome: Outcome, one: Deal, words: Words) -> list[str | Gain]:
    return [
        moment(one.at_ns / 1e9),
        words(one.side.value),
        f"{outcome.grid.price(one.price)}",
        f"{outcome.grid.quantity(one.quantity)}",
        f"{one.fee:f}",
        words("yes" if one.is_maker else "no"),
    ]


def pairs(values: dict[str, Any], words: Words) -> str:
    def rows() -> Iterator[list[str]]:
        for name, value in values.items():
            yield [words(name), plain(value)]

    return table([words("name"), words("value")], rows())


def plain(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, Decimal):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, float):
        return number(value)
    return f"{value}"


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds")[:23]
