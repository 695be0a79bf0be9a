"""The strategy library: one file per strategy, found by its code."""

from engine.errors import BadParameters
from engine.strategies import portfolio
from engine.strategies.base import Parameter, Span, Strategy, describe, schema, space
from engine.strategies.members import MEMBERS

__all__ = [
    "LIBRARY",
    "Parameter",
    "Span",
    "Strategy",
    "describe",
    "schema",
    "space",
    "strategy_named",
]

LIBRARY: dict[str, Strategy] = {**MEMBERS, portfolio.STRATEGY.code: portfolio.STRATEGY}
# Names that differed only in how much was staked, which is the subscription's to say.
ALIASES = {
    "market_regime_aggressive": "market_regime",
    "market_regime_balanced": "market_regime",
}


def strategy_named(code: str) -> Strategy:
    try:
        return LIBRARY[ALIASES.get(code, code)]
    except KeyError:
        raise BadParameters("unknown strategy", code=code, known=sorted(LIBRARY)) from None
