"""Where prices come from: computed (`generated.py`), or replayed.

Every source gives ticks: a moment and the price of each symbol then. The house
quotes round those prices, so that whoever comes finds somebody to trade with.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from engine.candle import Candles, seconds
from engine.instrument import Instrument
from engine.money import floor_to_step, round_to_tick
from engine.signal import Side

Prices = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Tick:
    at_ms: int
    prices: Prices


class Market(Protocol):
    def instruments(self) -> dict[str, Instrument]: ...

    def prices(self, at_ms: int) -> dict[str, Decimal]: ...

    def candles(self, symbol: str, timeframe: str, bars: int, at_ms: int) -> Candles: ...


class HeldMarket:
    """A market whose prices somebody holds still or moves by hand, over another one's candles."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.held: dict[str, Decimal] = {}

    def instruments(self) -> dict[str, Instrument]:
        return self._market.instruments()

    def prices(self, at_ms: int) -> dict[str, Decimal]:
        return self._market.prices(at_ms) | self.held

    def candles(self, symbol: str, timeframe: str, bars: int, at_ms: int) -> Candles:
        return self._market.candles(symbol, timeframe, bars, at_ms)


def replayed_candles(symbol: str, candles: Candles, instrument: Instrument) -> Iterator[Tick]:
    """Each bar as four ticks: a rising bar sees its low first, a falling one its high."""
    quarter = seconds(candles.timeframe) * 250
    for row in range(len(candles)):
        first, last = candles.open[row], candles.close[row]
        low, high = candles.low[row], candles.high[row]
        path = (first, low, high, last) if last >= first else (first, high, low, last)
        for step, price in enumerate(path):
            exact = round_to_tick(Decimal(repr(price.item())), instrument.tick)
            yield Tick(int(candles.opened_at[row]) * 1000 + step * quarter, {symbol: exact})


def replayed_trades(symbol: str, trades: Iterable[tuple[int, Decimal]]) -> Iterator[Tick]:
    """Each (moment, price) as a tick."""
    for at_ms, price in trades:
        yield Tick(at_ms, {symbol: price})


@dataclass(frozen=True, slots=True)
class Quoting:
    """How the house quotes: so many levels on each side, so far apart.

    The first level is worth `notional`, the second twice that, and so on: whoever
    trades little pays the spread, and whoever trades much still finds somebody.
    """

    levels: int = 10
    spacing: Decimal = Decimal("0.0001")
    notional: Decimal = Decimal(20_000)

    def ladder(
        self, instrument: Instrument, price: Decimal
    ) -> Iterator[tuple[Side, Decimal, Decimal]]:
        """(side, price, quantity), never nearer to the price than one tick."""
        price = max(round_to_tick(price, instrument.tick), instrument.tick)
        least = max(instrument.step, instrument.min_quantity)
        quantity = max(floor_to_step(self.notional / price, instrument.step), least)
        for level in range(1, self.levels + 1):
            away = self._away(instrument, price, level)
            if away < price:
                yield Side.BUY, price - away, quantity * level
            yield Side.SELL, price + away, quantity * level

    def _away(self, instrument: Instrument, price: Decimal, level: int) -> Decimal:
        ticks = round_to_tick(price * self.spacing * level, instrument.tick)
        return max(ticks, instrument.tick * level)
