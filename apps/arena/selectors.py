"""Questions about what the arena tells."""

from datetime import datetime

from apps.arena.models import Source
from apps.arena.published.reading import Published, read, written
from apps.arena.published.shapes import SHAPES, Kind


def file_of(source: Source) -> bytes:
    """An imported file as it was, with what was imported since."""
    rows = list(source.records.order_by("place", "pk").values_list("key", "content"))
    return written(SHAPES[Kind(source.kind)], rows, source.rest, is_list=source.is_list)


def imported_files() -> dict[str, bytes]:
    """Every published file that was imported, by its name."""
    return {f"{source.name}.json": file_of(source) for source in Source.objects.order_by("name")}


def imported() -> list[Published]:
    return [read(content, name=name) for name, content in imported_files().items()]


def files_told(*, now: datetime) -> dict[str, bytes]:
    """Everything that the arena tells, as the published files."""
    return imported_files()
