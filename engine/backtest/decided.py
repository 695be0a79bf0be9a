"""From a strategy to its intents, on each closed bar as it is called when it trades.

When it trades, a strategy is given the last `candles_needed` closed bars; here too. An
indicator that remembers all it has seen, as an EMA does, is thereby the same in both.
"""

import numpy as np

from engine.backtest.intents import LONG, SHORT, Do, Intents
from engine.candle import Candles, bars_of
from engine.parts import Whole
from engine.strategies.base import Params, Strategy
from engine.strategies.columns import wishes_of
from engine.strategies.wishes import Wishes, listed


def from_strategy(
    strategy: Strategy,
    candles: Candles,
    params: Params,
    *,
    least_confidence: int = 0,
    hedge: bool = False,
) -> Intents:
    """What the strategy wants on each bar, having seen that bar and those before it: market
    orders, with the stop and the target that it named.

    With `hedge` a rule that may hold both directions at once says every leg.
    """
    needed = strategy.candles_needed(params)
    if len(candles) < needed:
        return Intents.of([])
    if hedge and strategy.hedge is not None:
        bars, told = legs_of(strategy, candles, params)
    else:
        told = wishes_of(strategy, candles, params)
        bars = np.arange(needed - 1, len(candles))
    at = np.flatnonzero((told.way != 0) & (told.confidence >= least_confidence))
    return Intents.of(
        bars[at],
        action=np.where(told.opens[at], Do.OPEN, Do.CLOSE),
        direction=np.where(told.way[at] > 0, LONG, SHORT),
        stop=told.stop[at],
        target=told.target[at],
    )


def legs_of(strategy: Strategy, candles: Candles, params: Params) -> tuple[Whole, Wishes]:
    """Every leg in turn, and the bar that each is said on."""
    needed = strategy.candles_needed(params)
    told = [
        (end - 1, leg)
        for end in range(needed, len(candles) + 1)
        for leg in strategy.legs(bars_of(candles, end - needed, end), params)
    ]
    bars = np.array([bar for bar, _ in told], np.int64)
    return bars, listed(candles.close[bars], [leg for _, leg in told])
