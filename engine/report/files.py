"""A report as files: JSON that can be read back, and its trades as CSV and Parquet."""

import csv
import io
from datetime import UTC, datetime
from importlib import import_module

import msgspec

from engine.errors import BadParameters
from engine.report.report import Report

INSTANTS = ("entered_at", "left_at")


def to_json(report: Report) -> str:
    """What a float cannot say, as a profit without end, is null."""
    return msgspec.json.encode(report).decode()


def from_json(text: str | bytes) -> Report:
    try:
        return msgspec.json.decode(text, type=Report)
    except msgspec.DecodeError as error:
        raise BadParameters(f"no report: {error}") from error


def trades_csv(report: Report) -> str:
    """One line a close; instants are ISO 8601, UTC."""
    written = io.StringIO()
    columns = dict(report.trades)
    for name in INSTANTS:
        columns[name] = [datetime.fromtimestamp(at, UTC).isoformat() for at in columns[name]]
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return written.getvalue()


def trades_parquet(report: Report) -> bytes:
    """The same rows, instants as timestamps, UTC."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    kinds = {"symbol": arrow.string(), "direction": arrow.string(), "reason": arrow.string()}
    kinds |= dict.fromkeys(INSTANTS, arrow.timestamp("s", "UTC")) | {"bars": arrow.int64()}
    columns = {
        name: arrow.array(values, kinds.get(name, arrow.float64()))
        for name, values in report.trades.items()
    }
    written = io.BytesIO()
    parquet.write_table(arrow.table(columns), written)
    return written.getvalue()
