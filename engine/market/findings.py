"""What is wrong with candles that came from outside, by name, row and field."""

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadCandles

Whole = NDArray[np.int64]
# So many of each fault are named; all are counted.
NAMED = 20


class Fault(enum.StrEnum):
    # The file.
    BAD_ENCODING = "bad_encoding"
    UNREADABLE_ROW = "unreadable_row"
    MISSING_COLUMN = "missing_column"
    UNKNOWN_COLUMN = "unknown_column"
    DOUBLED_COLUMN = "doubled_column"
    # A value.
    NOT_A_NUMBER = "not_a_number"
    NOT_A_TIME = "not_a_time"
    MIXED_UNITS = "mixed_units"
    NOT_FINITE = "not_finite"
    NOT_POSITIVE = "not_positive"
    ENORMOUS = "enormous"
    # A bar.
    IMPOSSIBLE = "impossible"
    FORMING = "forming"
    IN_THE_FUTURE = "in_the_future"
    # The series.
    EMPTY = "empty"
    ONE_BAR = "one_bar"
    WRONG_TIMEFRAME = "wrong_timeframe"
    OFF_GRID = "off_grid"
    DISORDER = "disorder"
    DUPLICATE = "duplicate"
    DIFFERING_DUPLICATE = "differing_duplicate"
    GAP = "gap"


class Repair(enum.StrEnum):
    """What may be asked for because nothing is lost or made up by it."""

    SORT = "sort"
    DROP_DUPLICATES = "drop_duplicates"  # where they say the same
    DROP_FORMING = "drop_forming"  # the last bar, where it has not closed
    DROP_COLUMNS = "drop_columns"  # unknown ones


class Finding(NamedTuple):
    fault: Fault
    row: int  # as the source counts them: lines of a CSV file, rows of a table, from 1
    field: str
    told: str

    def __str__(self) -> str:
        place = f"row {self.row}, " if self.row else ""
        return f"{place}{self.field}: {self.told} ({self.fault})"


class Findings:
    """Every fault counted, the first of each named, and what was mended."""

    def __init__(self) -> None:
        self.counts: Counter[Fault] = Counter()
        self.repaired: Counter[Repair] = Counter()
        self.named: list[Finding] = []

    def add(
        self,
        fault: Fault,
        field: str,
        rows: Whole,
        is_wrong: NDArray[np.bool_],
        told: Callable[[int], str],
    ) -> None:
        """One fault wherever it is so; `told` says of a place what is wrong there."""
        places = np.flatnonzero(is_wrong).tolist()
        for place in places[: max(0, NAMED - self.counts[fault])]:
            self.named.append(Finding(fault, int(rows[place]), field, told(place)))
        self.counts.update({fault: len(places)} if places else {})

    def add_one(self, fault: Fault, field: str, told: str, row: int = 0) -> None:
        """One fault of a row, or of the whole where there is no row to name."""
        self.add(fault, field, np.array([row]), np.array([True]), lambda _: told)

    def mended(self, repair: Repair, is_so: NDArray[np.bool_]) -> None:
        if count := int(is_so.sum()):
            self.repaired[repair] += count

    def __len__(self) -> int:
        return self.counts.total()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.named)

    def refuse(self, *, but: Collection[Fault] = ()) -> None:
        """Raise what was found, unless it is nothing but these."""
        if self.counts.keys() - set(but):
            raise FaultyCandles(self)


class FaultyCandles(BadCandles):
    """Candles from outside have faults; nothing of them is passed on. `findings` has them all."""

    code = "faulty_candles"

    def __init__(self, findings: Findings) -> None:
        counted = {str(fault): count for fault, count in findings.counts.items()}
        super().__init__(f"{len(findings)} faults; the first is {findings.named[0]}", **counted)
        self.findings = findings
