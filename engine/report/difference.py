"""Whether one of two rows of yields is better than the other, or only looks so."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from engine.report.bootstrap import DRAWS, LEAST, Floats, Interval, interval

# So seldom chance alone comes to as much, before somebody may rely on it.
RELIED_ON = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """The second row's mean over the first's."""

    mean: float
    # Where it lies in 95 of 100 draws.
    interval: Interval
    # How often so much or more comes of rows whose members were dealt out at random.
    by_chance: float

    @property
    def is_sure(self) -> bool:
        return self.by_chance < RELIED_ON


def difference(
    first: Sequence[Decimal], second: Sequence[Decimal], *, seed: int = 0, draws: int = DRAWS
) -> Difference | None:
    """None where a row is too short to say anything; the same seed tells the same."""
    if min(len(first), len(second)) < LEAST:
        return None
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    chance = np.random.default_rng(seed)
    told = apart(one, other)
    drawn = [
        apart(chance.choice(one, len(one)), chance.choice(other, len(other))) for _ in range(draws)
    ]
    both = np.concatenate((one, other))
    as_far = 0
    for _ in range(draws):
        dealt = chance.permutation(both)
        # What floats leave of equal sums is no difference.
        as_far += abs(apart(dealt[: len(one)], dealt[len(one) :])) >= abs(told) * (1 - 1e-12)
    return Difference(told, interval(drawn), (as_far + 1) / (draws + 1))


def apart(one: Floats, other: Floats) -> float:
    mean: float = other.mean().item() - one.mean().item()
    return mean
