"""From a strategy to its intents, a closed bar at a time, as it is called when it trades.

When it trades, a strategy is given the last `candles_needed` closed bars; here too. An
indicator that remembers all it has seen, as an EMA does, is thereby the same in both.
"""

from decimal import Decimal

import numpy as np

from engine.backtest.intents import LONG, SHORT, Do, Intents
from engine.candle import Candles
from engine.signal import Action, Direction, Intent
from engine.strategies.base import Params, Strategy

COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


def from_strategy(
    strategy: Strategy, candles: Candles, params: Params, *, least_confidence: int = 0
) -> Intents:
    """What the strategy wants on each bar, having seen that bar and those before it."""
    needed = strategy.candles_needed(params)
    told = []
    for bar in range(needed - 1, len(candles)):
        intent = strategy.decide(bars_of(candles, bar + 1 - needed, bar + 1), params)
        if intent and intent.confidence >= least_confidence:
            told.append((bar, intent))
    return intents_of(told)


def intents_of(told: list[tuple[int, Intent]]) -> Intents:
    """Market orders, with the stop and the target that the strategy named."""
    return Intents.of(
        [bar for bar, _ in told],
        action=[Do.OPEN if each.action is Action.OPEN else Do.CLOSE for _, each in told],
        direction=[LONG if each.direction is Direction.LONG else SHORT for _, each in told],
        stop=[price_of(each.stop) for _, each in told],
        target=[price_of(each.target) for _, each in told],
    )


def price_of(price: Decimal | None) -> float:
    return np.nan if price is None else np.float64(price).item()


def bars_of(candles: Candles, start: int, end: int, *, copied: bool = False) -> Candles:
    """Some bars of candles; what is sound is so in every part, and is not looked at again."""
    part = object.__new__(Candles)
    object.__setattr__(part, "timeframe", candles.timeframe)
    for name in COLUMNS:
        column = getattr(candles, name)[start:end]
        object.__setattr__(part, name, column.copy() if copied else column)
    return part
