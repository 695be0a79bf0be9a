"""Candles from CSV and Parquet files, as exchanges and other programs write them."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from engine.candle import seconds
from engine.errors import BadCandles
from engine.market.cells import Cells, Whole, is_number, numbers, times
from engine.market.findings import Fault, FaultyCandles, Findings, Repair
from engine.market.judging import Read, judge, timeframe_of
from engine.market.series import FIELDS

Source = Path | str | IO[bytes]

# Headers by which our fields are known, without case, blanks and dashes.
HEADERS = {
    **dict.fromkeys(("openedat", "opentime", "opendate", "timestamp", "ts"), "opened_at"),
    **dict.fromkeys(("time", "date", "datetime", "unix", "unixtime", "epoch"), "opened_at"),
    **dict.fromkeys(("open", "o", "openprice"), "open"),
    **dict.fromkeys(("high", "h", "highprice"), "high"),
    **dict.fromkeys(("low", "l", "lowprice"), "low"),
    **dict.fromkeys(("close", "c", "closeprice"), "close"),
    **dict.fromkeys(("volume", "v", "vol", "basevolume", "volumebase"), "volume"),
}
# What exchanges write beside them, and nobody here needs.
LEFT_OUT = {
    *("closetime", "closedat", "quotevolume", "quoteassetvolume", "volumequote", "turnover"),
    *("count", "trades", "tradecount", "numberoftrades", "ignore"),
    *("takerbuyvolume", "takerbuybasevolume", "takerbuybaseassetvolume"),
    *("takerbuyquotevolume", "takerbuyquoteassetvolume"),
}
# Files without a header have these columns: ours, or those of Binance's archives.
WITHOUT_HEADER = (
    *("opened_at", "open", "high", "low", "close", "volume"),
    *("close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
SEPARATORS = ",;\t|"
GZIP = b"\x1f\x8b"
MOST_BYTES = 4 << 30


class Table(NamedTuple):
    names: list[str]
    columns: list[Cells]
    rows: Whole


def read_csv(
    source: Source,
    timeframe: str | None = None,
    *,
    now: float | None = None,
    repair: Collection[Repair] = (),
) -> Read:
    """Candles of a CSV file, gzipped or not; refused with every fault that is in it."""
    findings = Findings()
    table = csv_table(text_of(bytes_of(source), findings), findings)
    return read_table(table, timeframe, findings, now=now, repair=repair)


def read_parquet(
    source: Source,
    timeframe: str | None = None,
    *,
    now: float | None = None,
    repair: Collection[Repair] = (),
) -> Read:
    """Candles of a Parquet file; refused with every fault that is in it."""
    findings = Findings()
    return read_table(parquet_table(source), timeframe, findings, now=now, repair=repair)


def read_table(
    table: Table,
    timeframe: str | None,
    findings: Findings,
    *,
    now: float | None,
    repair: Collection[Repair],
) -> Read:
    if timeframe is not None:
        seconds(timeframe)  # an unknown one is named before anything is read
    cells = fields_of(table, findings, repair)
    bars = np.stack(
        [
            times(cells[field], table.rows, field, findings)
            if field == "opened_at"
            else numbers(cells[field], table.rows, field, findings)
            for field in FIELDS
        ]
    )
    found = timeframe_of(bars[0], timeframe, findings)
    return judge(bars, table.rows, found, findings, now=now, repair=repair)


def fields_of(table: Table, findings: Findings, repair: Collection[Repair]) -> dict[str, Cells]:
    """The column of each of our fields; any other one is named."""
    if not table.names:
        findings.add_one(Fault.EMPTY, "file", "nothing is in it")
        raise FaultyCandles(findings)
    cells: dict[str, Cells] = {}
    for name, column in zip(table.names, table.columns, strict=True):
        word = re.sub(r"[^a-z0-9]", "", name.lower())
        field = HEADERS.get(word)
        if field in cells:
            findings.add_one(Fault.DOUBLED_COLUMN, name, f"another column of {field}")
        elif field:
            cells[field] = column
        elif word not in LEFT_OUT and Repair.DROP_COLUMNS in repair:
            findings.repaired[Repair.DROP_COLUMNS] += 1
        elif word not in LEFT_OUT:
            findings.add_one(Fault.UNKNOWN_COLUMN, name, "no column of candles")
    missing = [field for field in FIELDS if field not in cells]
    for field in missing:
        findings.add_one(Fault.MISSING_COLUMN, field, f"not among {', '.join(table.names)}"[:200])
    if missing:
        raise FaultyCandles(findings)
    return cells


def bytes_of(source: Source) -> bytes:
    """The file's bytes, unpacked where they were packed."""
    raw = Path(source).read_bytes() if isinstance(source, Path | str) else source.read()
    if raw[:2] != GZIP:
        return raw
    try:
        with gzip.open(io.BytesIO(raw)) as packed:
            unpacked = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadCandles(f"the file cannot be unpacked: {error}") from None
    if len(unpacked) > MOST_BYTES:
        raise BadCandles("the file is too large", most_bytes=MOST_BYTES)
    return unpacked


def text_of(raw: bytes, findings: Findings) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        findings.add_one(Fault.BAD_ENCODING, "file", f"not UTF-8 at byte {error.start}", row)
        raise FaultyCandles(findings) from None


def csv_table(text: str, findings: Findings) -> Table:
    """The cells by column; a row of another width is named and left out."""
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=first.count), strict=True
    )
    found, lines = [], []
    try:
        for row in reader:
            if row:
                found.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        findings.add_one(Fault.UNREADABLE_ROW, "row", str(error), reader.line_num)
    names = headers_of(found[0] if found else [])
    if found and not is_number(found[0][-1].strip()):
        found, lines = found[1:], lines[1:]
    rows = np.array(lines, np.int64)
    is_wrong = np.array([len(row) != len(names) for row in found], np.bool_)
    findings.add(
        Fault.UNREADABLE_ROW,
        "row",
        rows,
        is_wrong,
        lambda place: f"{len(found[place])} cells where {len(names)} are expected",
    )
    whole = [row for row, wrong in zip(found, is_wrong, strict=True) if not wrong]
    columns = [list(column) for column in zip(*whole, strict=True)] or [[] for _ in names]
    return Table(names, list(columns), rows[~is_wrong])


def headers_of(first: list[str]) -> list[str]:
    """The names in the first row, or the usual ones where it has numbers instead."""
    if first and is_number(first[-1].strip()) and len(first) in (len(FIELDS), len(WITHOUT_HEADER)):
        return list(WITHOUT_HEADER[: len(first)])
    return [name.strip() for name in first]


def parquet_table(source: Source) -> Table:
    # Large, and needed by nothing else: loaded where such a file is read.
    parquet, arrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    try:
        table = parquet.read_table(source)
    except arrow.ArrowInvalid as error:
        raise BadCandles(f"the file is no Parquet file: {error}"[:200]) from None
    columns = [cells_of(column, arrow) for column in table.columns]
    return Table(list(table.column_names), columns, np.arange(1, table.num_rows + 1))


def cells_of(column: Any, arrow: Any) -> Cells:
    """Numbers and instants as numpy has them, and anything else as text."""
    kinds = arrow.types
    if kinds.is_integer(column.type) or kinds.is_floating(column.type):
        return np.asarray(column.to_numpy())
    if kinds.is_timestamp(column.type):
        return np.asarray(column.cast(arrow.timestamp("ns")).to_numpy())
    return [str(cell) for cell in column.to_pylist()]
