"""Evolution: CMA-ES over floats, ordered numbers and choices, a generation a round."""

from typing import Any

import cmaes
import numpy as np

from engine.optimise.methods import IsPossible, Rounds
from engine.optimise.space import Floats, Ordered, Space, Unordered, Values, divided, key_of, tidy

# Generations in which nothing new was tried: it has found what it can.
MOST_IDLE = 50


def evolutionary(space: Space, seed: int, is_possible: IsPossible) -> Rounds:
    ground = Ground(space)
    optimizer = cmaes.CatCMAwM(**ground.spaces(), seed=seed)
    seen: set[Any] = set()
    losses: dict[Any, float] = {}
    idle = 0
    while idle < MOST_IDLE:
        born = [optimizer.ask() for _ in range(optimizer.population_size)]
        meant = {key_of(values): values for values in map(ground.values, born)}
        asked = {
            key: values for key, values in meant.items() if key not in seen and is_possible(values)
        }
        idle = 0 if asked else idle + 1
        if asked:
            scores = yield list(asked.values())
            seen |= asked.keys()
            told = zip(asked, scores, strict=True)
            losses |= {key: -score for key, score in told if score is not None}
        keys = [key_of(ground.values(each)) for each in born]
        if losses.keys() & set(keys):
            # What is impossible, or has no score, is as bad as the worst that has one.
            worst = max(losses.values())
            weights = [losses.get(key, worst) for key in keys]
            optimizer.tell(list(zip(born, weights, strict=True)))


class Ground:
    """The space in the three columns that the library knows."""

    def __init__(self, space: Space) -> None:
        parts = divided(space)
        self.names = list(parts)
        self.floats = {name: part for name, part in parts.items() if isinstance(part, Floats)}
        self.ordered = {name: part for name, part in parts.items() if isinstance(part, Ordered)}
        self.choices = {name: part for name, part in parts.items() if isinstance(part, Unordered)}

    def spaces(self) -> dict[str, Any]:
        return {
            "x_space": [(part.least, part.most) for part in self.floats.values()] or None,
            "z_space": [part.values for part in self.ordered.values()] or None,
            "c_space": [len(part.values) for part in self.choices.values()] or None,
        }

    def values(self, member: Any) -> Values:
        """What a member of a generation means."""
        told: Values = {}
        for name, value in zip(self.floats, column(member.x), strict=True):
            told[name] = tidy(value)
        for (name, part), value in zip(self.ordered.items(), column(member.z), strict=True):
            told[name] = nearest(part.values, value)
        for (name, choice), flags in zip(self.choices.items(), column(member.c), strict=True):
            told[name] = choice.values[flags.index(max(flags))]
        return {name: told[name] for name in self.names}


def column(values: Any) -> list[Any]:
    return [] if values is None else np.asarray(values).tolist()


def nearest(values: tuple[Any, ...], value: float) -> Any:
    """The number as it was told to the library, which knows floats alone."""
    return min(values, key=lambda each: abs(each - value))
