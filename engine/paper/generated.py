"""The market that the paper venue trades on: a price for every symbol and moment, never stored.

The centre draws candles from it and nodes trade at it without talking to each
other. A level moves in sine waves of several periods, with bounded noise
from a hash of the moment, so that there is always something to trade and no
two minutes are alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.candle import Candles, last_closed_bar, seconds
from engine.errors import UnknownInstrument
from engine.instrument import Instrument
from engine.money import round_to_tick
from engine.paper.market import Tick

# The price changes this often; a candle is made of the prices at these steps.
STEP_MS = 250
# A long candle is drawn from so many of its steps, evenly spread, so that days stay cheap.
MOST_SAMPLES = 32
# Whoever was away for longer goes through so many of the steps in between: an hour has as many.
MOST_STEPS = 14_400
Columns = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Symbol:
    level: float
    # Where its waves begin, so that symbols turn at different moments.
    phase: float
    # (period in seconds, height as a share of the level)
    waves: tuple[tuple[float, float], ...]
    noise: float
    instrument: Instrument


def described(symbol: str, tick: str, step: str) -> Instrument:
    return Instrument(symbol, Decimal(tick), Decimal(step), Decimal(step), Decimal(5))


WAVES = ((31.0, 0.004), (97.0, 0.0015), (3607.0, 0.01), (86_413.0, 0.03))
SYMBOLS: dict[str, Symbol] = {
    "BTC/USDT": Symbol(60_000, 0.0, WAVES, 0.0001, described("BTC/USDT", "0.1", "0.00001")),
    "ETH/USDT": Symbol(3_000, np.pi, WAVES, 0.0001, described("ETH/USDT", "0.01", "0.0001")),
    "SOL/USDT": Symbol(150, np.pi / 2, WAVES, 0.0002, described("SOL/USDT", "0.001", "0.001")),
}


class GeneratedMarket:
    def instruments(self) -> dict[str, Instrument]:
        return {symbol: shape.instrument for symbol, shape in SYMBOLS.items()}

    def price(self, symbol: str, at_ms: int) -> Decimal:
        return self.prices(at_ms, [symbol])[symbol]

    def prices(self, at_ms: int, symbols: Iterable[str] = tuple(SYMBOLS)) -> dict[str, Decimal]:
        step = np.array([at_ms // STEP_MS], dtype=np.int64)
        return {symbol: exact(symbol, prices(symbol, step))[0] for symbol in symbols}

    def path(self, symbols: Iterable[str], after_ms: int, until_ms: int) -> Iterator[Tick]:
        """Every price after one moment, up to another; of a long time as many, evenly spread."""
        first, last = after_ms // STEP_MS + 1, until_ms // STEP_MS
        if last < first:
            return
        steps = np.unique(np.linspace(first, last, min(MOST_STEPS, last - first + 1)).astype(int))
        columns = {symbol: exact(symbol, prices(symbol, steps)) for symbol in symbols}
        for row, step in enumerate(steps.tolist()):
            told = {symbol: column[row] for symbol, column in columns.items()}
            yield Tick(step * STEP_MS, told)

    def candles(self, symbol: str, timeframe: str, bars: int, at_ms: int) -> Candles:
        """The latest closed bars by `at_ms`."""
        length = seconds(timeframe)
        last = last_closed_bar(timeframe, at_ms / 1000)
        opened_at = np.arange(last - (bars - 1) * length, last + length, length, dtype=np.int64)
        steps_a_bar = length * 1000 // STEP_MS
        offsets = np.unique(
            np.linspace(0, steps_a_bar - 1, min(MOST_SAMPLES, steps_a_bar), dtype=np.int64)
        )
        steps = opened_at[:, None] * 1000 // STEP_MS + offsets[None, :]
        samples = prices(symbol, steps)
        return Candles(
            timeframe=timeframe,
            opened_at=opened_at,
            open=samples[:, 0],
            high=samples.max(axis=1),
            low=samples.min(axis=1),
            close=samples[:, -1],
            volume=np.abs(samples[:, -1] - samples[:, 0]) + 1.0,
        )


def named(symbol: str) -> Symbol:
    try:
        return SYMBOLS[symbol]
    except KeyError:
        raise UnknownInstrument(
            "the paper venue does not trade this symbol", symbol=symbol
        ) from None


def prices(symbol: str, steps: NDArray[np.int64]) -> Columns:
    """Prices on the tick, at whole steps of time."""
    shape = named(symbol)
    at = steps * (STEP_MS / 1000)
    moved: Columns = np.zeros(steps.shape)
    for period, height in shape.waves:
        moved += height * np.sin(2 * np.pi * (at / period) + shape.phase)
    moved += shape.noise * noise(steps, seed=sum(map(ord, symbol)))
    tick = float(shape.instrument.tick)
    on_tick: Columns = np.round(shape.level * (1 + moved) / tick) * tick
    return on_tick


def exact(symbol: str, column: Columns) -> list[Decimal]:
    tick = named(symbol).instrument.tick
    return [round_to_tick(Decimal(repr(price)), tick) for price in column.tolist()]


def noise(steps: NDArray[np.int64], *, seed: int) -> Columns:
    """Between -1 and 1, from the moment alone (the finaliser of splitmix64)."""
    mixed = steps.astype(np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    unit: Columns = mixed.astype(np.float64) / 2.0**64
    return 2 * unit - 1
