"""A plain CSV of mid prices as a recording: the least that can be replayed.

It has no trades and no sizes, so that an order of ours fills only where the other side has come to
its price. What is found is rather too little than too much.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from pathlib import Path

from engine.instrument import Instrument
from engine.making.grid import Grid, grid_of
from engine.making.replaying.floor import BEST_ASK, BEST_BID
from engine.making.replaying.recording import BadRecording, Recording, Row, recording_of

TIMES = ("timestamp", "ts", "time", "datetime")
PRICES = ("mid", "mid_price", "price", "close")
# An epoch in milliseconds, from here on; in seconds, below.
MILLISECONDS_FROM = Decimal(10**11)
NS_A_SECOND = 10**9
# More are no price of anything: a notional of theirs is still a whole number of the machine.
MOST_TICKS = 10**12


def read_mids(path: Path, instrument: Instrument) -> Recording:
    try:
        rows = list(mid_rows(path, grid_of(instrument)))
    except (UnicodeError, csv.Error) as error:
        raise BadRecording(f"{path.name} is no CSV: {error}") from error
    if len(rows) < 4:
        raise BadRecording("two prices at least are needed")
    return recording_of(instrument, rows, lines=len(rows) // 2 + 1)


def mid_rows(path: Path, grid: Grid) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as opened:
        lines = csv.DictReader(opened)
        time, price = (named(lines.fieldnames or [], among) for among in (TIMES, PRICES))
        before = -1
        for number, line in enumerate(lines, start=2):
            try:
                at, mid = moment_ns(line[time] or ""), Decimal(line[price] or "")
            except (ValueError, InvalidOperation) as error:
                raise BadRecording(f"line {number}: neither a time nor a price: {line}") from error
            if at <= before:
                raise BadRecording(f"line {number}: {time} is not later than the line before")
            if not (mid.is_finite() and mid > 0):
                raise BadRecording(f"line {number}: {price} is a number above zero")
            if not 1 < mid / grid.tick < MOST_TICKS:
                raise BadRecording(
                    f"line {number}: {price} {mid} does not fit a tick of {grid.tick}"
                )
            before = at
            bid = int((mid / grid.tick).to_integral_value(ROUND_FLOOR))
            ask = int((mid / grid.tick).to_integral_value(ROUND_CEILING))
            # A mid on the grid stands between the ticks beside it.
            bid, ask = (bid - 1, ask + 1) if bid == ask else (bid, ask)
            yield Row(BEST_BID, at, at, bid, grid.least)
            yield Row(BEST_ASK, at, at, ask, grid.least)


def named(columns: object, among: tuple[str, ...]) -> str:
    told = [str(each) for each in columns] if isinstance(columns, (list, tuple)) else []
    found = [each for each in told if each.strip().lower() in among]
    if not found:
        raise BadRecording(f"no column is called {' or '.join(among)}")
    return found[0]


def moment_ns(written: str) -> int:
    """ISO 8601, without a zone UTC; or an epoch in seconds or milliseconds."""
    try:
        count = Decimal(written)
    except InvalidOperation:
        at = datetime.fromisoformat(written)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000) * (NS_A_SECOND // 1000)
    if not count.is_finite() or count < 0:
        raise ValueError(f"{written} is no time")
    return int(count * (NS_A_SECOND // 1000 if count >= MILLISECONDS_FROM else NS_A_SECOND))
