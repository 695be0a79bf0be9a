"""Pages by key: what was seen stays seen, however many rows come in meanwhile.

A page goes from the newest row down. Its cursor is the last id it showed, so no page
costs more than the one before it, and no row is shown twice or left out.
"""

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from apps.core.errors import BadInput

USUAL = 50
LARGEST = 200


@dataclass(frozen=True, slots=True)
class Page:
    rows: list
    # Ask with this for the next page; None on the last one.
    cursor: str | None


def page(rows: QuerySet, *, cursor: str | None = None, limit: str | int | None = None) -> Page:
    """The rows after the cursor, newest first; a wrong cursor or limit is refused by name."""
    size = size_of(limit)
    ordered = rows.order_by("-pk")
    if cursor:
        ordered = ordered.filter(pk__lt=key_of(rows, cursor))
    found = list(ordered[: size + 1])
    shown = found[:size]
    return Page(shown, str(shown[-1].pk) if len(found) > size else None)


def size_of(limit: str | int | None) -> int:
    if limit in (None, ""):
        return USUAL
    text = str(limit)
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < 1:
        raise BadInput(f"a limit is a whole number from 1 to {LARGEST}", field="limit")
    return min(int(text[:9]), LARGEST)


def key_of(rows: QuerySet, cursor: str) -> int | uuid.UUID:
    try:
        key = rows.model._meta.pk.to_python(cursor)
    except ValidationError as error:
        raise BadInput("not a cursor of this list", field="cursor") from error
    if isinstance(key, int) and not 0 <= key < 2**63:
        raise BadInput("not a cursor of this list", field="cursor")
    return key
