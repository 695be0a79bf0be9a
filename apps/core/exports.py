"""Rows as a CSV or XLSX file, streamed; no cell of it is a formula.

Times are those of whoever asked for it, each with how far it is from UTC.

Columns are named by the caller: heading -> attribute, with dots through relations
("member.email"), or a function of the row.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from decimal import Decimal

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.timezone import get_current_timezone, localtime, override
from openpyxl import Workbook

Columns = dict[str, str | Callable[[object], object]]

# A spreadsheet takes a text that begins with one of these for a formula, even after spaces.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CHUNK = 1000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def safe_cell(value: object) -> str:
    """The value as text that no spreadsheet runs; numbers stay as they are."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return localtime(value).isoformat()
    # A control character other than white space is no part of any name, and breaks XLSX,
    # as do the two that are no characters.
    text = "".join(
        letter
        for letter in str(value)
        if (letter >= " " or letter in "\t\r\n") and letter not in "\ufffe\uffff"
    )
    return "'" + text if text.lstrip(" ").startswith(FORMULA) else text


def cells(row: object, columns: Columns) -> list[str]:
    return [safe_cell(value_of(row, where)) for where in columns.values()]


def value_of(row: object, where: str | Callable[[object], object]) -> object:
    if callable(where):
        return where(row)
    value = row
    for name in where.split("."):
        value = None if value is None else getattr(value, name)
    return value


class Line:
    """A file that hands each line back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[object], columns: Columns, zone: tzinfo) -> Iterator[str]:
    writer = csv.writer(Line())
    # The mark tells spreadsheets that the text is UTF-8.
    yield "\ufeff" + writer.writerow(safe_cell(heading) for heading in columns)
    for row in rows:
        # The request is over by then, and its reader's time with it.
        with override(zone):
            line = cells(row, columns)
        yield writer.writerow(line)


def each(rows: Iterable[object]) -> Iterable[object]:
    """Rows of a table are read a chunk at a time; what comes as an iterator comes as it does."""
    return rows.iterator(chunk_size=CHUNK) if isinstance(rows, QuerySet) else rows


def csv_response(rows: Iterable[object], columns: Columns, *, name: str) -> StreamingHttpResponse:
    lines = csv_lines(each(rows), columns, get_current_timezone())
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_response(rows: Iterable[object], columns: Columns, *, name: str) -> HttpResponse:
    # Rows go to a temporary file as they come; the finished sheet is what memory holds.
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([safe_cell(heading) for heading in columns])
    for row in each(rows):
        sheet.append(cells(row, columns))
    file = io.BytesIO()
    book.save(file)
    response = HttpResponse(file.getvalue(), content_type=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response
