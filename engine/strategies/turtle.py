"""Turtle: in on a new extreme of many bars, out on the opposite extreme of fewer.

The first bar that goes beyond speaks, for entries and for exits; an entry is told before an exit.
"""

from typing import Annotated

from msgspec import Meta

from engine.indicators import donchian
from engine.strategies.base import Params
from engine.strategies.columns import (
    above,
    always,
    began,
    chosen,
    closing,
    of_columns,
    opening_by_range,
    ways,
)
from engine.strategies.seen import Seen, Two
from engine.strategies.wishes import Column, Ways, Wishes


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


def passed(seen: Seen, period: int) -> Ways:
    """The side on which a bar first goes beyond the channel of the bars before it."""

    def beyond(ago: int) -> Ways:
        high, low = seen.candles.high, seen.candles.low
        top, bottom = extremes(high, low, period)
        return ways(
            above(seen.ago(high, ago), seen.ago(top, ago + 1)),
            above(seen.ago(bottom, ago + 1), seen.ago(low, ago)),
        )

    return began(Two(beyond(1), beyond(0)))


def extremes(high: Column, low: Column, period: int) -> tuple[Column, Column]:
    """The highest high and the lowest low of so many bars, of one bar its own."""
    if period == 1:
        return high, low
    told = donchian(high, low, period)
    return told.upper, told.lower


def wishes(seen: Seen, params: Turtle) -> Wishes:
    way, back = passed(seen, params.entry_period), passed(seen, params.exit_period)
    opened = opening_by_range(
        seen,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.risk_unit,
        target_ranges=2 * params.risk_unit,
        confidence=80,
        reason=always(f"beyond the extreme of {params.entry_period} bars"),
    )
    closed = closing(
        seen,
        -back,
        confidence=80,
        reason=always(f"beyond the opposite extreme of {params.exit_period} bars"),
    )
    return chosen(way != 0, opened, closed)


STRATEGY = of_columns("turtle", Turtle, candles_needed, wishes)
