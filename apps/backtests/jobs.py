"""A run as its process is given it, and what that tells: plain data, and nothing of a database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec
import numpy as np

from apps.backtests.terms import Search, Terms, settings_of
from engine.backtest import Intents, Limits, Result, Settings, from_strategy, run
from engine.candle import Candles, bars_of
from engine.errors import BadParameters
from engine.instrument import Instrument
from engine.optimise import (
    Afar,
    Objective,
    Parcel,
    Sign,
    Study,
    Trial,
    optimise,
    space_of,
    walk_forward,
)
from engine.parameters import Params
from engine.report import report_of, to_json
from engine.strategies import Strategy, strategy_named

# How long somebody may take to say that they are there.
MAY_ANSWER_SECONDS, MUST_ANSWER_SECONDS = 1.0, 20.0
# Bars decided between two tellings of how far it is.
PIECE = 500


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One set of parameters, and what it came to; the window is a walk-forward's."""

    window: int
    trial: Trial
    score: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    figures: Mapping[str, Any]
    findings: Mapping[str, Any] = field(default_factory=dict)
    # JSON of `engine.report` and of `engine.optimise`, as far as there is such a thing.
    account: bytes | None = None
    search: bytes | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be run, and this is why."""

    problem: str


@dataclass(frozen=True, slots=True)
class Asking:
    """It would have search workers make these."""

    parcels: list[Parcel]


Said = Progress | Tried | Finished | Refused | Asking
Tell = Callable[[Said], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    kind: str
    rule: str
    params: Mapping[str, Any]
    terms: Terms
    candles: Mapping[str, Candles]
    # As far as the venue has described them.
    instruments: Mapping[str, Instrument]
    space: Mapping[str, Any] = field(default_factory=dict)
    search: Search = field(default_factory=Search)
    # Of the search: how many processes it may have, and what was tried before its worker died.
    processes: int = 1
    known: tuple[Tried, ...] = ()
    # A platform's own strategies, which its process has to find anew.
    strategy_directory: Path | None = None


def do(job: Job, tell: Tell, said: Queue[Sign] | None = None) -> Finished:
    """`said` is what search workers answer, where there may be any."""
    if job.kind == "backtest":
        return backtest(job, tell)
    return SEARCHES[job.kind](job, tell, afar_of(job, tell, said))


def afar_of(job: Job, tell: Tell, said: Queue[Sign] | None) -> Afar | None:
    """The search workers; None where none are wanted, or none are there."""
    if said is None or job.search.workers == "here":
        return None
    afar, must_be = Afar(lambda parcels: tell(Asking(parcels)), said), job.search.workers == "queue"
    if afar.is_there(MUST_ANSWER_SECONDS if must_be else MAY_ANSWER_SECONDS):
        return afar
    if must_be:
        raise BadParameters("no search worker answers", field="workers")
    return None


def backtest(job: Job, tell: Tell) -> Finished:
    strategy = strategy_named(job.rule)
    params = strategy.read_params(job.params)
    total = sum(len(candles) for candles in job.candles.values())
    done, intents = 0, {}
    for symbol, candles in job.candles.items():

        def told(bars: int, before: int = done) -> None:
            tell(Progress(before + bars, total))

        intents[symbol] = decided(
            strategy,
            candles,
            params,
            least_confidence=job.terms.min_confidence,
            hedge=job.terms.hedge,
            told=told,
        )
        done += len(candles)
    return reported(job, job.params, run(job.candles, intents, settings_of_job(job)))


def reported(job: Job, params: Mapping[str, Any], result: Result) -> Finished:
    report = report_of(
        result,
        candles=job.candles,
        strategy=job.rule,
        params=params,
        settings=settings_of_job(job),
    )
    return Finished(plain(report.figures), account=to_json(report).encode())


def settings_of_job(job: Job) -> Settings:
    return settings_of(job.terms, limits_of(job.instruments))


def study_of(job: Job) -> Study:
    return Study(
        strategy=strategy_named(job.rule),
        candles=job.candles,
        settings=settings_of_job(job),
        fixed=job.params,
        least_confidence=job.terms.min_confidence,
    )


def ways_of(job: Job, afar: Afar | None) -> dict[str, Any]:
    """What every search is told in the same words."""
    search = job.search
    return {
        "method": search.method,
        "trials": search.trials,
        "seed": search.seed,
        "objective": objective_of(search),
        "patience": search.patience,
        "budget_seconds": search.budget_seconds,
        "workers": job.processes,
        "evaluate": afar and afar.evaluate,
    }


def objective_of(search: Search) -> Objective:
    return Objective(name=search.objective, least_trades=search.least_trades)


def optimisation(job: Job, tell: Tell, afar: Afar | None) -> Finished:
    study, book = study_of(job), Book(job, tell)
    found = optimise(
        study,
        space_of(study.strategy, job.space or None, job.params),
        held_back=job.search.held_back,
        journal=book.page(0),
        on_trial=lambda progress: tell(Progress(progress.done, progress.most)),
        **ways_of(job, afar),
    )
    best = found.search.best
    told = {
        "best": best and best.values,
        "ended": found.search.ended,
        "in_sample": best and best.figures,
        "out_of_sample": found.out_of_sample,
        "judgement": found.judgement,
    }
    values = {} if best is None else {**job.params, **best.values}
    done = reported(job, values, study.run(best.values)) if best else Finished({})
    return replace(done, findings=plain(told), search=msgspec.json.encode(found))


def walk(job: Job, tell: Tell, afar: Afar | None) -> Finished:
    search, study, book = job.search, study_of(job), Book(job, tell)
    found = walk_forward(
        study,
        space_of(study.strategy, job.space or None, job.params),
        train_bars=search.train_bars,
        test_bars=search.test_bars,
        anchored=search.anchored,
        journal=book.page,
        on_trial=lambda window, progress: tell(
            Progress(window * progress.most + progress.done, windows_of(job) * progress.most)
        ),
        **ways_of(job, afar),
    )
    told = {
        # What the last window would trade next with.
        "best": found.windows[-1].values if found.windows else None,
        "ended": found.ended,
        "windows": len(found.windows),
    }
    figures = {"returned": found.returned}
    return Finished(figures, plain(told), search=msgspec.json.encode(found))


def plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a database keeps: a figure without an end is no number there."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    return found


def windows_of(job: Job) -> int:
    bars = len(next(iter(job.candles.values())))
    return max(1, -(-(bars - job.search.train_bars) // job.search.test_bars))


class Book:
    """The journals of a search's windows: what was known is read, and what is new is told."""

    def __init__(self, job: Job, tell: Tell) -> None:
        self.known = job.known
        self.objective = objective_of(job.search)
        self.tell = tell

    def page(self, window: int) -> "Page":
        return Page(self, window)


