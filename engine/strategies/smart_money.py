"""What the smart-money rules share: higher bars, the trend of swings, and bars that refuse a price.

No strategy of its own. Everything is told from the bars up to the one asked about.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.candle import Candles, seconds
from engine.indicators import ema, swings
from engine.signal import Direction
from engine.strategies.base import above

Column = NDArray[np.float64]
# Averages of the higher bars speak where they differ by more than this share.
APART = 0.005


class Bars(NamedTuple):
    """Open, high, low and close, column by column."""

    open: Column
    high: Column
    low: Column
    close: Column


def higher(candles: Candles, multiple: int) -> Bars:
    """Bars of a higher timeframe on the clock's own boundaries, complete ones only."""
    step = seconds(candles.timeframe)
    place = candles.opened_at // step
    starts = np.flatnonzero(place % multiple == 0)
    starts = starts[starts + multiple <= len(candles)]
    if not starts.size:
        none = np.empty(0)
        return Bars(none, none, none, none)
    rows = starts[:, None] + np.arange(multiple)
    return Bars(
        candles.open[starts],
        candles.high[rows].max(axis=1),
        candles.low[rows].min(axis=1),
        candles.close[starts + multiple - 1],
    )


def trend_of_swings(bars: Bars, *, swing: int, fast: int, slow: int) -> Direction | None:
    """Up while highs and lows both rise, down while both fall; else as two averages differ."""
    if len(bars.close) > 2 * swing:
        told = swings(bars.high, bars.low, left=swing, right=swing)
        highs, lows = told.high[~np.isnan(told.high)], told.low[~np.isnan(told.low)]
        if len(highs) > 1 and len(lows) > 1:
            if above(highs[-1], highs[-2]) and above(lows[-1], lows[-2]):
                return Direction.LONG
            if above(highs[-2], highs[-1]) and above(lows[-2], lows[-1]):
                return Direction.SHORT
    if len(bars.close) < slow:
        return None
    apart = ema(bars.close, fast)[-1] / ema(bars.close, slow)[-1] - 1
    if abs(apart) <= APART:
        return None
    return Direction.LONG if apart > 0 else Direction.SHORT


class Lists(NamedTuple):
    """The bars as plain numbers: rules that walk them bar by bar are faster so."""

    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]


def lists(candles: Candles) -> Lists:
    return Lists(
        candles.open.tolist(), candles.high.tolist(), candles.low.tolist(), candles.close.tolist()
    )


def mirrored(bars: Lists) -> Lists:
    """The same market upside down: what sellers see is what buyers see in it."""
    return Lists(
        [-value for value in bars.open],
        [-value for value in bars.low],
        [-value for value in bars.high],
        [-value for value in bars.close],
    )


# Every pattern is told for buyers; sellers look at the mirrored market. `ratio` is the least
# wick of a pin bar, in bodies.
def pinbar(bars: Lists, at: int, ratio: float) -> bool:
    body = abs(bars.close[at] - bars.open[at])
    below = min(bars.open[at], bars.close[at]) - bars.low[at]
    over = bars.high[at] - max(bars.open[at], bars.close[at])
    return below > 0 and below >= ratio * body and below >= 1.2 * over


def engulfing(bars: Lists, at: int, ratio: float) -> bool:
    before = bars.close[at - 1] < bars.open[at - 1]
    return before and bars.close[at] > bars.open[at - 1] and bars.open[at] <= bars.close[at - 1]


def star(bars: Lists, at: int, ratio: float) -> bool:
    """A falling bar, a small one, and a rising one that closes beyond the middle of the first."""
    falls = bars.open[at - 2] - bars.close[at - 2]
    small = abs(bars.close[at - 1] - bars.open[at - 1])
    middle = (bars.open[at - 2] + bars.close[at - 2]) / 2
    return (
        falls > 0
        and small <= 0.5 * falls
        and bars.close[at] > bars.open[at]
        and bars.close[at] > middle
    )


def inside_bar(bars: Lists, at: int, ratio: float) -> bool:
    """The bar before lay within its elder, and this one closes above it."""
    lay = bars.high[at - 1] <= bars.high[at - 2] and bars.low[at - 1] >= bars.low[at - 2]
    return lay and bars.close[at] > bars.high[at - 1]


def fakey(bars: Lists, at: int, ratio: float) -> bool:
    """A break below an inside bar that is taken back within the bar."""
    lay = bars.high[at - 1] <= bars.high[at - 2] and bars.low[at - 1] >= bars.low[at - 2]
    return lay and bars.low[at] < bars.low[at - 1] < bars.close[at]


def tweezer(bars: Lists, at: int, ratio: float) -> bool:
    """Two lows at one price, the first of a falling bar and the second of a rising one."""
    span = max(bars.high[at], bars.high[at - 1]) - min(bars.low[at], bars.low[at - 1])
    level = span > 0 and abs(bars.low[at] - bars.low[at - 1]) <= 0.05 * span
    return level and bars.close[at - 1] < bars.open[at - 1] and bars.close[at] > bars.open[at]


def harami(bars: Lists, at: int, ratio: float) -> bool:
    """A small rising body within the falling body before it."""
    return (
        bars.close[at - 1] < bars.open[at]
        and bars.open[at] < bars.close[at]
        and bars.close[at] < bars.open[at - 1]
    )


def wick_reject(bars: Lists, at: int, ratio: float) -> bool:
    """The bar closes in the upper third of its range, with half of the range as lower wick."""
    span = bars.high[at] - bars.low[at]
    below = min(bars.open[at], bars.close[at]) - bars.low[at]
    return span > 0 and bars.close[at] >= bars.high[at] - span / 3 and below >= span / 2


def belt_hold(bars: Lists, at: int, ratio: float) -> bool:
    """The bar opens at its low and closes near its high."""
    span = bars.high[at] - bars.low[at]
    opens_low = bars.open[at] - bars.low[at] <= 0.05 * span
    return span > 0 and opens_low and bars.close[at] - bars.open[at] >= 0.7 * span


def hammer(bars: Lists, at: int, ratio: float) -> bool:
    """A small body at the top of its range, with a lower wick of two bodies and hardly an upper."""
    span, body = bars.high[at] - bars.low[at], abs(bars.close[at] - bars.open[at])
    below = min(bars.open[at], bars.close[at]) - bars.low[at]
    over = bars.high[at] - max(bars.open[at], bars.close[at])
    return span > 0 and body <= span / 3 and below >= 2 * body and over <= 0.1 * span


PATTERNS: dict[str, Callable[[Lists, int, float], bool]] = {
    "pinbar": pinbar,
    "engulfing": engulfing,
    "star": star,
    "inside_bar": inside_bar,
    "fakey": fakey,
    "tweezer": tweezer,
    "harami": harami,
    "wick_reject": wick_reject,
    "belt_hold": belt_hold,
    "hammer": hammer,
}
# Bars before the one asked about that a pattern may look at.
PATTERN_BARS = 2
