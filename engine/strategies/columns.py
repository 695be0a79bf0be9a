"""Rules over whole columns: what is wanted on every bar, told at once.

A rule is written once, for as many bars as there are; deciding on one bar is the same rule with
one place. The names are those of `engine.strategies.base`, which is for rules that look at one
bar at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.candle import Candles, bars_of
from engine.signal import Intent
from engine.strategies.base import SAME, Params, Strategy
from engine.strategies.seen import Seen, Two, each
from engine.strategies.wishes import Column, Ways, Wishes, listed, rounded

Flags = NDArray[np.bool_]
Rule = Callable[[Seen, Any], Wishes]


def of_columns(
    code: str,
    params: type[Params],
    candles_needed: Callable[[Any], int],
    wishes: Rule,
    presets: Mapping[str, Mapping[str, object]] | None = None,
    hedge: Callable[[Candles, Any], tuple[Intent, ...]] | None = None,
) -> Strategy:
    """A strategy whose rule tells of many bars at once."""

    def decide(candles: Candles, params: Any) -> Intent | None:
        return wishes(Seen(candles, len(candles)), params).intent(0)

    def columns(candles: Candles, params: Any) -> Wishes:
        return wishes(Seen(candles, candles_needed(params)), params)

    return Strategy(code, params, candles_needed, decide, presets or {}, hedge, columns)


def wishes_of(strategy: Strategy, candles: Candles, params: Any) -> Wishes:
    """What a strategy wants on each bar, from the first on which enough are shown: asked of all
    bars at once where its rule knows how, else of one after the other."""
    if strategy.columns is not None:
        return strategy.columns(candles, params)
    needed = strategy.candles_needed(params)
    return listed(
        candles.close[needed - 1 :],
        [
            strategy.decide(bars_of(candles, end - needed, end), params)
            for end in range(needed, len(candles) + 1)
        ],
    )


def above(one: ArrayLike, other: ArrayLike) -> Flags:
    """Where prices are above others by more than the dust of floats; NaN is above nothing."""
    told: Flags = np.asarray(np.subtract(one, other) > np.multiply(SAME, np.abs(other)))
    return told


def ways(is_long: ArrayLike = False, is_short: ArrayLike = False) -> Ways:
    """Long wherever it may be, else short wherever it may be."""
    return np.where(is_long, 1, np.where(is_short, -1, 0)).astype(np.int8)


def side(one: ArrayLike, other: ArrayLike) -> Ways:
    return ways(above(one, other), above(other, one))


def began(states: Two[Any]) -> Ways:
    """The states that begin on a bar, where they were others on the bar before."""
    return np.where(states.now != states.before, states.now, 0).astype(np.int8)


def crossed(one: Two[Column], other: Two[Column]) -> Ways:
    """Which way the first column goes through the second, or leaves it."""
    return began(each(side, one, other))


def only(way: Ways, where: Flags) -> Ways:
    return np.where(where, way, 0).astype(np.int8)


def opening(
    seen: Seen,
    way: Ways,
    *,
    stop: Column | None = None,
    target: Column | None = None,
    confidence: ArrayLike,
    reason: Callable[[int], str],
) -> Wishes:
    """Openings at the close, but for those whose stop or target stands on the wrong side."""
    close = seen.close.now
    is_sound = np.full(len(close), fill_value=True)
    if stop is not None:
        is_sound &= (stop > 0) & (way * (close - stop) > SAME * close)
    if target is not None:
        is_sound &= (target > 0) & (way * (target - close) > SAME * close)
    sound = only(way, is_sound)
    return Wishes(
        way=sound,
        opens=np.full(len(close), fill_value=True),
        price=close,
        stop=named(stop, sound),
        target=named(target, sound),
        confidence=confidences(confidence, len(close)),
        reason=reason,
    )


def closing(
    seen: Seen, way: Ways, *, confidence: ArrayLike, reason: Callable[[int], str]
) -> Wishes:
    """Closings at the close."""
    told = opening(seen, way, confidence=confidence, reason=reason)
    return replace(told, opens=np.full(len(way), fill_value=False))


def opening_by_range(
    seen: Seen,
    way: Ways,
    *,
    atr_period: int,
    stop_ranges: float,
    target_ranges: float,
    confidence: ArrayLike,
    reason: Callable[[int], str],
) -> Wishes:
    """Openings whose stop and target stand at some usual ranges from the price."""
    close, usual = seen.close.now, seen.usual_range(atr_period)
    return opening(
        seen,
        way,
        stop=close - way * stop_ranges * usual,
        target=close + way * target_ranges * usual,
        confidence=confidence,
        reason=reason,
    )


def chosen(is_first: Flags, first: Wishes, other: Wishes) -> Wishes:
    """The first wishes where they are meant, the others elsewhere."""

    def reason(at: int) -> str:
        return (first if is_first[at] else other).reason(at)

    return Wishes(
        way=np.where(is_first, first.way, other.way).astype(np.int8),
        opens=np.where(is_first, first.opens, other.opens),
        price=first.price,
        stop=np.where(is_first, first.stop, other.stop),
        target=np.where(is_first, first.target, other.target),
        confidence=np.where(is_first, first.confidence, other.confidence),
        reason=reason,
    )


def always(reason: str) -> Callable[[int], str]:
    return lambda at: reason


def named(levels: Column | None, way: Ways) -> Column:
    """The levels of what is wanted."""
    return rounded(np.where(way != 0, np.nan if levels is None else levels, np.nan))


def confidences(told: ArrayLike, bars: int) -> NDArray[np.int64]:
    bounded = np.clip(np.nan_to_num(np.asarray(told, np.float64)), 0, 100)
    return np.broadcast_to(bounded, bars).astype(np.int64)