@dataclass(frozen=True, slots=True)
class Page:
    book: Book
    window: int

    def begin(self, search: dict[str, Any]) -> list[Trial]:
        """The rows are this run's alone, and a run on other candles is refused before."""
        return [each.trial for each in self.book.known if each.window == self.window]

    def add(self, trial: Trial) -> None:
        self.book.tell(Tried(self.window, trial, self.book.objective.score(trial.figures)))


SEARCHES: dict[str, Callable[[Job, Tell, Afar | None], Finished]] = {
    "optimisation": optimisation,
    "walk_forward": walk,
}


def decided(
    strategy: Strategy,
    candles: Candles,
    params: Params,
    *,
    least_confidence: int,
    hedge: bool,
    told: Callable[[int], None],
) -> Intents:
    """`from_strategy`, a piece at a time, so that it can be seen how far it is."""
    needed = strategy.candles_needed(params)
    nothing = Intents.of([])
    codes, asked = [nothing.codes], [nothing.rows]
    for start in range(needed - 1, len(candles), PIECE):
        end, first = min(start + PIECE, len(candles)), start + 1 - needed
        found = from_strategy(
            strategy,
            bars_of(candles, first, end),
            params,
            least_confidence=least_confidence,
            hedge=hedge,
        )
        shifted = found.codes.copy()
        shifted[:, 0] += first
        codes.append(shifted)
        asked.append(found.rows)
        told(end)
    return Intents(np.concatenate(codes), np.concatenate(asked))


def limits_of(instruments: Mapping[str, Instrument]) -> dict[str, Limits]:
    return {
        symbol: Limits(float(each.step), float(each.min_quantity), float(each.min_notional))
        for symbol, each in instruments.items()
    }
