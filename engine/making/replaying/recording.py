"""A recorded market: rows of what happened, in the order in which it did, and when it was seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.instrument import Instrument
from engine.making.replaying.floor import (
    ASK,
    AT,
    BEST_ASK,
    BEST_BID,
    BID,
    BOUGHT,
    BY_SIGHT,
    CLEAR_ASK,
    CLEAR_BID,
    KIND,
    PRICE,
    SEEN,
    SIZE,
    SOLD,
    TAPE_ROWS,
)

Whole = NDArray[np.int64]
# Of price levels kept in a book; further ones than this from the first price are left out.
WIDEST = 4_000_000
BEYOND = 0.05


class BadRecording(EngineError):
    """A recording is not what it claims to be; its line and the fault are named."""

    code = "bad_recording"


class Row(NamedTuple):
    kind: int
    at_ns: int
    seen_ns: int
    price: int
    size: int
    # What comes first of what happened in one moment.
    order: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    instrument: Instrument
    tape: Whole
    lowest: int
    width: int
    # Lines that it was read from, and rows that were too far away to keep.
    lines: int
    left_out: int

    def __len__(self) -> int:
        return int(self.tape.shape[1])

    @property
    def starts_ns(self) -> int:
        return int(min(self.tape[AT, 0], self.tape[SEEN, self.tape[BY_SIGHT, 0]]))

    @property
    def ends_ns(self) -> int:
        return int(max(self.tape[AT, -1], self.tape[SEEN, self.tape[BY_SIGHT, -1]]))

    @property
    def trades(self) -> tuple[Whole, Whole, Whole, Whole]:
        """(seen, bought, price, size) in the order in which they were seen."""
        seen = self.tape[:, self.tape[BY_SIGHT]]
        told = seen[:, np.isin(seen[KIND], (SOLD, BOUGHT))]
        return told[SEEN], told[KIND] == BOUGHT, told[PRICE], told[SIZE]


def recording_of(
    instrument: Instrument, rows: Iterable[Row], *, lines: int, latency_ns: int | None = None
) -> Recording:
    """Rows in any order. A host whose clock was off saw things before they happened: with a
    latency told, what was seen soonest was seen so long after it happened, and the rest follows."""
    told = np.fromiter((each for row in rows for each in row), np.int64).reshape(-1, 6).T.copy()
    if not told.shape[1]:
        raise BadRecording(f"{instrument.symbol}: nothing was recorded")
    if latency_ns is not None:
        told[SEEN] += latency_ns - (told[SEEN] - told[AT]).min()
    if (told[SEEN] < told[AT]).any():
        raise BadRecording("something was seen before it happened: tell a latency")
    told = told[:, np.lexsort((told[5], told[AT]))]
    first = int(told[PRICE, 0])
    levels = np.isin(told[KIND], (BID, ASK, BEST_BID, BEST_ASK, CLEAR_BID, CLEAR_ASK))
    if levels.any():
        first = int(np.median(told[PRICE, levels]))
    near = abs(told[PRICE] - first) < WIDEST // 2
    kept = told[:, near]
    tape = np.empty((TAPE_ROWS, kept.shape[1]), np.int64)
    tape[:BY_SIGHT] = kept[:BY_SIGHT]
    tape[BY_SIGHT] = np.argsort(kept[SEEN], kind="stable")
    # Our own orders may stand a little beyond all that was recorded.
    lowest = max(int(kept[PRICE].min() * (1 - BEYOND)) - 1, 0)
    width = int(kept[PRICE].max() * (1 + BEYOND)) + 2 - lowest
    return Recording(instrument, tape, lowest, width, lines, int((~near).sum()))


class Scale:
    """Written decimals as whole units; what is no whole unit is refused, never rounded."""

    def __init__(self, unit: Decimal) -> None:
        sign, _, exponent = unit.as_tuple()
        if sign or not isinstance(exponent, int) or unit <= 0:
            raise BadRecording(f"{unit} is no unit")
        self.places = max(-exponent, 0)
        self.units = int(unit.scaleb(self.places))
        self.known: dict[str, int] = {}

    def whole(self, written: str) -> int:
        known = self.known.get(written)
        if known is None:
            known = self.known[written] = self._whole(written)
        return known

    def _whole(self, written: str) -> int:
        before, _, after = written.partition(".")
        after = after.rstrip("0") if len(after) > self.places else after
        if len(after) > self.places:
            raise ValueError(f"{written} is no multiple of the unit")
        count, rest = divmod(int(before + after.ljust(self.places, "0")), self.units)
        if rest:
            raise ValueError(f"{written} is no multiple of the unit")
        return count


def book_rows(
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    at_ns: int,
    seen_ns: int,
    order: int = 0,
) -> Iterator[Row]:
    """A whole book told anew: everything down to the last of its levels is replaced."""
    for clear, kind, levels in ((CLEAR_BID, BID, list(bids)), (CLEAR_ASK, ASK, list(asks))):
        if levels:
            yield Row(clear, at_ns, seen_ns, levels[-1][0], 0, order)
            yield from (Row(kind, at_ns, seen_ns, price, size, order) for price, size in levels)
