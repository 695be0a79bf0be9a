"""One tradable thing on a venue: its tick, step and minimums."""

from decimal import Decimal

import msgspec

from engine.money import floor_to_step


class Instrument(msgspec.Struct, frozen=True):
    """What the venue says of a symbol; quantities are in base units (coins)."""

    symbol: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    min_notional: Decimal

    def quantity_for(self, notional: Decimal, price: Decimal) -> Decimal:
        """How much can be bought for a notional; zero where it is below the venue's minimum."""
        quantity = floor_to_step(notional / price, self.step)
        too_small = quantity < self.min_quantity or quantity * price < self.min_notional
        return Decimal(0) if too_small else quantity
