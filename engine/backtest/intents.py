"""What a strategy wants, as columns: one row an intent, told on the bar that has just closed.

An intent acts on the bar after its own and on no earlier one: there is no way to say otherwise.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.backtest import kernel
from engine.errors import BadParameters

Floats = NDArray[np.float64]

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

    # One column each of WHOLE and of FLOATS; a single row of `asked` is that of every intent.
    codes: NDArray[np.int32]
    asked: Floats

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, bar: ArrayLike, **columns: ArrayLike) -> "Intents":
        """Columns from lists, arrays or single values; what is not given is not asked.

        Rows are brought in order of their bars; those of one bar stay as they came.
        """
        bars = np.asarray(bar)
        is_shared = all(np.ndim(columns[name]) == 0 for name in columns.keys() & set(FLOATS))
        codes = np.zeros((len(bars), len(WHOLE)), np.int32)
        asked = np.full((1 if is_shared else len(bars), len(FLOATS)), np.nan)
        codes[:, 0] = bars
        for name, column in columns.items():
            if name in WHOLE[2:]:
                codes[:, WHOLE.index(name)] = column
            elif name in FLOATS:
                asked[:, FLOATS.index(name)] = column
            else:
                raise BadParameters("intents have no such column", column=name)
        if (codes[1:, 0] < codes[:-1, 0]).any():
            order = np.argsort(codes[:, 0], kind="stable")
            codes, asked = codes[order], asked if is_shared else asked[order]
        made = cls(codes, asked)
        made.check(("bar", *columns))
        return made

    def column(self, name: str) -> Floats | NDArray[np.int32]:
        if name in WHOLE:
            return self.codes[:, WHOLE.index(name)]
        return self.rows[:, FLOATS.index(name)]

    @property
    def rows(self) -> Floats:
        """What each intent asks, one row each."""
        return np.broadcast_to(self.asked, (len(self), len(FLOATS)))

    @property
    def bar(self) -> NDArray[np.int32]:
        return self.codes[:, 0]

    def check(self, names: Collection[str]) -> None:
        """Refuse rows that mean nothing, naming the first of them by its column."""
        for name in names:
            # What is the same for all rows is looked at once.
            column = self.column(name) if name in WHOLE else self.asked[:, FLOATS.index(name)]
            above, up_to = BOUNDS[name]
            is_right = (column > above) & (column <= up_to)
            if not is_right.all():
                self._refuse(name, ~(is_right | np.isnan(column)))
        if "kind" in names:
            rests = (self.column("action") <= Do.CLOSE) & (self.column("kind") != Kind.MARKET)
            self._refuse("price", rests & np.isnan(self.column("price")))

    def _refuse(self, name: str, is_wrong: NDArray[np.bool_]) -> None:
        if is_wrong.any():
            row = int(np.flatnonzero(is_wrong)[0])
            value = self.column(name)[row].item()
            raise BadParameters("an intent is impossible", row=row, field=name, value=value)

    def before(self, bar: int) -> "Intents":
        """The intents of the bars before this one."""
        end = int(np.searchsorted(self.bar, bar))
        return Intents(self.codes[:end], self.rows[:end])


WHOLE = ("bar", "symbol", "action", "direction", "kind", "bars")
FLOATS = ("price", "stop", "target", "target_part", "trail", "trail_from", "size", "volatility")
MOST = 1e15
# What a column may be where it is told: more than the first, and not more than the second.
BOUNDS: dict[str, tuple[float, float]] = {
    "bar": (-1, MOST),
    "action": (-1, Do.PROTECT),
    "direction": (-1, SHORT),
    "kind": (-1, Kind.STOP),
    "bars": (-1, MOST),
    "price": (0, MOST),
    "stop": (0, MOST),
    "target": (0, MOST),
    "target_part": (0, 1),
    "trail": (0, 1 - 1e-9),
    "trail_from": (-1e-9, MOST),
    "size": (0, MOST),
    "volatility": (0, MOST),
}
