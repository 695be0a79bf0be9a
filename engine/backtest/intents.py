"""What a strategy wants, as columns: one row an intent, told on the bar that has just closed.

An intent acts on the bar after its own and on no earlier one: there is no way to say otherwise.
"""

import enum
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.backtest import kernel
from engine.errors import BadParameters

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

LONG, SHORT = 0, 1


class Do(enum.IntEnum):
    """Open a position, close some of it, cancel its resting orders, or change its levels."""

    OPEN = kernel.OPEN
    CLOSE = kernel.CLOSE
    CANCEL = kernel.CANCEL
    PROTECT = kernel.PROTECT


class Kind(enum.IntEnum):
    MARKET = kernel.MARKET
    LIMIT = kernel.LIMIT
    STOP = kernel.STOP


@dataclass(frozen=True, slots=True)
class Intents:
    """Rows in order of `bar`, the index of the bar on whose close they were decided.

    NaN is "not asked". `size` is of an opening what the settings' sizing says, of a closing
    the share of what is held (all of it without); `target_part` is the share of the position
    that its target closes. `trail` is how far a trailing stop stays behind the best price and
    `trail_from` the gain from which it follows, both as shares. `bars` is how many bars an
    order rests, 0 until it is canceled. `volatility` is a distance in price.
    """

    bar: Whole
    action: Whole
    direction: Whole
    kind: Whole
    price: Floats
    stop: Floats
    target: Floats
    target_part: Floats
    trail: Floats
    trail_from: Floats
    size: Floats
    volatility: Floats
    bars: Whole

    def __len__(self) -> int:
        return len(self.bar)

    @classmethod
    def of(cls, bar: ArrayLike, **columns: ArrayLike) -> "Intents":
        """Columns from lists, arrays or single values; what is not given is not asked.

        Rows are brought in order of their bars; those of one bar stay as they came.
        """
        unknown = columns.keys() - {each.name for each in fields(cls)}
        if unknown:
            raise BadParameters("unknown columns of intents", columns=sorted(unknown))
        bars = np.ascontiguousarray(bar, dtype=np.int64)
        is_sorted = bool((bars[1:] >= bars[:-1]).all())
        order = None if is_sorted else np.argsort(bars, kind="stable")

        def column(name: str, missing: float, dtype: Any) -> NDArray[Any]:
            filled = np.empty(len(bars), dtype)
            filled[:] = columns.get(name, missing)
            return filled if order is None else filled[order]

        asked = {name: column(name, 0, np.int64) for name in WHOLE}
        asked |= {name: column(name, np.nan, np.float64) for name in FLOATS}
        made = cls(bar=bars if order is None else bars[order], **asked)
        made.check()
        return made

    def check(self) -> None:
        """Refuse rows that mean nothing, naming the first of them."""
        is_order = self.action <= Do.CLOSE
        rules = {
            "bar": self.bar < 0,
            "action": (self.action < 0) | (self.action > Do.PROTECT),
            "direction": (self.direction < 0) | (self.direction > SHORT),
            "kind": (self.kind < 0) | (self.kind > Kind.STOP),
            "price": is_order & (self.kind != Kind.MARKET) & ~(self.price > 0),
            "size": self.size <= 0,
            "stop": self.stop <= 0,
            "target": self.target <= 0,
            "target_part": (self.target_part <= 0) | (self.target_part > 1),
            "trail": (self.trail <= 0) | (self.trail >= 1),
            "trail_from": self.trail_from < 0,
            "volatility": self.volatility <= 0,
            "bars": self.bars < 0,
        }
        for name, is_wrong in rules.items():
            if is_wrong.any():
                row = int(np.flatnonzero(is_wrong)[0])
                value = getattr(self, name)[row].item()
                raise BadParameters("an intent is impossible", row=row, field=name, value=value)

    def before(self, bar: int) -> "Intents":
        """The intents of the bars before this one."""
        end = int(np.searchsorted(self.bar, bar))
        return Intents(**{each.name: getattr(self, each.name)[:end] for each in fields(self)})


WHOLE = ("action", "direction", "kind", "bars")
FLOATS = ("price", "stop", "target", "target_part", "trail", "trail_from", "size", "volatility")
