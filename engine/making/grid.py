"""What a maker counts in: whole ticks and whole steps, so that no other price or size can be said.

Decimals are turned into them where a message comes in, and back where an order goes out.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from engine.errors import UnknownInstrument, VenueRefused
from engine.instrument import Instrument


@dataclass(frozen=True, slots=True)
class Grid:
    symbol: str
    tick: Decimal
    step: Decimal
    # The least order, in steps, and in money.
    least: int
    least_notional: Decimal
    # A tick times a step, in money.
    unit: Decimal

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick

    def quantity(self, steps: int) -> Decimal:
        return steps * self.step

    def notional(self, ticks: int, steps: int) -> Decimal:
        return ticks * steps * self.unit

    def ticks(self, price: Decimal) -> int:
        return whole(price, self.tick, "price", self.symbol)

    def steps(self, quantity: Decimal) -> int:
        return whole(quantity, self.step, "quantity", self.symbol)


def whole(value: Decimal, unit: Decimal, name: str, symbol: str) -> int:
    count = value / unit
    if count != count.to_integral_value():
        raise VenueRefused(f"{name} {value} is no multiple of {unit}", field=name, symbol=symbol)
    return int(count)


def grid_of(instrument: Instrument) -> Grid:
    """Refused where the venue has not told all of it: a guess would be an order of some size."""
    for name in ("tick", "step", "min_quantity"):
        value = getattr(instrument, name)
        if not value.is_finite() or value <= 0:
            raise UnknownInstrument(
                f"{instrument.symbol}: the venue tells no {name}, so nothing is ordered",
                field=name,
                symbol=instrument.symbol,
            )
    least = (instrument.min_quantity / instrument.step).to_integral_value(ROUND_CEILING)
    return Grid(
        symbol=instrument.symbol,
        tick=instrument.tick,
        step=instrument.step,
        least=int(least),
        least_notional=instrument.min_notional,
        unit=instrument.tick * instrument.step,
    )
