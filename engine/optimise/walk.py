"""Walk-forward: a search in one window after the other, each tried on the bars that follow it.

A window's search sees its own bars, and as warm-up those before them. The bars that follow are
traded by its best values alone, on an account that begins anew, with the bars before them as
warm-up. No search sees a bar that it is tried on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from engine.backtest import Result
from engine.errors import BadParameters
from engine.optimise.journal import Journal
from engine.optimise.objective import Objective
from engine.optimise.search import Ended, Evaluate, Progress, search
from engine.optimise.space import Space, Values
from engine.optimise.spread import spread
from engine.optimise.study import Study, figures_of
from engine.optimise.trial import Trial


@dataclass(frozen=True, slots=True)
class Window:
    """Spans in epoch seconds; without values nothing could be scored, and nothing was traded."""

    trained: tuple[int, int]
    tested: tuple[int, int]
    values: Values | None
    in_sample: dict[str, Any] | None
    out_of_sample: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class WalkForward:
    windows: list[Window]
    # The account over all test windows, each going on with what the one before left: when a bar
    # closed, and what it was worth then.
    at: list[int]
    equity: list[float]
    returned: float
    ended: Ended


def walk_forward(
    study: Study,
    space: Space,
    *,
    train_bars: int,
    test_bars: int,
    anchored: bool = False,
    method: str = "bayesian",
    trials: int = 100,
    seed: int = 0,
    objective: Objective | None = None,
    workers: int = 1,
    evaluate: Callable[[Study], Evaluate] | None = None,
    patience: int | None = None,
    budget_seconds: float | None = None,
    on_trial: Callable[[int, Progress], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    journal: Callable[[int], Journal] | None = None,
) -> WalkForward:
    """Search, trade what follows, go on by as much, to the last bar; anchored windows all begin
    at the first bar. `journal` and `on_trial` are told the window's place; the budget is of
    all windows together."""
    windows: list[Window] = []
    objective = objective or Objective()
    joined, ended = Joined(study.settings.cash), Ended.COMPLETE
    until = None if budget_seconds is None else monotonic() + budget_seconds
    for place, (start, cut, end) in enumerate(cuts(study, train_bars, test_bars, anchored)):
        train, test = study.part(start, cut), study.part(cut, end)
        train.check_days(objective)
        with spread(train.trial, workers) as here:
            found = search(
                space,
                here if evaluate is None else evaluate(train),
                method=method,
                trials=trials,
                seed=seed,
                objective=objective,
                check=train.params,
                about=train.about,
                patience=patience,
                budget_seconds=None if until is None else max(until - monotonic(), 1e-9),
                on_trial=on_trial and partial(on_trial, place),
                should_stop=should_stop,
                journal=journal and journal(place),
            )
        if found.ended in (Ended.STOPPED, Ended.BUDGET):
            ended = found.ended
            break
        window, result = tried(train, test, found.best)
        joined.add(window.tested[1], result)
        windows.append(window)
    return WalkForward(windows, joined.at, joined.equity, joined.worth / joined.start - 1, ended)


def tried(train: Study, test: Study, best: Trial | None) -> tuple[Window, Result | None]:
    """What the best of one window came to on the bars after it."""
    if best is None:
        return Window(train.span, test.span, None, None, None), None
    result = test.run(best.values)
    window = Window(train.span, test.span, best.values, best.figures, figures_of(result))
    return window, result


def cuts(
    study: Study, train_bars: int, test_bars: int, anchored: bool
) -> Iterator[tuple[int, int, int]]:
    """Where each window begins, where its test begins, and where that ends; the last test may
    be shorter."""
    bars = study.last - study.start
    for name, count in {"train_bars": train_bars, "test_bars": test_bars}.items():
        if count < 1:
            raise BadParameters("must be above zero", field=name, value=count)
    if train_bars + test_bars > bars:
        needed = train_bars + test_bars
        raise BadParameters("too few bars for a window", bars=bars, needed=needed)
    for cut in range(study.start + train_bars, study.last, test_bars):
        start = study.start if anchored else cut - train_bars
        yield start, cut, min(cut + test_bars, study.last)


class Joined:
    """One account through all tests: each window's gains are put on what was there before."""

    def __init__(self, cash: float) -> None:
        self.start = self.worth = cash
        self.at: list[int] = []
        self.equity: list[float] = []

    def add(self, tested_until: int, result: Result | None) -> None:
        if result is None:
            self.at.append(tested_until)
            self.equity.append(self.worth)
            return
        self.at += (result.opened_at + result.bar_seconds).tolist()
        self.equity += (result.curve * (self.worth / result.start)).tolist()
        self.worth = self.equity[-1]
