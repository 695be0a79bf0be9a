"""What a maker sees of its market, look by look: volatility, depth, imbalance.

Each look is weighed by how long ago it was, so that looks may come at any distance of time.
"""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from itertools import chain
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np

from engine.making.events import BookSeen
from engine.making.params import MakerParams
from engine.making.rules import Rules
from engine.making.units import ReturnVolatility
from engine.parts import Floats, Whole, part

# Best prices whose sizes make the depth; a picture of the book is price and size of each, bids
# first.
DEEP = 5
BIDS, ASKS, PICTURE = 0, 2 * DEEP, 4 * DEEP
# Fewer returns than this say nothing of the volatility, fewer volatilities nothing of their usual.
LEAST_RETURNS, LEAST_LOOKS = 4, 20
# And of its usual a third of what it remembers: a mean of a few seconds is no usual.
LEAST_SHARE = 3
MOST_LOOKS = 2000
FLOOR = 1e-8

# What is remembered: of the last look, and the sums of the volatilities that are kept.
MID, VARIANCE, DEPTH, SUM, SQUARES = range(5)
AT_MS, RETURNS, KEPT, NEXT = range(4)


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


class Memory(NamedTuple):
    """Nothing yet where all is zero. Volatilities are in a ring."""

    sums: Floats
    counts: Whole
    sigmas: Floats


def memory_of(params: MakerParams) -> Memory:
    looks = round(3 * params.sigma_window_seconds / params.quote_interval_seconds)
    kept = min(max(looks, LEAST_LOOKS), MOST_LOOKS)
    return Memory(np.zeros(5), np.zeros(4, np.int64), np.zeros(kept))


def forget(memory: Memory) -> None:
    """The next look is the first again: nobody looked for long, and its return is none."""
    memory.sums[MID] = 0.0


def pictured(book: BookSeen) -> list[int]:
    told = [0] * PICTURE
    for first, levels in ((BIDS, book.bids[:DEEP]), (ASKS, book.asks[:DEEP])):
        told[first : first + 2 * len(levels)] = chain.from_iterable(levels)
    return told


@part
def see(rules: Rules, memory: Memory, picture: Whole, at_ms: int) -> Seen:
    """At a book that is not crossed and has both sides, later than the look before."""
    sums, counts = memory.sums, memory.counts
    seconds = (at_ms - counts[AT_MS]) / 1000
    mid = (picture[BIDS] + picture[ASKS]) / 2
    if sums[MID] and seconds > 0:
        learn(rules, memory, log(mid / sums[MID]), seconds)
    deep_bids, deep_asks = near(picture, BIDS), near(picture, ASKS)
    depth = deep_bids + deep_asks
    if not sums[DEPTH]:
        sums[DEPTH] = depth
    elif seconds > 0:
        share = 1 - exp(-seconds / rules.depth_window_seconds)
        sums[DEPTH] += share * (depth - sums[DEPTH])
    sums[MID] = mid
    counts[AT_MS] = at_ms
    is_measured = counts[RETURNS] >= LEAST_RETURNS
    sigma = measured(memory) if is_measured else rules.usual
    imbalance = (deep_bids - deep_asks) / depth
    return Seen(sigma, is_measured, deviations(memory), depth / sums[DEPTH], imbalance)


@part
def measured(memory: Memory) -> ReturnVolatility:
    return ReturnVolatility(max(sqrt(memory.sums[VARIANCE]), FLOOR))


@part
def learn(rules: Rules, memory: Memory, returned: float, seconds: float) -> None:
    sums, counts, sigmas = memory.sums, memory.counts, memory.sigmas
    rate = returned * returned / seconds
    share = 1 - exp(-seconds / rules.sigma_window_seconds)
    # While little was seen all of it counts the same.
    counts[RETURNS] += 1
    sums[VARIANCE] += max(share, 1 / counts[RETURNS]) * (rate - sums[VARIANCE])
    if counts[RETURNS] < LEAST_RETURNS:
        return
    place, sigma = counts[NEXT], measured(memory)
    if counts[KEPT] == len(sigmas):
        sums[SUM] -= sigmas[place]
        sums[SQUARES] -= sigmas[place] * sigmas[place]
    else:
        counts[KEPT] += 1
    sigmas[place] = sigma
    counts[NEXT] = (place + 1) % len(sigmas)
    sums[SUM] += sigma
    sums[SQUARES] += sigma * sigma


@part
def deviations(memory: Memory) -> float:
    sums, kept, most = memory.sums, memory.counts[KEPT], len(memory.sigmas)
    if kept < max(LEAST_LOOKS, most // LEAST_SHARE):
        return 0.0
    mean = sums[SUM] / kept
    variance = sums[SQUARES] / kept - mean * mean
    # Where it hardly changes any change is many deviations: a quarter of it is one at least.
    deviation = max(sqrt(max(variance, 0.0)), mean / 4)
    return (memory.sigmas[memory.counts[NEXT] - 1] - mean) / deviation


@part
def near(picture: Whole, first: int) -> int:
    depth = 0
    for level in range(DEEP):
        depth += picture[first + 2 * level + 1]
    return depth
