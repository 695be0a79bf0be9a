"""An optimisation and a walk-forward, each as one page of the same kind as a report."""

from collections.abc import Iterator, Mapping
from html import escape
from itertools import accumulate
from typing import Any

import msgspec

from engine.backtest import Settings
from engine.optimise import Optimised, Search, WalkForward
from engine.report.html import Gain, number, page, percent, section, table, tiles
from engine.report.page import moment, pairs, plain, shown
from engine.report.report import settings_told
from engine.report.svg import line, surface_svg
from engine.report.words import Words

BEST = 20
FIGURES = ("returned", "sharpe", "drawdown", "profit_factor", "trades")
Span = tuple[int, int]


def search_page(optimised: Optimised, language: str = "en") -> str:
    words, found = Words(language), optimised.search
    title = f"{words('optimisation')}: {optimised.about['strategy']}"
    told = f"{found.method} · {found.objective.name} · {len(found.trials)} {words('trials')}"
    surface = optimised.surface
    over = f": {surface.x}, {surface.y}" if surface else ""
    parts = (
        head(title, [told, *spans(optimised, words)]),
        section(words("judgement"), judged(optimised, words)),
        section(words("score_by_trial"), scores(found)),
        section(words("surface") + over, surface_svg(surface)),
        section(words("best_trials"), best_trials(found, words)),
        '<div class="columns">',
        section(f"{words('in_sample')}, {words('out_of_sample')}", beside(optimised, words)),
        section(words("settings"), pairs(settings_of(optimised), words)),
        "</div>",
    )
    return page(title, "".join(parts), words)


def walk_page(walk: WalkForward, strategy: str, language: str = "en") -> str:
    words = Words(language)
    title = f"{words('walk_forward')}: {strategy}"
    parts = (
        head(title, []),
        tiles([(words("returned"), percent(walk.returned))]),
        section(words("joined"), line(list(zip(walk.at, walk.equity, strict=True)))),
        section(words("windows"), windows(walk, words)),
    )
    return page(title, "".join(parts), words)


def head(title: str, told: list[str]) -> str:
    lines = "".join(f'<p class="faint">{escape(each)}</p>' for each in told)
    return f"<header><h1>{escape(title)}</h1>{lines}</header>\n"


def spans(optimised: Optimised, words: Words) -> Iterator[str]:
    yield f"{words('in_sample')}: {span(optimised.sought_in)}"
    if optimised.held_back:
        yield f"{words('out_of_sample')}: {span(optimised.held_back)}"


def span(told: Span) -> str:
    return f"{moment(told[0])} – {moment(told[1])} UTC"


def judged(optimised: Optimised, words: Words) -> str:
    told = optimised.judgement
    doubts = "".join(f"<li>{escape(words(doubt))}</li>" for doubt in told.doubts)
    return tiles(
        (
            (words("deflated_sharpe"), percent(told.deflated_sharpe)),
            (words("lucky_sharpe"), number(told.lucky_sharpe)),
            (words("overfit"), percent(told.overfit)),
            (words("kept_by_neighbours"), percent(told.kept_by_neighbours)),
        )
    ) + (f'<ul class="doubts">{doubts}</ul>' if doubts else "")


def settings_of(optimised: Optimised) -> dict[str, Any]:
    return settings_told(msgspec.convert(optimised.about["settings"], Settings))


def scores(search: Search) -> str:
    """Each trial's score as a dot, and the best so far as a line."""
    dots = [
        (trial.number, score)
        for trial in search.trials
        if (score := search.objective.score(trial.figures)) is not None
    ]
    best = accumulate((score for _, score in dots), max)
    return line([(number, score) for (number, _), score in zip(dots, best, strict=True)], dots)


def best_trials(search: Search, words: Words) -> str:
    scored = [(search.objective.score(trial.figures), trial) for trial in search.trials]
    told = [(score, trial) for score, trial in scored if score is not None]
    told.sort(key=lambda each: (-each[0], each[1].number))
    rows = (
        [
            number(trial.number),
            *(plain(trial.values[name]) for name in search.space),
            number(score),
            *figures(trial.figures or {}),
        ]
        for score, trial in told[:BEST]
    )
    return table([words("trial"), *search.space, words("score"), *map(words, FIGURES)], rows)


def figures(told: Mapping[str, Any]) -> list[str]:
    return [shown(name, told[name]) for name in FIGURES]


def beside(optimised: Optimised, words: Words) -> str:
    best = optimised.search.best
    if best is None or best.figures is None:
        return ""
    unseen = optimised.out_of_sample or {}
    rows = (
        [words(name), shown(name, value), shown(name, unseen.get(name))]
        for name, value in best.figures.items()
    )
    return table([words("figure"), words("in_sample"), words("out_of_sample")], rows)


def windows(walk: WalkForward, words: Words) -> str:
    def rows() -> Iterator[list[str | Gain]]:
        for each in walk.windows:
            seen, unseen = each.in_sample or {}, each.out_of_sample or {}
            told = unseen.get("returned")
            values = ", ".join(f"{name} {value}" for name, value in (each.values or {}).items())
            yield [
                span(each.trained),
                span(each.tested),
                values,
                percent(seen.get("returned")),
                Gain(percent(told), told),
            ]

    heads = ("trained", "tested", "values", "in_sample", "out_of_sample")
    return table([words(name) for name in heads], rows())
