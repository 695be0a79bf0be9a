"""Volatility in two units that a type checker keeps apart.

Models of quotes speak in prices: a volatility of returns put in the place of one of prices makes
spreads that gamma and k no longer move.
"""

from math import isfinite
from typing import NewType

from engine.errors import BadParameters

# Standard deviation of the price, in the price's own unit, over the square root of a unit of time.
PriceVolatility = NewType("PriceVolatility", float)
# Standard deviation of the logarithm of the price, over the square root of a unit of time.
ReturnVolatility = NewType("ReturnVolatility", float)


def of_price(volatility: ReturnVolatility, *, mid: float) -> PriceVolatility:
    return PriceVolatility(volatility * positive("mid", mid))


def of_returns(volatility: PriceVolatility, *, mid: float) -> ReturnVolatility:
    return ReturnVolatility(volatility / positive("mid", mid))


def positive(name: str, value: float) -> float:
    if not (isfinite(value) and value > 0):
        raise BadParameters(f"{name} is a number above zero", field=name)
    return value
