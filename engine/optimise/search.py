"""A search: rounds of trials, each kept as it is answered, until there is reason to end."""

import enum
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

import msgspec

from engine.errors import BadParameters
from engine.optimise.journal import Journal, Unwritten
from engine.optimise.methods import Possible, Rounds, Scores, rounds_of
from engine.optimise.objective import Objective
from engine.optimise.space import Space, Values, combination_count
from engine.optimise.trial import Asked, Trial

# Trials answered in any order, as they come; closed when no more answers are wanted.
Evaluate = Callable[[Sequence[Asked]], Generator[Trial, None, None]]


class Ended(enum.StrEnum):
    """Why a search ended; one that was stopped or ran out of time goes on from its journal."""

    COMPLETE = "complete"
    TRIALS = "trials"
    PATIENCE = "patience"
    BUDGET = "budget"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """What is told after each trial."""

    done: int
    most: int
    trial: Trial
    best: Trial | None


@dataclass(frozen=True, slots=True)
class Search:
    """Every trial that was made, in order of their numbers."""

    space: Space
    method: str
    seed: int
    objective: Objective
    trials: list[Trial]
    ended: Ended

    @property
    def best(self) -> Trial | None:
        return best_of(self.trials, self.objective)


def search(
    space: Space,
    evaluate: Evaluate,
    *,
    method: str = "bayesian",
    trials: int = 100,
    seed: int = 0,
    objective: Objective | None = None,
    check: Callable[[Values], object] = dict,
    about: Mapping[str, Any] | None = None,
    patience: int | None = None,
    budget_seconds: float | None = None,
    on_trial: Callable[[Progress], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    journal: Journal | None = None,
) -> Search:
    """Seek the values with the best score, in at most so many trials.

    `check` raises BadParameters for values that cannot be together. `about` is what else the
    answers depend on: a journal is gone on with only where that is the same. The search ends
    early after `patience` trials without a better one. However often it is killed and gone on
    with, and whoever answers in whatever order, the same seed makes the same trials.
    """
    check_limits(trials=trials, patience=patience, budget_seconds=budget_seconds)
    if seed < 0:
        raise BadParameters("must not be below zero", field="seed", value=seed)
    objective, possible = objective or Objective(), Possible(check)
    rounds = rounds_of(method, space, seed, possible)
    if method == "grid" and (count := combination_count(space)) > trials:
        raise BadParameters("the grid has more combinations", field="trials", combinations=count)
    book = Book(objective, trials, journal or Unwritten(), on_trial)
    book.begin(
        {
            "space": msgspec.to_builtins(dict(space)),
            "method": method,
            "seed": seed,
            "objective": msgspec.to_builtins(objective),
            "about": dict(about or {}),
        }
    )
    stop = Stop(budget_seconds, should_stop)
    values, done, ended = following(rounds, None), 0, None
    if not values:
        raise BadParameters(f"no combination is possible: {possible.why}", field="space")
    while ended is None:
        asked = [Asked(done + place, each) for place, each in enumerate(values[: trials - done])]
        ended = book.answer(asked, evaluate, stop)
        done += len(asked)
        if ended is None and len(asked) == len(values):
            values = following(rounds, book.scores(asked))
            if not values:
                ended = Ended.COMPLETE
        if ended is None and done >= trials:
            ended = Ended.TRIALS
        if ended is None and patience is not None and book.stale(done) >= patience:
            ended = Ended.PATIENCE
    return Search(space, method, seed, objective, book.trials(), ended)


def check_limits(**limits: float | None) -> None:
    for name, value in limits.items():
        if value is not None and not value > 0:
            raise BadParameters("must be above zero", field=name, value=value)


def following(rounds: Rounds, scores: Scores | None) -> list[Values]:
    """The next round, or nothing where there is none."""
    try:
        return rounds.send(scores)  # type: ignore[arg-type]
    except StopIteration:
        return []


class Stop:
    """Whether somebody wants the search to stop, or its time is over."""

    def __init__(self, budget_seconds: float | None, asked: Callable[[], bool] | None) -> None:
        self.until = inf if budget_seconds is None else monotonic() + budget_seconds
        self.asked = asked

    def reason(self) -> Ended | None:
        if self.asked is not None and self.asked():
            return Ended.STOPPED
        return Ended.BUDGET if monotonic() > self.until else None


class Book:
    """The trials that were made, and the journal they are kept in."""

    def __init__(
        self,
        objective: Objective,
        most: int,
        journal: Journal,
        on_trial: Callable[[Progress], object] | None,
    ) -> None:
        self.objective = objective
        self.most = most
        self.journal = journal
        self.on_trial = on_trial
        self.made: dict[int, Trial] = {}
        self.best: Trial | None = None

    def begin(self, about: dict[str, Any]) -> None:
        for trial in self.journal.begin(about):
            self.take(trial)

    def take(self, trial: Trial) -> None:
        self.made[trial.number] = trial
        self.best = best_of(filter(None, (self.best, trial)), self.objective)

    def answer(self, asked: list[Asked], evaluate: Evaluate, stop: Stop) -> Ended | None:
        """Have what was not answered before answered, unless something ends it."""
        missing = [each for each in asked if not self.has(each)]
        ended = stop.reason() if missing else None
        if not missing or ended:
            return ended
        with closing(evaluate(missing)) as answers:
            for trial in answers:
                if trial.number in self.made:
                    continue
                self.journal.add(trial)
                self.take(trial)
                if self.on_trial is not None:
                    self.on_trial(Progress(len(self.made), self.most, trial, self.best))
                ended = stop.reason()
                if ended:
                    break
        return ended if any(each.number not in self.made for each in missing) else None

    def has(self, asked: Asked) -> bool:
        trial = self.made.get(asked.number)
        if trial is not None and trial.values != asked.values:
            raise BadParameters("the journal is of another search", field="values")
        return trial is not None

    def scores(self, asked: list[Asked]) -> Scores:
        return [self.objective.score(self.made[each.number].figures) for each in asked]

    def stale(self, done: int) -> int:
        """How many trials were made since the best one."""
        return done - 1 - self.best.number if self.best else done

    def trials(self) -> list[Trial]:
        return [self.made[number] for number in sorted(self.made)]


def best_of(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """The trial with the best score, the earliest where several have it."""
    scored = [(objective.score(trial.figures), trial) for trial in trials]
    told = [(score, -trial.number, trial) for score, trial in scored if score is not None]
    return max(told, key=lambda each: each[:2])[2] if told else None
