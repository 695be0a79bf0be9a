"""Columns of cells, as text or as numbers, turned into numbers and instants.

A cell that cannot be read becomes NaN and is named; nothing is guessed.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.market.findings import Fault, Findings

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Cells = Sequence[str] | NDArray[Any]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
NUMERALS = set("0123456789.+-eE")
NOT_FINITE = {"nan", "inf", "+inf", "-inf", "infinity", "-infinity"}
# Beyond it sums lose whole units; no market has such prices or volumes.
LARGEST = 1e15

# An epoch's unit is told by its size.
UNITS = {
    "seconds": (10**11, 1),
    "milliseconds": (10**14, 10**3),
    "microseconds": (10**17, 10**6),
    "nanoseconds": (2**63, 10**9),
}
TEXT = "text"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN = 40


def numbers(cells: Cells, rows: Whole, field: str, findings: Findings) -> Floats:
    """The column's numbers; every one that cannot be a price or volume is named."""
    values, is_read = read_numbers(cells)
    is_finite = np.isfinite(values)
    wrong = {
        Fault.NOT_A_NUMBER: ~is_read,
        Fault.NOT_FINITE: is_read & ~is_finite,
        Fault.NOT_POSITIVE: is_finite & ((values < 0) | ((values == 0) & (field != "volume"))),
        Fault.ENORMOUS: is_finite & (values > LARGEST),
    }
    for fault, is_wrong in wrong.items():
        findings.add(fault, field, rows, is_wrong, lambda place: shown(cells[place]))
    return values


def read_numbers(cells: Cells) -> tuple[Floats, NDArray[np.bool_]]:
    """The numbers, and where there was one."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
        return cells.astype(np.float64), np.ones(len(cells), np.bool_)
    texts = [str(cell).strip() for cell in cells]
    is_plain = all(texts) and set("".join(texts)) <= NUMERALS
    is_read = np.array([is_plain or is_number(text) for text in texts], np.bool_)
    try:
        return as_numbers(texts, is_read), is_read
    except ValueError:
        # Nothing but numerals, and still no number: 1.2.3
        is_read = np.array([is_number(text) for text in texts], np.bool_)
        return as_numbers(texts, is_read), is_read


def as_numbers(texts: list[str], is_read: NDArray[np.bool_]) -> Floats:
    readable = [text if read else "nan" for text, read in zip(texts, is_read, strict=True)]
    return np.array(readable, np.str_).astype(np.float64)


def is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(text)) or text.lower() in NOT_FINITE


def times(cells: Cells, rows: Whole, field: str, findings: Findings) -> Floats:
    """Epoch seconds, of epochs in any unit or of ISO times; those without a zone are UTC."""
    read = [instant(cell) for cell in told(cells)]
    unread = np.array([one is None for one in read], np.bool_)
    findings.add(Fault.NOT_A_TIME, field, rows, unread, lambda place: shown(cells[place]))
    units = [one and one[1] for one in read]
    usual = next((unit for unit in units if unit), None)
    others = np.array([unit not in (None, usual) for unit in units], np.bool_)
    findings.add(
        Fault.MIXED_UNITS, field, rows, others, lambda place: f"{units[place]} among {usual}"
    )
    return np.array([one[0] if one and one[1] == usual else np.nan for one in read], np.float64)


def told(cells: Cells) -> Sequence[Any]:
    """Cells as Python has them: instants as whole nanoseconds."""
    if isinstance(cells, np.ndarray):
        is_time = cells.dtype.kind == "M"
        plain = cells.astype("datetime64[ns]").astype(np.int64) if is_time else cells
        return list(plain.tolist())
    return cells


def instant(cell: object) -> tuple[float, str] | None:
    """Epoch seconds and the unit they were told in; None where the cell is no time."""
    text = str(cell).strip()
    if NUMBER.fullmatch(text):
        return of_epoch(Fraction(text))
    try:
        at = datetime.fromisoformat(text)
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH
    except (ValueError, OverflowError):
        return None
    return (since / timedelta(seconds=1), TEXT) if since >= timedelta(0) else None


def of_epoch(value: Fraction) -> tuple[float, str] | None:
    for unit, (end, in_a_second) in UNITS.items():
        if 0 <= value < end:
            whole, rest = divmod(value, in_a_second)
            # What is no whole second must not become one by rounding.
            share = min(max(rest / in_a_second, Fraction(1, 1000)), Fraction(999, 1000))
            return (float(whole + share) if rest else float(whole)), unit
    return None


def shown(cell: object) -> str:
    text = str(cell)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
