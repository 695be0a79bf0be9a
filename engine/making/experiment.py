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
from engine.making.walks import ASK_BITS, BID_BITS, BLOCK, Walks, walk

# Whoever holds more quotes as if it were this: six deviations of what the twins come to hold.
MOST = 50


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
    steps = round(duration / step)
    walks = walks_of(quoting, market, steps, step, paths)
    walk(walks, seed, market.sigma * step**0.5)
    total, count = walks.told.tolist()
    return Outcome(total / count, walks.earned, walks.held.astype(np.float64))


def walks_of(quoting: Quoting, market: Market, steps: int, step: float, paths: int) -> Walks:
    """What every inventory is quoted at every step: there are far fewer of them than paths."""
    most = min(steps, MOST)
    held = np.arange(-most, most + 1.0)
    told = [quoting.distances(held, (steps - number) * step) for number in range(steps)]
    bid, ask = (np.array([each[side] for each in told]) for side in (0, 1))
    bids, asks = (
        np.rint(chances(side, market, step) * 2.0**bits).astype(np.int64)
        for side, bits in ((bid, BID_BITS), (ask, ASK_BITS))
    )
    spread = bid + ask
    quoted = np.isfinite(spread)
    for told_of in (bid, ask, spread):
        told_of[np.isinf(told_of)] = 0.0
    return Walks(
        bids=bids,
        asks=asks,
        bid=bid,
        ask=ask,
        spread=spread,
        quoted=quoted.astype(np.float64),
        earned=np.zeros(paths),
        held=np.zeros(paths, np.int64),
        drawn=np.empty(BLOCK, np.int64),
        told=np.zeros(2),
    )


def chances(distance: Floats, market: Market, step: float) -> Floats:
    """Of a fill within a step, at so far from the mid: one at most."""
    told: Floats = np.exp(np.minimum(log(market.a * step) - market.k * distance, 0.0))
    return told
