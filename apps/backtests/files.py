"""What a run came to as files: pages, and what other programs read."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from apps.backtests.models import Run
from apps.backtests.selectors import account_of, search_of
from apps.core.errors import BadInput, NotFound
from engine.optimise import Optimised, WalkForward
from engine.report import (
    from_json,
    html_page,
    search_page,
    to_json,
    trades_csv,
    trades_parquet,
    walk_page,
)

PAGE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Format:
    ending: str
    content_type: str
    # Of what is kept of the run, in a language.
    read: Callable[[Run], bytes | None]
    write: Callable[[Run, bytes, str], str | bytes]


def page_of_search(run: Run, kept: bytes, language: str) -> str:
    if run.kind == Run.Kind.WALK_FORWARD:
        return walk_page(msgspec.json.decode(kept, type=WalkForward), run.rule, language)
    return search_page(msgspec.json.decode(kept, type=Optimised), language)


FORMATS = {
    "html": Format(
        "html", PAGE, account_of, lambda run, kept, language: html_page(from_json(kept), language)
    ),
    "search": Format("search.html", PAGE, search_of, page_of_search),
    "json": Format(
        "json", "application/json", account_of, lambda run, kept, language: to_json(from_json(kept))
    ),
    "csv": Format(
        "csv",
        "text/csv; charset=utf-8",
        account_of,
        lambda run, kept, language: trades_csv(from_json(kept)),
    ),
    "parquet": Format(
        "parquet",
        "application/vnd.apache.parquet",
        account_of,
        lambda run, kept, language: trades_parquet(from_json(kept)),
    ),
}


def file_of(run: Run, name: str, *, language: str = "en") -> File:
    """The report of the account or of the search, or the trades, as a file."""
    if name not in FORMATS:
        raise BadInput(f"format: one of {', '.join(FORMATS)}", field="format")
    made = FORMATS[name]
    kept = made.read(run)
    if kept is None:
        raise NotFound("the run has left no such report", status=run.status, format=name)
    written = made.write(run, kept, language)
    return File(
        name=f"{run.rule}-{run.pk}.{made.ending}",
        content_type=made.content_type,
        content=written.encode() if isinstance(written, str) else written,
    )
