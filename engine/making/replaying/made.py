"""A market that is made up, from a seed: a mid that walks, a book round it, and market orders that
reach so far from the mid as A and k say. Some of them may know where the mid goes next."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

import numpy as np

from engine.errors import BadParameters
from engine.instrument import Instrument
from engine.making.grid import Grid, grid_of
from engine.making.replaying.floor import BOUGHT, SOLD
from engine.making.replaying.recording import Recording, Row, book_rows, recording_of
from engine.making.units import BPS, ReturnVolatility, over_a_second, positive

NS_A_SECOND = 1_000_000_000
LEVELS = 5


@dataclass(frozen=True, slots=True)
class Making:
    """`sigma` is of returns over the root of a minute, `a` and `k` are of each side."""

    seed: int
    seconds: float = 600
    mid: Decimal = Decimal(600)
    sigma: float = 0.001
    a: float = 0.5
    k: float = 1.5
    # The best prices' distance from the mid, and what usually stands at a price and is traded.
    touch_bps: float = 0.2
    level_notional: float = 5_000
    trade_notional: float = 500
    # The share of market orders that know the next step.
    informed: float = 0.0
    step_ms: int = 100
    latency_ms: float = 1


def made_market(instrument: Instrument, making: Making) -> Recording:
    for name in ("seconds", "sigma", "a", "k", "touch_bps", "level_notional", "trade_notional"):
        positive(name, getattr(making, name))
    if not 0 <= making.informed <= 1:
        raise BadParameters("informed is a share from 0 to 1", field="informed")
    steps = int(making.seconds * 1000 / making.step_ms)
    if steps < 2:
        raise BadParameters("seconds is two steps at least", field="seconds")
    grid = grid_of(instrument)
    return recording_of(instrument, made_rows(grid, making, steps), lines=steps)


def made_rows(grid: Grid, making: Making, steps: int) -> Iterator[Row]:
    chance = np.random.default_rng(making.seed)
    seconds = making.step_ms / 1000
    move = over_a_second(ReturnVolatility(making.sigma)) * seconds**0.5
    first = float(making.mid / grid.tick)
    mids = first * np.exp(np.cumsum(chance.normal(0, move, steps + 1)))
    lag = round(making.latency_ms * 1_000_000)
    per_step = NS_A_SECOND * making.step_ms // 1000
    level, order = (
        max(worth / float(making.mid) / float(grid.step), 1.0)
        for worth in (making.level_notional, making.trade_notional)
    )
    for number in range(steps):
        at, mid = NS_A_SECOND + number * per_step, float(mids[number])
        sizes = np.ceil(chance.exponential(level, 2 * LEVELS)).astype(int).tolist()
        bid = floor(mid * (1 - making.touch_bps / BPS))
        ask = max(ceil(mid * (1 + making.touch_bps / BPS)), bid + 1)
        bids = [(bid - each, sizes[each]) for each in range(LEVELS)]
        asks = [(ask + each, sizes[LEVELS + each]) for each in range(LEVELS)]
        yield from book_rows(bids, asks, at, at + lag)
        rises = bool(mids[number + 1] > mid)
        for _ in range(chance.poisson(2 * making.a * seconds)):
            knows = chance.random() < making.informed
            is_buy = rises if knows else bool(chance.random() < 0.5)
            reach = chance.exponential(1 / making.k)
            size = ceil(chance.exponential(order))
            then = at + 1 + int(chance.integers(per_step - 1))
            price = mid * (1 + (reach if is_buy else -reach) / BPS)
            # Who comes to the book trades at its best price at least.
            told = max(floor(price), ask) if is_buy else min(ceil(price), bid)
            yield Row(BOUGHT if is_buy else SOLD, then, then + lag, told, size)
