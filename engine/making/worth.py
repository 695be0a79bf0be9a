"""What quoting is worth to who dislikes risk, exactly: no paths are drawn.

Who has a constant dislike of risk values what happens later the same whatever has been won before,
so that the sure profit follows from the end backwards, one inventory at a time. In the experiment's
own market: steps of so long, at most one fill a side in each, and a mid that moves up or down.
"""

from math import log

import numpy as np

from engine.making.experiment import chances
from engine.making.quoting import Floats, Market, Quoting
from engine.making.units import positive

# Orders held or owed beyond which nobody comes in the time of the experiment.
MOST = 150


def certain_equivalent(
    quoting: Quoting,
    market: Market,
    gamma: float,
    *,
    duration: float = 1.0,
    step: float = 0.005,
    most: int = MOST,
) -> float:
    """The sure profit that is liked as much as quoting so from nothing held."""
    positive("gamma", gamma)
    held = np.arange(-most, most + 1.0)
    moved = gamma * held * market.sigma * step**0.5
    # Of each inventory, the logarithm of the expected dislike of all that is still to come.
    dislike = np.zeros(len(held))
    steps = round(duration / step)
    for number in range(steps - 1, -1, -1):
        dislike += np.logaddexp(moved, -moved) - log(2)
        bid, ask = quoting.distances(held, duration - number * step)
        dislike = before(dislike, sides(bid, market, step, gamma), sides(ask, market, step, gamma))
    return -float(dislike[most]) / gamma


def sides(distance: Floats, market: Market, step: float, gamma: float) -> tuple[Floats, Floats]:
    """Logarithms: of no fill, and of a fill with what it earns against the mid."""
    chance = chances(distance, market, step)
    with np.errstate(divide="ignore"):
        earned = np.where(chance > 0, distance, 0.0)
        return np.log1p(-chance), np.log(chance) - gamma * earned


def before(dislike: Floats, bid: tuple[Floats, Floats], ask: tuple[Floats, Floats]) -> Floats:
    more, less = np.append(dislike[1:], dislike[-1]), np.append(dislike[0], dislike[:-1])
    (no_bid, by_bid), (no_ask, by_ask) = bid, ask
    ways = (no_bid + no_ask + dislike, by_bid + no_ask + more, no_bid + by_ask + less)
    summed: Floats = np.logaddexp.reduce((*ways, by_bid + by_ask + dislike))
    return summed
