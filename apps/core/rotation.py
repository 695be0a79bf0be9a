"""Rotation: every sealed secret of every model, sealed anew under the newest key.

Rows already under the newest key are passed over, so a rotation that was cut short
goes on where it stopped. Each row is replaced only if it still holds the text that
was opened: a secret that its owner replaces meanwhile is never overwritten.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db.models import Model

from apps.core import sealed
from apps.core.fields import SealedField


@dataclass(slots=True)
class Count:
    """What became of one field's rows."""

    label: str
    resealed: int = 0
    # Replaced by somebody else while they were being sealed anew.
    overtaken: int = 0
    # Rows that no key of this host opens.
    closed: list[object] = field(default_factory=list)
    # Rows still under an older key, when all was done.
    left: int = 0


def sealed_fields() -> list[tuple[type[Model], SealedField]]:
    return [
        (model, column)
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, SealedField)
    ]


def due(model: type[Model], column: SealedField):
    """The rows whose secret is not under the newest key."""
    rows = model._base_manager.exclude(**{column.name: ""})
    return rows.exclude(**{f"{column.name}__startswith": sealed.current_mark()})


def rotate(model: type[Model], column: SealedField, *, batch: int) -> Iterator[Count]:
    """Seal one field's rows anew; yields what was done so far after each batch."""
    count, last = Count(f"{model._meta.label}.{column.name}"), None
    while True:
        rows = due(model, column).order_by("pk")
        page = list((rows if last is None else rows.filter(pk__gt=last))[:batch])
        if not page:
            break
        for row in page:
            reseal(row, column, count)
        last = page[-1].pk
        yield count
    count.left = due(model, column).count()
    yield count


def reseal(row: Model, column: SealedField, count: Count) -> None:
    text = getattr(row, column.attname)
    try:
        fresh = sealed.reseal(text, binding=column.binding_of(row))
    except sealed.CannotOpen:
        count.closed.append(row.pk)
        return
    same = type(row)._base_manager.filter(pk=row.pk, **{column.name: text})
    if same.update(**{column.name: fresh}):
        count.resealed += 1
    else:
        count.overtaken += 1
