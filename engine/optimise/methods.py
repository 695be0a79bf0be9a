"""What to try next: each method yields rounds of values, and is sent their scores.

A round depends on nothing but the space, the seed and the scores of the rounds before: a search
that was killed comes to the same rounds again, and so does one in more processes.
"""

from collections.abc import Callable, Generator
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np

from engine.errors import BadParameters
from engine.optimise.space import Space, Values, combinations, ends_of, key_of, tidy, values_of
from engine.strategies.base import Span

Scores = list[float | None]
Rounds = Generator[list[Values], Scores, None]
IsPossible = Callable[[Values], bool]

ROUND = 16
# So many draws in a row that are impossible or were drawn before, and nothing is left to draw.
MOST_MISSES = 1000


class Possible:
    """Which values can be together, and why the last ones that were asked about cannot."""

    def __init__(self, check: Callable[[Values], object]) -> None:
        self.check = check
        self.why = "the space is empty"

    def __call__(self, values: Values) -> bool:
        try:
            self.check(values)
        except BadParameters as error:
            self.why = error.message
            return False
        return True


def grid(space: Space, seed: int, is_possible: IsPossible) -> Rounds:
    """Every combination that is possible, in order."""
    possible = (values for values in combinations(space) if is_possible(values))
    while asked := list(islice(possible, ROUND)):
        yield asked


def random(space: Space, seed: int, is_possible: IsPossible) -> Rounds:
    """Even draws, none of them twice."""
    chance, seen = np.random.default_rng(seed), set[Any]()
    while asked := fresh(lambda: drawn(space, chance), seen, is_possible):
        yield asked


def fresh(
    draw: Callable[[], Values],
    seen: set[Any],
    is_possible: IsPossible,
    most_misses: int = MOST_MISSES,
) -> list[Values]:
    """A round of draws that are possible and were not seen, or as many as are found."""
    found: list[Values] = []
    misses = 0
    while len(found) < ROUND and misses < most_misses:
        values = draw()
        if key_of(values) in seen or not is_possible(values):
            misses += 1
            continue
        seen.add(key_of(values))
        found.append(values)
        misses = 0
    return found


def drawn(space: Space, chance: np.random.Generator) -> Values:
    return {name: value_at(span, chance.random()) for name, span in space.items()}


def value_at(span: Span, share: float) -> Any:
    """The value that stands at a share of the way."""
    values = values_of(span)
    if values is not None:
        return values[int(share * len(values))]
    least, most = ends_of(span)
    return tidy(least + share * (most - least))


# The last two stand on libraries, which are loaded when they are asked for.
METHODS = {
    "grid": "engine.optimise.methods",
    "random": "engine.optimise.methods",
    "evolutionary": "engine.optimise.evolutionary",
    "bayesian": "engine.optimise.bayesian",
}


def rounds_of(method: str, space: Space, seed: int, is_possible: IsPossible) -> Rounds:
    if method not in METHODS:
        raise BadParameters("unknown method", field="method", value=method, known=sorted(METHODS))
    rounds: Rounds = getattr(import_module(METHODS[method]), method)(space, seed, is_possible)
    return rounds
