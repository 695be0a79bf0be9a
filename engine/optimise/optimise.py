"""An optimisation: a search in the first part of the bars, and its best on the part held back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import BadParameters
from engine.optimise.journal import Journal
from engine.optimise.judge import Judgement, judge
from engine.optimise.objective import Objective
from engine.optimise.search import Evaluate, Progress, Search, search
from engine.optimise.space import Space
from engine.optimise.spread import spread
from engine.optimise.study import Study, figures_of
from engine.optimise.surface import Surface, surface_of

HELD_BACK = 0.3


@dataclass(frozen=True, slots=True)
class Optimised:
    # What the answers depend on beside the values that were sought; see `Study.about`.
    about: dict[str, Any]
    search: Search
    # From when to when the search looked, and what was held back from it; epoch seconds.
    sought_in: tuple[int, int]
    held_back: tuple[int, int] | None
    # The best values' figures on the bars that the search never saw.
    out_of_sample: dict[str, Any] | None
    judgement: Judgement
    surface: Surface | None


def optimise(
    study: Study,
    space: Space,
    *,
    method: str = "bayesian",
    trials: int = 100,
    seed: int = 0,
    objective: Objective | None = None,
    held_back: float = HELD_BACK,
    workers: int = 1,
    evaluate: Callable[[Study], Evaluate] | None = None,
    patience: int | None = None,
    budget_seconds: float | None = None,
    on_trial: Callable[[Progress], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    journal: Journal | None = None,
) -> Optimised:
    """Search the first bars, try the best on the share that is held back, and judge it.

    `evaluate` makes the trials elsewhere than in `workers` processes here.
    """
    if not 0 <= held_back < 1:
        raise BadParameters("must be a share below one", field="held_back", value=held_back)
    cut = study.last - round((study.last - study.start) * held_back)
    seen, objective = study.part(study.start, cut), objective or Objective()
    seen.check_days(objective)
    with spread(seen.trial, workers) as here:
        found = search(
            space,
            here if evaluate is None else evaluate(seen),
            method=method,
            trials=trials,
            seed=seed,
            objective=objective,
            check=seen.params,
            about=seen.about,
            patience=patience,
            budget_seconds=budget_seconds,
            on_trial=on_trial,
            should_stop=should_stop,
            journal=journal,
        )
    best = found.best
    rest = study.part(cut, study.last) if cut < study.last else None
    unseen = figures_of(rest.run(best.values)) if rest and best else None
    return Optimised(
        about=study.about,
        search=found,
        sought_in=seen.span,
        held_back=rest.span if rest else None,
        out_of_sample=unseen,
        judgement=judge(found, seen.run(best.values) if best else None, unseen),
        surface=surface_of(found),
    )
