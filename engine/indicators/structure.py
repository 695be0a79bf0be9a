"""The structure of a market: swings, gaps and blocks, each known from the bar on which it shows.

A value on a bar is made of that bar and those before it. What is only seen later, as
a swing that later bars must confirm, stands on the bar that confirms it.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.indicators.averages import Column
from engine.parts import Floats, Signs

Flags = NDArray[np.bool_]


class Swings(NamedTuple):
    """The price of a swing on the bar that confirms it, NaN elsewhere."""

    high: Column
    low: Column


class Zones(NamedTuple):
    """A zone on the bar that completes it, NaN elsewhere; `is_demand` where buyers left it."""

    top: Column
    bottom: Column
    is_demand: Flags


def swings(high: Column, low: Column, *, left: int, right: int) -> Swings:
    """Highs not lower, and lows not higher, than `left` bars before and `right` bars after.

    With `right=0` a swing shows on its own bar, and may be overtaken by the next.
    """
    return Swings(turns(high, left, right), -turns(-low, left, right))


def turns(values: Column, left: int, right: int) -> Column:
    told = np.full(len(values), np.nan)
    if len(values) > left + right:
        windows = sliding_window_view(values, left + right + 1)
        turning = windows[:, left]
        is_turn = turning >= windows.max(axis=1)
        told[left + right :][is_turn] = turning[is_turn]
    return told


def latest(values: Column) -> Column:
    """The last value that was one, carried forward."""
    known = ~np.isnan(values)
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(places < 0, np.nan, values[places])


def gaps(high: Column, low: Column, *, least: float) -> Zones:
    """Fair-value gaps: three bars whose outer two leave a gap of at least this share of price."""
    top, bottom = np.full(len(high), np.nan), np.full(len(high), np.nan)
    rises = np.zeros(len(high), np.bool_)
    falls = np.zeros(len(high), np.bool_)
    rises[2:] = low[2:] - high[:-2] > least * high[:-2]
    falls[2:] = low[:-2] - high[2:] > least * high[2:]
    before_high, before_low = np.roll(high, 2), np.roll(low, 2)
    top[rises], bottom[rises] = low[rises], before_high[rises]
    top[falls], bottom[falls] = before_low[falls], high[falls]
    return Zones(top, bottom, rises)


def order_blocks(
    open_: Column, high: Column, low: Column, close: Column, *, least_body: float
) -> Zones:
    """The last opposite bar before a bar whose body is at least this share of its range and
    that closes beyond it; the zone is the opposite bar's whole range."""
    body, span = np.abs(close - open_), high - low
    is_strong = np.zeros(len(close), np.bool_)
    is_strong[1:] = (body >= least_body * span)[1:] & (span > 0)[1:]
    rises = is_strong.copy()
    rises[1:] &= (close[:-1] < open_[:-1]) & (close[1:] > high[:-1])
    falls = is_strong.copy()
    falls[1:] &= (close[:-1] > open_[:-1]) & (close[1:] < low[:-1])
    top, bottom = np.full(len(close), np.nan), np.full(len(close), np.nan)
    places = np.flatnonzero(rises | falls)
    top[places], bottom[places] = high[places - 1], low[places - 1]
    return Zones(top, bottom, rises)


def retracement(high: Column, low: Column, level: float, *, rising: bool) -> Column:
    """The price that gives back a share of the way between a low and a high: from the high
    down after a rise, from the low up after a fall."""
    return high - (high - low) * level if rising else low + (high - low) * level


def breaks(close: Column, swing_high: Column, swing_low: Column) -> NDArray[np.int8]:
    """1 where a bar closes above the last swing high, -1 below the last swing low; each swing
    is broken once. The swings of the bar itself count from the next one on."""
    told = np.zeros(len(close), np.int8)
    high, low = np.ascontiguousarray(swing_high), np.ascontiguousarray(swing_low)
    write_breaks(np.ascontiguousarray(close), high, low, told)
    return told


@compiled()
def write_breaks(
    close: Floats, swing_high: Floats, swing_low: Floats, told: Signs
) -> None:  # pragma: no cover - compiled
    top, bottom = np.inf, -np.inf
    for bar in range(len(close)):
        if close[bar] > top:
            told[bar], top = 1, np.inf
        elif close[bar] < bottom:
            told[bar], bottom = -1, -np.inf
        if not np.isnan(swing_high[bar]):
            top = swing_high[bar]
        if not np.isnan(swing_low[bar]):
            bottom = swing_low[bar]
