"""From a strategy to its intents, on each closed bar as it is called when it trades.

When it trades, a strategy is given the last `candles_needed` closed bars; here too. An
indicator that remembers all it has seen, as an EMA does, is thereby the same in both.
"""

import numpy as np

from engine.backtest.intents import LONG, SHORT, Do, Intents
from engine.candle import Candles
from engine.strategies.base import Params, Strategy
from engine.strategies.columns import wishes_of


def from_strategy(
    strategy: Strategy, candles: Candles, params: Params, *, least_confidence: int = 0
) -> Intents:
    """What the strategy wants on each bar, having seen that bar and those before it: market
    orders, with the stop and the target that it named."""
    needed = strategy.candles_needed(params)
    if len(candles) < needed:
        return Intents.of([])
    told = wishes_of(strategy, candles, params)
    at = np.flatnonzero((told.way != 0) & (told.confidence >= least_confidence))
    return Intents.of(
        at + needed - 1,
        action=np.where(told.opens[at], Do.OPEN, Do.CLOSE),
        direction=np.where(told.way[at] > 0, LONG, SHORT),
        stop=told.stop[at],
        target=told.target[at],
    )
