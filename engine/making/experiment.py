"""The experiment of Avellaneda and Stoikov (2008), by the quoting that is traded with.

A mid that steps up or down by sigma times the root of dt; quotes at distances from the mid before
it moves, each filled with a chance of A exp(-k d) dt, one at most; at the end what is held is
worth the mid. Beside each quoting stands its symmetric twin: the same spread on average, round
the mid, whatever is held.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from engine.errors import BadParameters
from engine.making.quoting import Floats, Market, Quoting

FIRST_MID = 100.0


@dataclass(frozen=True, slots=True)
class Symmetric:
    """The same distance on both sides, whatever is held."""

    half: float

    def distances(self, inventory: Floats, time_left: float) -> tuple[Floats, Floats]:
        half = np.full_like(inventory, self.half)
        return half, half


@dataclass(frozen=True, slots=True)
class Outcome:
    spread: float
    profits: Floats
    inventories: Floats

    @property
    def profit(self) -> float:
        return float(self.profits.mean())

    @property
    def profit_deviation(self) -> float:
        return float(self.profits.std(ddof=1))

    @property
    def inventory(self) -> float:
        return float(self.inventories.mean())

    @property
    def inventory_deviation(self) -> float:
        return float(self.inventories.std(ddof=1))

    def certainty_equivalent(self, gamma: float) -> float:
        """The sure profit that is liked as much as this one."""
        least = self.profits.min()
        return float(least) - log(np.exp(-gamma * (self.profits - least)).mean()) / gamma


def play(
    quoting: Quoting,
    market: Market,
    *,
    paths: int,
    seed: int,
    duration: float = 1.0,
    step: float = 0.005,
) -> Outcome:
    """Quote along so many paths at once."""
    if paths < 2:
        raise BadParameters("paths is 2 or more", field="paths")
    chance = np.random.default_rng(seed)
    move = market.sigma * step**0.5
    mids, cash, held = np.full(paths, FIRST_MID), np.zeros(paths), np.zeros(paths)
    steps = round(duration / step)
    spreads = 0.0
    for number in range(steps):
        bid, ask = quoting.distances(held, duration - number * step)
        is_bought, is_sold = (
            chance.random(paths) < market.a * step * np.exp(-market.k * distance)
            for distance in (bid, ask)
        )
        spreads += float(np.mean(bid + ask, where=np.isfinite(bid + ask)))
        cash -= np.where(is_bought, mids - bid, 0)
        cash += np.where(is_sold, mids + ask, 0)
        held += is_bought
        held -= is_sold
        mids += np.where(chance.random(paths) < 0.5, move, -move)
    return Outcome(spreads / steps, cash + held * mids, held)
