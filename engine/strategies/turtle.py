"""Turtle: in on a new extreme of many bars, out on the opposite extreme of fewer.

The first bar that goes beyond speaks, for entries and for exits; an entry is told before an exit.
"""

from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.indicators import donchian
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, above, began, closing, opening_by_range


class Turtle(Params, frozen=True, kw_only=True):
    entry_period: Annotated[
        int, Meta(ge=2, le=400, description="bars whose extreme must be passed to enter")
    ] = 20
    exit_period: Annotated[
        int, Meta(ge=1, le=400, description="bars whose opposite extreme must be passed to leave")
    ] = 10
    atr_period: Annotated[int, Meta(ge=2, le=200, description="bars of the usual range")] = 20
    risk_unit: Annotated[
        float, Meta(ge=0.1, le=20, description="stop, in usual ranges from the price")
    ] = 2.0

    def __post_init__(self) -> None:
        if self.exit_period > self.entry_period:
            raise ValueError("exit_period must not be above entry_period")


def candles_needed(params: Turtle) -> int:
    return max(params.entry_period, params.atr_period) + 2


def passed(candles: Candles, period: int) -> Direction | None:
    """The side on which the last bar first goes beyond the channel of the bars before it."""
    top, bottom = [
        column.tolist() for column in donchian(candles.high, candles.low, max(period, 2))[::2]
    ]
    if period == 1:
        top, bottom = candles.high.tolist(), candles.low.tolist()

    def state(at: int) -> Direction | None:
        if above(float(candles.high[at]), top[at - 1]):
            return Direction.LONG
        return Direction.SHORT if above(bottom[at - 1], float(candles.low[at])) else None

    return began([state(-2), state(-1)])


def decide(candles: Candles, params: Turtle) -> Intent | None:
    way = passed(candles, params.entry_period)
    if way is not None:
        return opening_by_range(
            candles,
            way,
            atr_period=params.atr_period,
            stop_ranges=params.risk_unit,
            target_ranges=2 * params.risk_unit,
            confidence=80,
            reason=f"beyond the extreme of {params.entry_period} bars",
        )
    back = passed(candles, params.exit_period)
    if back is None:
        return None
    held = Direction.SHORT if back is Direction.LONG else Direction.LONG
    reason = f"beyond the opposite extreme of {params.exit_period} bars"
    return closing(candles, held, confidence=80, reason=reason)


STRATEGY = Strategy("turtle", Turtle, candles_needed, decide)
