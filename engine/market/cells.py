"""Columns of cells, as text or as numbers, turned into numbers and instants.

A cell that cannot be read becomes NaN and is named; nothing is guessed.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
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

# An epoch's unit is told by its size: where it ends, and how many make a second.
UNITS = {
    "seconds": (10**11, 1),
    "milliseconds": (10**14, 10**3),
    "microseconds": (10**17, 10**6),
    "nanoseconds": (2**63 - 1, 10**9),
}
# Smaller numbers are days of a calendar or of a spreadsheet, or nothing.
FIRST = 10**8
NAMES = list(UNITS)
ENDS, IN_A_SECOND = np.array(list(UNITS.values()), np.int64).T
DIGITS = 18
TEXT = "text"
NO_UNIT = "none"
UNREAD = (np.nan, NO_UNIT)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND, EARLIEST = timedelta(seconds=1), timedelta(seconds=FIRST)
LEAST, MOST = Fraction(1, 1000), Fraction(999, 1000)
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
    # What is named here is not judged once more against its neighbours.
    return np.where(np.any(list(wrong.values()), axis=0), np.nan, values)


def read_numbers(cells: Cells) -> tuple[Floats, NDArray[np.bool_]]:
    """The numbers, and where there was one."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
        return cells.astype(np.float64), np.ones(len(cells), np.bool_)
    texts = [str(cell) for cell in cells]
    if all(texts) and set("".join(texts)) <= NUMERALS:
        # As good as always, nothing else is in it; 1.2.3 and the like are named below.
        with suppress(ValueError):
            return np.array(texts, np.str_).astype(np.float64), np.ones(len(texts), np.bool_)
    texts = [text.strip() for text in texts]
    is_read = [is_number(text) for text in texts]
    readable = [text if read else "nan" for text, read in zip(texts, is_read, strict=True)]
    return np.array(readable, np.str_).astype(np.float64), np.array(is_read, np.bool_)


def is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(text)) or text.lower() in NOT_FINITE


def times(cells: Cells, rows: Whole, field: str, findings: Findings) -> Floats:
    """Epoch seconds, of epochs in any unit or of ISO times; those without a zone are UTC."""
    epochs = whole_numbers(cells)
    if epochs is None:
        read = [instant(str(cell).strip()) for cell in cells]
        at = np.array([one[0] for one in read], np.float64)
        units = np.array([one[1] for one in read], np.str_)
    else:
        at, units = of_epochs(epochs)
    findings.add(Fault.NOT_A_TIME, field, rows, units == NO_UNIT, lambda place: shown(cells[place]))
    known = units[units != NO_UNIT]
    usual = known[0] if known.size else NO_UNIT
    others = (units != usual) & (units != NO_UNIT)
    findings.add(
        Fault.MIXED_UNITS, field, rows, others, lambda place: f"{units[place]} among {usual}"
    )
    return np.where(others, np.nan, at)


def whole_numbers(cells: Cells) -> Whole | None:
    """The column, if it is all whole numbers; instants count as nanoseconds."""
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "M":
            cells = cells.astype("datetime64[ns]")
        return cells.astype(np.int64) if cells.dtype.kind in "iuM" else None
    if all(cell.isascii() and cell.isdigit() and len(cell) <= DIGITS for cell in cells):
        return np.array(cells, np.str_).astype(np.int64)
    return None


def of_epochs(epochs: Whole) -> tuple[Floats, NDArray[np.str_]]:
    kind = np.minimum(np.searchsorted(ENDS, epochs, side="right"), len(NAMES) - 1)
    whole, rest = np.divmod(epochs, IN_A_SECOND[kind])
    # What is no whole second must not become one by rounding.
    share = np.where(rest, np.clip(rest / IN_A_SECOND[kind], 0.001, 0.999), 0.0)
    is_time = epochs >= FIRST
    return (
        np.where(is_time, whole + share, np.nan),
        np.where(is_time, np.array(NAMES)[kind], NO_UNIT),
    )


def instant(text: str) -> tuple[float, str]:
    """Epoch seconds, and the unit they were told in."""
    if NUMBER.fullmatch(text):
        return of_number(Fraction(text))
    try:
        at = datetime.fromisoformat(text)
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH
    except (ValueError, OverflowError):
        return UNREAD
    return (since / SECOND, TEXT) if since >= EARLIEST else UNREAD


def of_number(epoch: Fraction) -> tuple[float, str]:
    """An epoch with a fraction or an exponent, as spreadsheets write them."""
    unit = next((unit for unit, (end, _) in UNITS.items() if FIRST <= epoch < end), None)
    if unit is None:
        return UNREAD
    whole, rest = divmod(epoch, UNITS[unit][1])
    share = min(max(rest / UNITS[unit][1], LEAST), MOST) if rest else 0
    return float(whole + share), unit


def shown(cell: object) -> str:
    text = str(cell)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
