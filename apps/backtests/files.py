"""A run's report as files: the page, and what other programs read."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.backtests.models import Run
from apps.backtests.selectors import report_of
from apps.core.errors import BadInput, NotFound
from engine.report import Report, from_json, html_page, to_json, trades_csv, trades_parquet


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content_type: str
    content: bytes
    is_download: bool


@dataclass(frozen=True, slots=True)
class Format:
    ending: str
    content_type: str
    write: Callable[[Report], str | bytes]


FORMATS = {
    "html": Format("html", "text/html; charset=utf-8", html_page),
    "json": Format("json", "application/json", to_json),
    "csv": Format("csv", "text/csv; charset=utf-8", trades_csv),
    "parquet": Format("parquet", "application/vnd.apache.parquet", trades_parquet),
}


def file_of(run: Run, name: str) -> File:
    """The report, or its trades, as a file of this format."""
    if name not in FORMATS:
        raise BadInput(f"format: one of {', '.join(FORMATS)}", field="format")
    content = report_of(run)
    if content is None:
        raise NotFound("the run has left no report", status=run.status)
    made = FORMATS[name]
    written = made.write(from_json(content))
    return File(
        name=f"{run.rule}-{run.pk}.{made.ending}",
        content_type=made.content_type,
        content=written.encode() if isinstance(written, str) else written,
        is_download=name != "html",
    )
