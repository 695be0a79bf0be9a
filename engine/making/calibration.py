"""A and k of a market, from what was traded in it, and how sure they are.

A market order reaches so far from the mid, and how often one reaches further falls as
A exp(-k d). All orders that come near enough to trade count; the most likely A and k follow from
how many there were and how far they reached on average. From our own fills they follow as well,
with the time that we quoted at each distance: these know of the queue.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from engine.errors import BadParameters
from engine.making.units import Bps

# Fewer say nothing.
LEAST = 30
# What is assumed weighs as much as so many observations.
PRIOR = 200
SURE = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """Each with the interval in which it lies in 95 of 100 cases."""

    a: float
    a_low: float
    a_high: float
    k: float
    k_low: float
    k_high: float
    count: int


class Calibration:
    """Over the last so many seconds."""

    def __init__(self, window_seconds: float) -> None:
        self.window_ms = window_seconds * 1000
        self._since_ms: int | None = None
        self._orders: deque[tuple[int, float, float]] = deque()
        self._reached = self._nearest = 0.0
        self._last: tuple[int, bool] | None = None

    def trade(self, at_ms: int, is_buy: bool, distance: Bps, nearest: Bps) -> None:
        """A trade so far from the mid, where the best price was so far from it.

        Trades of one moment and one side are one order that swept them.
        """
        if self._since_ms is None:
            self._since_ms = at_ms
        reached = max(distance, nearest) * 1.0
        if self._last == (at_ms, is_buy) and self._orders:
            _, before, near = self._orders[-1]
            if reached > before:
                self._orders[-1] = (at_ms, reached, near)
                self._reached += reached - before
        else:
            self._orders.append((at_ms, reached, nearest))
            self._reached += reached
            self._nearest += nearest
        self._last = (at_ms, is_buy)

    def estimate(self, now_ms: int) -> Estimate | None:
        """Of one side; None while too little was seen."""
        while self._orders and self._orders[0][0] < now_ms - self.window_ms:
            _, reached, nearest = self._orders.popleft()
            self._reached -= reached
            self._nearest -= nearest
        count = len(self._orders)
        if count < LEAST or self._since_ms is None:
            return None
        seconds = min(now_ms - self._since_ms, self.window_ms) / 1000
        excess, nearest = (self._reached - self._nearest) / count, self._nearest / count
        if excess <= 0 or seconds <= 0:
            return None
        k = 1 / excess
        a = count / 2 / seconds * exp(min(k * nearest, 50.0))
        a_error = sqrt((2 + (k * nearest) ** 2) / count)
        return estimate(a, a_error, k, sqrt(1 / count), count)


def from_fills(exposed: Sequence[tuple[Bps, float]], filled: Sequence[Bps]) -> Estimate | None:
    """Of fills at such distances, where it was quoted so many seconds at each of these."""
    distances, seconds = (np.array([each[n] for each in exposed]) for n in (0, 1))
    count = len(filled)
    if count < LEAST or not seconds.sum() > 0:
        return None
    mean, nearest = sum(filled) / count, distances.min()

    def weighed(k: float) -> tuple[float, float, float]:
        """What exposure counts for at the nearest; mean and variance of where fills come."""
        # From the nearest on, so that the steepest fall leaves something.
        weights = seconds * np.exp(-k * (distances - nearest))
        total = weights.sum()
        expected = (weights * distances).sum() / total
        variance = (weights * (distances - expected) ** 2).sum() / total
        return float(total), float(expected), float(variance)

    low, high = 1e-6, 1e3
    if not weighed(high)[1] < mean < weighed(low)[1]:
        return None
    for _ in range(80):
        k = (low + high) / 2
        # The steeper fills fall off, the nearer to the mid they are.
        low, high = (k, high) if weighed(k)[1] > mean else (low, k)
    total, expected, variance = weighed(k)
    k_error = 1 / sqrt(count * variance)
    a_error = sqrt(1 / count + (expected * k_error) ** 2)
    a = count / total * exp(k * nearest)
    return estimate(a, a_error, k, k_error / k, count)


def estimate(a: float, a_error: float, k: float, k_error: float, count: int) -> Estimate:
    """Errors are shares of what they are of."""
    a_spread, k_spread = exp(SURE * a_error), exp(SURE * k_error)
    return Estimate(
        a=a,
        a_low=a / a_spread,
        a_high=a * a_spread,
        k=k,
        k_low=k / k_spread,
        k_high=k * k_spread,
        count=count,
    )


def drawn_to(value: float, prior: float, count: int) -> float:
    """Between what was assumed and what was measured, by how much was; in logarithms."""
    if value <= 0 or prior <= 0:
        raise BadParameters("only what is above zero is drawn to a prior", field="prior")
    share = count / (count + PRIOR)
    return exp(share * log(value) + (1 - share) * log(prior))
