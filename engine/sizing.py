"""From a subscription to a quantity."""

from decimal import Decimal

from engine.instrument import Instrument

# The share of the capital that one trade may put up as margin.
RISK_MODES = {1: Decimal("0.01"), 2: Decimal("0.015"), 3: Decimal("0.02")}


def notional_of(*, capital: Decimal, leverage: int, risk_mode: int) -> Decimal:
    """What one trade is worth: the margin share of the capital, times leverage."""
    return capital * RISK_MODES[risk_mode] * leverage


def quantity_of(
    *, capital: Decimal, leverage: int, risk_mode: int, price: Decimal, instrument: Instrument
) -> Decimal:
    """Base units to trade; zero where the venue's minimum is not reached."""
    notional = notional_of(capital=capital, leverage=leverage, risk_mode=risk_mode)
    return instrument.quantity_for(notional, price)
