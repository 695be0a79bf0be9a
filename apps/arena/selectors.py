"""Questions about what the arena tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import Error, connection

from apps.arena import own
from apps.arena.models import Source
from apps.arena.published.reading import Published, read, written
from apps.arena.published.shapes import SHAPES, Kind

# A line that broke while something was asked: the driver's own error is not always made Django's.
AWAY = (Error, connection.Database.Error)


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is told: whose it is, its text, and what stands in it."""

    key: str
    model_id: str
    text: bytes
    row: Any

    @classmethod
    def of(cls, kind: Kind, text: bytes) -> "Line":
        shape = SHAPES[kind]
        row = msgspec.json.decode(text, type=shape.row)
        return cls(shape.key_of(row), shape.model_of(row), text, row)


# Rows of a file in one version are always the same: they are read once.
_known: dict[str, tuple[int, list[Line]]] = {}


def imported_lines(kind: Kind) -> list[Line]:
    """Imported rows of one kind, in their place."""
    found: list[Line] = []
    for source in Source.objects.filter(kind=kind).order_by("name"):
        version, lines = _known.get(source.name, (-1, []))
        if version != source.version:
            rows = source.records.order_by("place", "pk")
            texts = rows.values_list("content", flat=True)
            lines = [Line.of(kind, text.encode()) for text in texts]
            _known[source.name] = (source.version, lines)
        found += lines
    return found


def own_lines(kind: Kind, *, now: datetime) -> list[Line]:
    """What public traders of ours did, in the same shapes."""
    return [Line.of(kind, text) for text in own.written(own.rows_of(kind, now=now))]


def file_of(source: Source, more: Sequence[tuple[str, str]] = ()) -> bytes:
    """An imported file as it was, with what was imported since, and what is ours behind it."""
    rows = list(source.records.order_by("place", "pk").values_list("key", "content"))
    shape = SHAPES[Kind(source.kind)]
    return written(shape, [*rows, *more], source.rest, is_list=source.is_list)


def imported() -> list[Published]:
    """Every published file that was imported, as it would be read again."""
    return [read(file_of(source), name=f"{source.name}.json") for source in Source.objects.all()]


def files_told(*, now: datetime) -> dict[str, bytes]:
    """Everything that the arena tells, as the published files."""
    files = {}
    sources = {source.name: source for source in Source.objects.order_by("name")}
    for kind in Kind:
        more = [(line.key, line.text.decode()) for line in own_lines(kind, now=now)]
        if kind in sources:
            files[f"{kind}.json"] = file_of(sources[kind], more)
        elif more:
            files[f"{kind}.json"] = written(SHAPES[kind], more, "{}")
    for name, source in sources.items():
        if source.kind == Kind.MODEL_ANALYTICS:
            files[f"{name}.json"] = file_of(source)
    return files


def own_details(
    *, now: datetime
) -> tuple[dict[str, str], dict[str, Decimal], dict[str, list[tuple[int, Decimal]]]]:
    """Of our public traders, by their codes: their names, what they were given, their curves.

    Nothing of it where the database does not answer: the published rows are told without.
    """
    try:
        told = own.public()
        names = {one.code: one.name for one in told}
        return names, {one.code: one.capital for one in told}, own.curves(now=now)
    except AWAY:
        return {}, {}, {}
