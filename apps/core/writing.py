"""Values into a row, each checked by its field; what is wrong is refused by the field's name."""

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.db import models

from apps.core.errors import BadInput


def put(row: models.Model, values: Mapping[str, object], *, known: Iterable[str]) -> None:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise BadInput(f"a {row._meta.verbose_name} has no field {unknown[0]}", field=unknown[0])
    for name, value in values.items():
        setattr(row, name, value)


def check_fields(row: models.Model, *, without: Iterable[str] = ()) -> None:
    try:
        # Whether a code is free is the database's to say.
        row.clean_fields(exclude=set(without))
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {' '.join(reasons)}", field=field) from error
