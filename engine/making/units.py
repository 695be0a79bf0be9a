"""Volatility in two units that a type checker keeps apart, and prices told in a third.

Models of quotes speak in prices: a volatility of returns put in the place of one of prices makes
spreads that gamma and k no longer move. A maker's model speaks in basis points of the mid, so that
one set of parameters fits a coin of 60,000 and one of 0.6.
"""

from math import isfinite, sqrt
from typing import NewType

from engine.errors import BadParameters
from engine.parts import part

# Standard deviation of the price, in the price's own unit, over the square root of a unit of time.
PriceVolatility = NewType("PriceVolatility", float)
# Standard deviation of the logarithm of the price, over the square root of a unit of time.
ReturnVolatility = NewType("ReturnVolatility", float)
# A distance from the mid, or between two prices: ten-thousandths of the mid.
Bps = NewType("Bps", float)

BPS = 10_000.0
SECONDS_A_MINUTE = 60


def of_price(volatility: ReturnVolatility, *, mid: float) -> PriceVolatility:
    return PriceVolatility(volatility * positive("mid", mid))


def of_returns(volatility: PriceVolatility, *, mid: float) -> ReturnVolatility:
    return ReturnVolatility(volatility / positive("mid", mid))


@part
def in_bps(volatility: ReturnVolatility) -> PriceVolatility:
    """Of a price whose unit is a basis point of the mid."""
    return PriceVolatility(volatility * BPS)


def over_a_second(a_minute: ReturnVolatility) -> ReturnVolatility:
    """People think of a minute, models count in seconds."""
    return ReturnVolatility(a_minute / sqrt(SECONDS_A_MINUTE))


def over_a_minute(a_second: ReturnVolatility) -> ReturnVolatility:
    return ReturnVolatility(a_second * sqrt(SECONDS_A_MINUTE))


def between(one: float, other: float, *, mid: float) -> Bps:
    """How far one price is above another."""
    return Bps((one - other) / mid * BPS)


def positive(name: str, value: float) -> float:
    if not (isfinite(value) and value > 0):
        raise BadParameters(f"{name} is a number above zero", field=name)
    return value
