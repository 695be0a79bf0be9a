"""What a maker sees of its market, look by look: volatility, depth, imbalance.

Each look is weighed by how long ago it was, so that looks may come at any distance of time.
"""

from collections import deque
from math import exp, log, sqrt
from typing import NamedTuple

from engine.making.params import MakerParams
from engine.making.units import ReturnVolatility, over_a_second

# Best prices whose sizes make the depth.
DEEP = 5
# Fewer returns than this say nothing of the volatility, fewer volatilities nothing of their usual.
LEAST_RETURNS, LEAST_LOOKS = 4, 20
# And of its usual a third of what it remembers: a mean of a few seconds is no usual.
LEAST_SHARE = 3
MOST_LOOKS = 2000
FLOOR = 1e-8

Levels = tuple[tuple[int, int], ...]


class Seen(NamedTuple):
    """The market as of the last look."""

    # Of returns, over the root of a second; the usual one while too little was seen.
    sigma: ReturnVolatility
    is_measured: bool
    # How many of its own deviations the volatility is above its mean.
    z: float
    # Depth over the usual depth.
    depth: float
    # From -1, all of the near depth asks, to 1, all of it bids.
    imbalance: float


class Watch:
    def __init__(self, params: MakerParams) -> None:
        self.params = params
        self.returns = 0
        self._mid = 0.0
        self._at_ms = 0
        self._variance = 0.0
        self._depth = 0.0
        looks = 3 * params.sigma_window_seconds / params.quote_interval_seconds
        self._sigmas: deque[float] = deque(maxlen=min(max(round(looks), LEAST_LOOKS), MOST_LOOKS))
        self._sum = self._squares = 0.0

    def look(self, at_ms: int, bids: Levels, asks: Levels) -> Seen:
        """At a book that is not crossed and has both sides, later than the look before."""
        seconds = (at_ms - self._at_ms) / 1000
        mid = (bids[0][0] + asks[0][0]) / 2
        if self._mid and seconds > 0:
            self._learn(log(mid / self._mid), seconds)
        deep_bids, deep_asks = near(bids), near(asks)
        depth = deep_bids + deep_asks
        if not self._depth:
            self._depth = depth
        elif seconds > 0:
            share = 1 - exp(-seconds / self.params.depth_window_seconds)
            self._depth += share * (depth - self._depth)
        self._mid, self._at_ms = mid, at_ms
        is_measured = self.returns >= LEAST_RETURNS
        return Seen(
            sigma=self.sigma if is_measured else usual(self.params),
            is_measured=is_measured,
            z=self._z(),
            depth=depth / self._depth,
            imbalance=(deep_bids - deep_asks) / depth,
        )

    @property
    def sigma(self) -> ReturnVolatility:
        return ReturnVolatility(max(sqrt(self._variance), FLOOR))

    def forget(self) -> None:
        """The next look is the first again: nobody looked for long, and its return is none."""
        self._mid = 0.0

    def _learn(self, returned: float, seconds: float) -> None:
        rate = returned * returned / seconds
        share = 1 - exp(-seconds / self.params.sigma_window_seconds)
        # While little was seen all of it counts the same.
        self.returns += 1
        self._variance += max(share, 1 / self.returns) * (rate - self._variance)
        if self.returns >= LEAST_RETURNS:
            self._remember(self.sigma)

    def _remember(self, sigma: float) -> None:
        if len(self._sigmas) == self._sigmas.maxlen:
            gone = self._sigmas[0]
            self._sum -= gone
            self._squares -= gone * gone
        self._sigmas.append(sigma)
        self._sum += sigma
        self._squares += sigma * sigma

    def _z(self) -> float:
        count = len(self._sigmas)
        if count < max(LEAST_LOOKS, (self._sigmas.maxlen or 0) // LEAST_SHARE):
            return 0.0
        mean = self._sum / count
        variance = self._squares / count - mean * mean
        # Where it hardly changes any change is many deviations: a quarter of it is one at least.
        deviation = max(sqrt(max(variance, 0.0)), mean / 4)
        return (self._sigmas[-1] - mean) / deviation


def usual(params: MakerParams) -> ReturnVolatility:
    return over_a_second(ReturnVolatility(params.sigma))


def near(levels: Levels) -> int:
    return sum([size for _, size in levels[:DEEP]])
