"""Which trials stand next to the best: a good place has good places around it."""

from statistics import median
from typing import Any

import numpy as np

from engine.optimise.search import Search
from engine.optimise.space import Floats, Ordered, Unordered, divided

# In steps of any parameter; two choices without an order are further apart.
NEAR = 2.0


def kept_by_neighbours(search: Search) -> float | None:
    """What the neighbours of the best keep of its lead over an ordinary trial, as a share.

    Two for each parameter are asked, the nearest ones; None where fewer stand near, or where
    the best leads by nothing. A trial without a score has lost all of the lead.
    """
    best = search.best
    told = {
        trial.number: score
        for trial in search.trials
        if (score := search.objective.score(trial.figures)) is not None
    }
    if best is None:
        return None
    ordinary, lead = median(told.values()), told[best.number] - median(told.values())
    near = nearest(search, best.number)
    if lead <= 0 or len(near) < 2 * len(search.space):
        return None
    kept = median((told.get(number, ordinary) - ordinary) / lead for number in near)
    return max(0.0, kept)


def nearest(search: Search, number: int) -> list[int]:
    """The nearest trials, two for each parameter, of those that are near in every one."""
    columns = [
        places_of(part, [trial.values[name] for trial in search.trials])
        for name, part in divided(search.space).items()
    ]
    mine = next(row for row, trial in enumerate(search.trials) if trial.number == number)
    away = np.abs(np.array(columns).T - np.array(columns)[:, mine])
    order = np.argsort(away.sum(axis=1), kind="stable").tolist()
    near = [row for row in order if row != mine and away[row].max() <= NEAR]
    return [search.trials[row].number for row in near[: 2 * len(search.space)]]


def places_of(part: Floats | Ordered | Unordered, values: list[Any]) -> list[float]:
    """Where values stand, in steps; a tenth of the way is a step if the steps are smaller."""
    if isinstance(part, Floats):
        return [10 * (value - part.least) / (part.most - part.least) for value in values]
    step = max(1.0, (len(part.values) - 1) / 10) if isinstance(part, Ordered) else 1 / (2 * NEAR)
    return [part.values.index(value) / step for value in values]
