"""The strategy library: one file per strategy, found by its code."""

from engine.errors import BadParameters
from engine.strategies import ma_cross
from engine.strategies.base import Strategy

LIBRARY: dict[str, Strategy] = {strategy.code: strategy for strategy in (ma_cross.STRATEGY,)}


def strategy_named(code: str) -> Strategy:
    try:
        return LIBRARY[code]
    except KeyError:
        raise BadParameters("unknown strategy", code=code, known=sorted(LIBRARY)) from None
