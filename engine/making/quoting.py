"""How far from the mid to bid and to ask, by three answers to one question.

The price moves as sigma times a random walk. A quote at a distance d is taken at the rate
A exp(-k d). Who quotes likes profit and, by gamma, dislikes its variance. Distances are in units
of price, inventory in orders, and time in the unit that sigma and A are told in.

- `Session` is the approximation of Avellaneda and Stoikov (2008) for a session that ends.
- `Stationary` is the closed form of Gueant, Lehalle and Fernandez-Tapia (2013) for one that
  goes on: the shift stays as large as it is far from the end.
- `Bounded` is their exact answer for a session that ends with a bounded inventory.
"""

from dataclasses import dataclass
from math import ceil, exp, log, log1p, log2, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadParameters
from engine.making.units import PriceVolatility, positive
from engine.parts import part

Floats = NDArray[np.float64]
# Of the exponential's series, at one or less: the next is below the last digit.
TERMS = 20


@dataclass(frozen=True, slots=True)
class Market:
    """What the quotes stand in."""

    sigma: PriceVolatility
    # Fills a unit of time at the mid, and how fast they grow rare with the distance from it.
    a: float
    k: float

    def __post_init__(self) -> None:
        positive("sigma", self.sigma)
        positive("a", self.a)
        positive("k", self.k)


class Quoting(Protocol):
    def distances(self, inventory: Floats, time_left: float) -> tuple[Floats, Floats]:
        """Of the bid and of the ask from the mid; infinite where nothing is quoted."""


@dataclass(frozen=True)
class Session:
    market: Market
    gamma: float

    def __post_init__(self) -> None:
        positive("gamma", self.gamma)

    def distances(self, inventory: Floats, time_left: float) -> tuple[Floats, Floats]:
        half, shift = self.spread(time_left) / 2, inventory * self.shift(time_left)
        return half + shift, half - shift

    def spread(self, time_left: float) -> float:
        """From the bid to the ask."""
        return 2 * session(self.market.sigma, self.market.k, self.gamma, time_left)[0]

    def shift(self, time_left: float) -> float:
        """How far each order that is held moves both quotes against it."""
        return session(self.market.sigma, self.market.k, self.gamma, time_left)[1]


@dataclass(frozen=True)
class Stationary:
    market: Market
    gamma: float

    def __post_init__(self) -> None:
        positive("gamma", self.gamma)

    def distances(self, inventory: Floats, time_left: float) -> tuple[Floats, Floats]:
        half, by_one = stationary(self.market.sigma, self.market.a, self.market.k, self.gamma)
        shift = inventory * by_one
        return half + shift, half - shift

    @property
    def half(self) -> float:
        return stationary(self.market.sigma, self.market.a, self.market.k, self.gamma)[0]

    @property
    def shift(self) -> float:
        return stationary(self.market.sigma, self.market.a, self.market.k, self.gamma)[1]


@dataclass(frozen=True)
class Bounded:
    market: Market
    gamma: float
    # The most orders that are held, or owed; there the side that would add is not quoted.
    most: int

    def __post_init__(self) -> None:
        positive("gamma", self.gamma)
        if self.most < 1:
            raise BadParameters("most is 1 or more", field="most")

    def distances(self, inventory: Floats, time_left: float) -> tuple[Floats, Floats]:
        held = np.clip(inventory, -self.most, self.most).astype(np.int64) + self.most
        worth = self.worth(time_left)
        # Beyond the ends nothing is worth anything: infinitely far away.
        padded = np.concatenate(([-np.inf], worth, [-np.inf]))
        base = cost_of_waiting(self.gamma, self.market.k)
        bid = (padded[held + 1] - padded[held + 2]) / self.market.k + base
        ask = (padded[held + 1] - padded[held]) / self.market.k + base
        return bid, ask

    def worth(self, time_left: float) -> Floats:
        """The logarithm of what each inventory is worth, from the most owed to the most held."""
        market = self.market
        held = np.arange(-self.most, self.most + 1)
        risk = market.k * self.gamma * market.sigma**2 / 2
        eta = market.a * exp(-(1 + market.k / self.gamma) * log1p(self.gamma / market.k))
        side = np.full(2 * self.most, eta)
        return log_of_growth(
            (np.diag(-risk * held**2) + np.diag(side, 1) + np.diag(side, -1)) * time_left
        )


def log_of_growth(rates: Floats) -> Floats:
    """The logarithm of the row sums of the exponential of a matrix, its diagonal alone negative.

    No term is ever subtracted from another, so that the least rows are as exact as the largest.
    """
    lowest = rates.diagonal().min()
    positive_rates = rates - lowest * np.eye(len(rates))
    halvings = max(0, ceil(log2(max(positive_rates.sum(axis=1).max(), 1))))
    part = positive_rates / 2**halvings
    grown = term = np.eye(len(rates))
    for number in range(1, TERMS):
        term = term @ part / number
        grown = grown + term
    scale = 0.0
    for _ in range(halvings):
        largest = grown.max()
        grown = (grown / largest) @ (grown / largest)
        scale = 2 * (scale + log(largest))
    sums: Floats = np.log(grown.sum(axis=1)) + scale + lowest
    return sums


@part
def session(
    sigma: PriceVolatility, k: float, gamma: float, time_left: float
) -> tuple[float, float]:
    """Half of the spread, and how far each order that is held shifts both quotes."""
    shift = gamma * sigma * sigma * time_left
    return cost_of_waiting(gamma, k) + shift / 2, shift


@part
def stationary(sigma: PriceVolatility, a: float, k: float, gamma: float) -> tuple[float, float]:
    """Half of the spread, and how far each order that is held shifts both quotes."""
    risk = gamma / k
    rarer = exp((1 + 1 / risk) * log1p(risk))
    shift = sigma * sqrt(gamma / (2 * a * k) * rarer)
    return cost_of_waiting(gamma, k) + shift / 2, shift


@part
def cost_of_waiting(gamma: float, k: float) -> float:
    """Half of the spread that is there without any risk of the price."""
    return log1p(gamma / k) / gamma
