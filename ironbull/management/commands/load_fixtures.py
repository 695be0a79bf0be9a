"""Levels, plans, paper instruments and master strategies: what every installation starts from.

The files are plain JSON lists. A row is known by its natural key. Rows that are
missing are made; a row that the operator has changed since is kept, unless the
command is told to bring it back.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import IntegrityError, models, transaction

from apps.core import audit
from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.errors import DomainError
from apps.members.models import Level
from apps.quotas.models import Plan
from apps.strategies.models import Strategy
from apps.strategies.services import FIELDS as STRATEGY_FIELDS
from apps.strategies.services import create_strategy, update_strategy
from apps.venues.models import Instrument, Venue
from engine.paper.generated import GeneratedMarket


class BadRow(Exception):
    """A row cannot be loaded; nothing of any file is."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of row: where it is described, and what it is known by."""

    name: str
    model: type[models.Model]
    key: tuple[str, ...]
    fields: tuple[str, ...]
    read: Callable[[Path], list[object]]
    create: Callable[..., models.Model]
    update: Callable[[models.Model, Mapping[str, object]], object]


def from_file(path: Path) -> list[object]:
    try:
        # Decimals stay as they are written.
        rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError as error:
        raise CommandError(f"{path.name} is not in {path.parent}") from error
    except ValueError as error:
        raise CommandError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise CommandError(f"{path.name} is not a list of rows")
    return rows


def from_the_paper_market(_path: Path) -> list[object]:
    return [
        {"venue": Venue.PAPER.value, **msgspec.structs.asdict(instrument)}
        for instrument in GeneratedMarket().instruments().values()
    ]


def source(name: str, model: type[models.Model], *key: str, read=from_file) -> Source:
    """Rows that are written as they stand, once their fields are sound."""
    own = {"id", "created_at"}
    fields = tuple(field.name for field in model._meta.concrete_fields if field.name not in own)

    def create(**values: object) -> models.Model:
        row = model(**values)
        row.full_clean()
        row.save(force_insert=True)
        audit.record(f"{model._meta.model_name}.created", row, after=values)
        return row

    def update(row: models.Model, changes: Mapping[str, object]) -> None:
        before = {name: getattr(row, name) for name in changes}
        for name, value in changes.items():
            setattr(row, name, value)
        row.full_clean()
        row.save(update_fields=list(changes))
        audit.record(f"{model._meta.model_name}.updated", row, before=before, after=changes)

    return Source(name, model, key, fields, read, create, update)


SOURCES = [
    source("levels.json", Level, "number"),
    source("plans.json", Plan, "code"),
    source("paper instruments", Instrument, "venue", "symbol", read=from_the_paper_market),
    Source(
        "strategies.json",
        Strategy,
        ("code",),
        STRATEGY_FIELDS,
        from_file,
        create_strategy,
        lambda row, changes: update_strategy(strategy=row, **changes),
    ),
]


class Command(HouseCommand):
    help = "Load levels, plans, paper instruments and master strategies; may run again."
    subject = Subject.START
    examples = """
        load_fixtures
        load_fixtures --update --json
    """

    def add_arguments(self, parser):
        parser.add_argument(
            "--directory", type=Path, default=settings.ROOT / "fixtures", help="of the files"
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="bring rows that were changed since back to what the files say",
        )
        add_json(parser)

    def handle(self, *, directory, update, verbosity, **options):
        try:
            with transaction.atomic(), audit.acting("load_fixtures"):
                counts = {kind.name: load(kind, directory, update=update) for kind in SOURCES}
        except IntegrityError as error:
            raise CommandError("somebody else loads them at this moment: run it again") from error
        if verbosity:
            rows = [[name, *(count[word] for word in OUTCOMES)] for name, count in counts.items()]
            self.tell(["rows", *OUTCOMES], rows)


CREATED, UPDATED, UNCHANGED, KEPT = OUTCOMES = ("created", "updated", "unchanged", "kept")


def load(kind: Source, directory: Path, *, update: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    seen = set()
    for number, row in enumerate(kind.read(directory / kind.name), start=1):
        try:
            key = key_of(kind, row)
            if key in seen:
                raise BadRow(kind.key[-1], "this row came before")
            seen.add(key)
            counts[load_row(kind, row, update=update)] += 1
        except BadRow as error:
            raise CommandError(f"{kind.name}, row {number}, {error}") from error
    return counts


def key_of(kind: Source, row: object) -> tuple[str, ...]:
    if not isinstance(row, dict):
        raise BadRow(kind.key[0], "the row is no object with named fields")
    for field in row:
        if field not in kind.fields:
            raise BadRow(field, "there is no such field")
    for field in kind.key:
        if field not in row:
            raise BadRow(field, "the row cannot be known without it")
    return tuple(str(row[field]) for field in kind.key)


def load_row(kind: Source, values: dict[str, object], *, update: bool) -> str:
    try:
        wanted = kind.model(**values)
        wanted.clean_fields(exclude=set(kind.fields) - set(values))
        for field, value in values.items():
            if isinstance(value, Decimal) and getattr(wanted, field) != value:
                raise BadRow(field, "a whole number is wanted")
        row = kind.model._base_manager.filter(
            **{field: getattr(wanted, field) for field in kind.key}
        ).first()
        if row is None:
            kind.create(**{field: getattr(wanted, field) for field in values})
            return CREATED
        changes = {
            field: getattr(wanted, field)
            for field in values
            if getattr(row, field) != getattr(wanted, field)
        }
        if not changes:
            return UNCHANGED
        if not update:
            return KEPT
        kind.update(row, changes)
        return UPDATED
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRow(field, " ".join(reasons)) from error
    except DomainError as error:
        raise BadRow(str(error.context.get("field", "")), error.message) from error
