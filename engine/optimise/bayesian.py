"""Bayesian search: a tree of Parzen estimators, which looks where good trials are dense."""

from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from engine.optimise.methods import ROUND, IsPossible, Rounds, fresh
from engine.optimise.space import Floats, Ordered, Space, Unordered, Values, divided, key_of, tidy

# A draw costs some milliseconds here, and more the more there were.
MOST_MISSES = 64


def bayesian(space: Space, seed: int, is_possible: IsPossible) -> Rounds:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = TPESampler(seed=seed, n_startup_trials=ROUND, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    parts = {name: (part, distribution_of(part)) for name, part in divided(space).items()}
    drawn: dict[Any, optuna.Trial] = {}

    def draw() -> Values:
        trial = study.ask({name: distribution for name, (_, distribution) in parts.items()})
        values = {name: value_of(part, trial.params[name]) for name, (part, _) in parts.items()}
        # What is impossible or was tried before teaches nothing.
        if drawn.setdefault(key_of(values), trial) is not trial or not is_possible(values):
            study.tell(trial, state=TrialState.FAIL)
        return values

    seen = set[Any]()
    while asked := fresh(draw, seen, is_possible, MOST_MISSES):
        scores = yield asked
        for values, score in zip(asked, scores, strict=True):
            # Pruned is worse than any that has a score.
            state = TrialState.PRUNED if score is None else TrialState.COMPLETE
            study.tell(drawn[key_of(values)], score, state=state)


def distribution_of(part: Floats | Ordered | Unordered) -> optuna.distributions.BaseDistribution:
    """Ordered numbers are sought by their places, so that their distances do not matter."""
    if isinstance(part, Floats):
        return FloatDistribution(part.least, part.most)
    if isinstance(part, Ordered):
        return IntDistribution(0, len(part.values) - 1)
    return CategoricalDistribution(range(len(part.values)))


def value_of(part: Floats | Ordered | Unordered, told: Any) -> Any:
    return tidy(told) if isinstance(part, Floats) else part.values[told]
