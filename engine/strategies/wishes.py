"""What a rule wants on each of many bars: one place a bar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.signal import Action, Direction, Intent

Column = NDArray[np.float64]
# 1 is long, -1 short, and 0 nothing.
Ways = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Wishes:
    """`way` is the direction of what is opened, where `opens`, or else closed; NaN is no level."""

    way: Ways
    opens: NDArray[np.bool_]
    price: Column
    stop: Column
    target: Column
    confidence: NDArray[np.int64]
    # Why, at a place.
    reason: Callable[[int], str]

    def intent(self, at: int) -> Intent | None:
        if not self.way[at]:
            return None
        return Intent(
            action=Action.OPEN if self.opens[at] else Action.CLOSE,
            direction=Direction.LONG if self.way[at] > 0 else Direction.SHORT,
            price=Decimal(str(self.price[at].item())),
            confidence=self.confidence[at].item(),
            reason=self.reason(at),
            stop=level_of(self.stop[at].item()),
            target=level_of(self.target[at].item()),
        )


def listed(price: Column, intents: Sequence[Intent | None]) -> Wishes:
    """Intents, or nothing, one a bar."""

    def column(value: Callable[[Intent], float]) -> Column:
        return np.array([np.nan if each is None else value(each) for each in intents])

    signs = {Direction.LONG: 1, Direction.SHORT: -1}
    return Wishes(
        way=np.array([0 if each is None else signs[each.direction] for each in intents], np.int8),
        opens=np.array([each is None or each.action is Action.OPEN for each in intents], np.bool_),
        price=price,
        stop=column(lambda each: float_of(each.stop)),
        target=column(lambda each: float_of(each.target)),
        confidence=np.array([0 if each is None else each.confidence for each in intents], np.int64),
        reason=lambda at: intents[at].reason,  # type: ignore[union-attr]
    )


def part_of(wishes: Wishes, first: int, count: int) -> Wishes:
    """So many places from one on."""
    part = slice(first, first + count)
    return Wishes(
        way=wishes.way[part],
        opens=wishes.opens[part],
        price=wishes.price[part],
        stop=wishes.stop[part],
        target=wishes.target[part],
        confidence=wishes.confidence[part],
        reason=lambda at: wishes.reason(first + at),
    )


def float_of(level: Decimal | None) -> float:
    return np.nan if level is None else float(level)


def level_of(value: float) -> Decimal | None:
    return None if np.isnan(value) else price_of(value)


def price_of(value: float) -> Decimal:
    """A computed price without the dust of floats; ticks are the venue's and come later."""
    return Decimal(f"{value:.10g}")


DIGITS = 10
POWERS = 10.0 ** np.arange(DIGITS)


def rounded(levels: Column) -> Column:
    """What `price_of` makes of each; NaN stays.

    A level is brought to ten digits before the point, rounded there and brought back, which is
    exact but for those so near the middle of two that only their decimals tell.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        places = DIGITS - 1 - np.floor(np.log10(levels))
        is_plain = (places >= 0) & (places < DIGITS)
        powers = POWERS[np.where(is_plain, places, 0).astype(np.int64)]
        large = levels * powers
        whole = np.rint(large)
        is_plain &= (abs(abs(large - whole) - 0.5) > 1e-4) & (whole >= 10 ** (DIGITS - 1))
        told: Column = whole / powers
    for at in np.flatnonzero(~is_plain & ~np.isnan(levels)).tolist():
        told[at] = price_of(levels[at].item())
    return told
