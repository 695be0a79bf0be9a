"""Whether a strategy looks ahead, and whether what it says depends on how far back it sees."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.backtest.intents import Intents
from engine.candle import Candles, bars_of
from engine.signal import Action, Direction, Intent
from engine.strategies.base import Params, Strategy


@dataclass(frozen=True, slots=True)
class Check:
    """The bars on which a strategy did not say the same when asked in another way."""

    # When what comes later was not there, or it was asked about that bar alone.
    looked_ahead: tuple[int, ...]
    # When more of what was before was there: its warm-up is too short to be repeatable.
    unsettled: tuple[int, ...]
    bars: int

    @property
    def is_sound(self) -> bool:
        return not self.looked_ahead


def check(strategy: Strategy, candles: Candles, params: Params, *, bars: int = 200) -> Check:
    """Ask the strategy again, on this many bars: with nothing after them, and with more before.

    Bars on which it wants something are asked first, the others are spread evenly.
    """
    needed = strategy.candles_needed(params)
    said = said_of(strategy, candles, params)
    asked = sample(said, bars)
    ahead, unsettled = [], []
    for bar in asked:
        cut = bars_of(candles, 0, bar + 1, copied=True)
        if (
            strategy.decide(bars_of(cut, bar + 1 - needed, bar + 1, copied=True), params)
            != said[bar]
        ):
            ahead.append(bar)
        longer = strategy.decide(bars_of(cut, max(0, bar + 1 - 2 * needed), bar + 1), params)
        if meaning(longer) != meaning(said[bar]):
            unsettled.append(bar)
    return Check(tuple(ahead), tuple(unsettled), len(asked))


def said_of(strategy: Strategy, candles: Candles, params: Params) -> dict[int, Intent | None]:
    """What a strategy says on each bar when it is asked about all of them."""
    needed = strategy.candles_needed(params)
    bars = range(needed - 1, len(candles))
    if strategy.columns is not None:
        told = strategy.columns(candles, params)
        return {bar: told.intent(bar + 1 - needed) for bar in bars}
    return {
        bar: strategy.decide(bars_of(candles, bar + 1 - needed, bar + 1), params) for bar in bars
    }


def sample(said: dict[int, Intent | None], count: int) -> list[int]:
    speaking = [bar for bar, intent in said.items() if intent]
    silent = [bar for bar, intent in said.items() if not intent]
    chosen = speaking[:: max(1, len(speaking) // count + 1)]
    chosen += silent[:: max(1, len(silent) // count + 1)]
    return sorted(chosen)


def meaning(intent: Intent | None) -> tuple[Action, Direction] | None:
    """What is done; how sure it is, and the last digits of its levels, may settle later."""
    return (intent.action, intent.direction) if intent else None


def looks_ahead(
    columns: Callable[[Candles], Intents], candles: Candles, *, cuts: int = 20
) -> tuple[int, ...]:
    """Where candles were cut and a strategy of whole columns then said something else before."""
    whole = columns(candles)
    ends = np.unique(np.linspace(1, len(candles), cuts + 1).astype(int)[:-1]).tolist()
    return tuple(
        end
        for end in ends
        if not is_same(columns(bars_of(candles, 0, end, copied=True)), whole.before(end))
    )


def is_same(one: Intents, other: Intents) -> bool:
    return np.array_equal(one.codes, other.codes) and np.array_equal(
        one.rows, other.rows, equal_nan=True
    )
