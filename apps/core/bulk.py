"""Many rows in one statement, however many, and few at little cost: what a batch costs is its rows.

Django's own bulk methods split a batch by the parameters that a statement may have, say an
update with a branch for every row, and make up each query anew. Here a statement is made of a
model's names, and the driver takes the rows as they are. Rows are not looked at for strangers:
who calls has compared their tenants.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from uuid import UUID

import msgspec
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import lookups

# Of a document that is taken apart into rows: the longest of its texts, and how many rows it has.
LONGEST = 255
UNFOLDED_AT_ONCE = 5000
# Fields whose values go to the database as they are.
PLAIN = (models.CharField, models.BooleanField, models.IntegerField)


@models.AutoField.register_lookup
@models.BigAutoField.register_lookup
@models.ForeignKey.register_lookup
class Among(lookups.Lookup):
    """`pk__among=keys`: as `in`, for whole numbers, at the cost of writing those down."""

    lookup_name = "among"

    def get_prep_lookup(self) -> str:
        return ", ".join(map(str, map(int, self.rhs)))

    def as_sql(self, compiler, connection):
        if not self.rhs:
            raise EmptyResultSet
        left, params = self.process_lhs(compiler, connection)
        return f"{left} IN ({self.rhs})", params


def lock(model: type[models.Model], keys: Iterable[object]) -> dict[object, models.Model]:
    """The rows with these keys as they are now, by key; nobody else changes them until the commit.

    They are locked in the order of their keys, so that two who lock several cannot deadlock.
    """
    names, readers = columns_of(model)
    rows = (
        model.from_db(
            DEFAULT_DB_ALIAS, names, [read(value) for read, value in zip(readers, row, strict=True)]
        )
        for row in lock_plain(model, keys)
    )
    return {row.pk: row for row in rows}


def lock_plain(model: type[models.Model], keys: Iterable[object]) -> Sequence[tuple]:
    """As `lock`, but the rows as the database keeps them: a value for every column, in order."""
    keys = sorted(set(keys))
    if not keys:
        return ()
    statement = lookup(model).format(places=", ".join(["%s"] * len(keys)))
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement, keys)
        return cursor.fetchall()


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model, with their keys."""
    write(rows, clash="")


def upsert(rows: Sequence[models.Model], *, update: Sequence[str]) -> None:
    """Insert rows of one model; of those whose key is there, take over these fields."""
    if rows:
        write(rows, clash=takes_over(type(rows[0]), tuple(update)))


def insert_plain(model: type[models.Model], rows: Sequence[Sequence[object]]) -> None:
    """Insert rows as the database keeps them."""
    write_plain(model, rows, clash="")


def upsert_plain(
    model: type[models.Model], rows: Sequence[Sequence[object]], *, update: Sequence[str]
) -> None:
    """Insert rows as the database keeps them; of those that are there, take over these fields."""
    write_plain(model, rows, clash=takes_over(model, tuple(update)))


def insert_alike(
    alike: models.Model, names: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Insert rows that are all like this one, except in the fields named.

    Those differ from row to row: numbers, texts of at most LONGEST letters, ids as `id_kept`
    has them, or nothing. They travel as one document, which the database takes apart: what
    is alike is said once.
    """
    model = type(alike)
    shared = [field for field in model._meta.concrete_fields if field.attname not in names]
    values = [writer(field)(alike) for field in shared]
    statement = unfolding(model, tuple(names))
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for start in range(0, len(rows), UNFOLDED_AT_ONCE):
            document = msgspec.json.encode(rows[start : start + UNFOLDED_AT_ONCE]).decode()
            cursor.execute(statement, [*values, document])


def remove(model: type[models.Model], keys: Sequence[object]) -> None:
    """Delete the rows with these keys; one that another row points at is refused."""
    model._base_manager.filter(pk__in=keys).delete()


def write(rows: Sequence[models.Model], *, clash: str) -> None:
    if not rows:
        return
    model = type(rows[0])
    attributes = [writer(field) for field in model._meta.concrete_fields]
    write_plain(model, [[told(row) for told in attributes] for row in rows], clash=clash)


def write_plain(model: type[models.Model], rows: Sequence[Sequence[object]], *, clash: str) -> None:
    if rows:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.executemany(insertion(model) + clash, rows)


@cache
def writer(field: models.Field) -> Callable[[models.Model], object]:
    """What turns a row into what the database is given for one of its fields."""
    database = connections[DEFAULT_DB_ALIAS]
    attribute = operator.attrgetter(field.attname)
    kept = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(kept, PLAIN) and not kept.choices:
        return attribute
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), database)
    return lambda row: field.get_db_prep_save(attribute(row), database)


@cache
def insertion(model: type[models.Model]) -> str:
    # Only names from the models are part of a statement; every value is bound.
    meta, quote = model._meta, connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = ", ".join(quote(field.column) for field in meta.concrete_fields)
    places = ", ".join(["%s"] * len(meta.concrete_fields))
    return f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608


@cache
def unfolding(model: type[models.Model], names: tuple[str, ...]) -> str:
    """The statement that inserts a row for each list in a document, the others being alike."""
    meta, database = model._meta, connections[DEFAULT_DB_ALIAS]
    quote = database.ops.quote_name
    alike = [field for field in meta.concrete_fields if field.attname not in names]
    own = [meta.get_field(name) for name in names]
    columns = ", ".join(quote(field.column) for field in [*alike, *own])
    places = ["%s"] * len(alike)
    if database.vendor == "mysql":
        places += [f"told.c{number}" for number in range(len(own))]
        parts = ", ".join(
            f"c{number} VARCHAR({LONGEST}) PATH '$[{number}]' ERROR ON ERROR"
            for number in range(len(own))
        )
        source = f"JSON_TABLE(%s, '$[*]' COLUMNS ({parts})) AS told"
    else:
        places += [f"json_extract(value, '$[{number}]')" for number in range(len(own))]
        source = "json_each(%s)"
    return (
        f"INSERT INTO {quote(meta.db_table)} ({columns})"  # noqa: S608 - names of the model
        f" SELECT {', '.join(places)} FROM {source}"
    )


def id_kept() -> Callable[[UUID], object]:
    """What turns an id into what a document holds of it."""
    kept_whole = connections[DEFAULT_DB_ALIAS].features.has_native_uuid_field
    return (lambda key: key) if kept_whole else operator.attrgetter("hex")


@cache
def takes_over(model: type[models.Model], update: tuple[str, ...]) -> str:
    database = connections[DEFAULT_DB_ALIAS]
    quote = database.ops.quote_name
    columns = [quote(model._meta.get_field(name).column) for name in update]
    if database.vendor == "mysql":
        taken = ", ".join(f"{column} = VALUES({column})" for column in columns)
        return f" ON DUPLICATE KEY UPDATE {taken}"
    taken = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return f" ON CONFLICT ({quote(model._meta.pk.column)}) DO UPDATE SET {taken}"


@cache
def lookup(model: type[models.Model]) -> str:
    """The statement that locks rows by their keys, but for the places of those."""
    meta, database = model._meta, connections[DEFAULT_DB_ALIAS]
    quote = database.ops.quote_name
    columns = ", ".join(quote(field.column) for field in meta.concrete_fields)
    key = quote(meta.pk.column)
    # SQLite lets one transaction write at a time, and has no lock of a row.
    locked = " FOR UPDATE" if database.features.has_select_for_update else ""
    return (
        f"SELECT {columns} FROM {quote(meta.db_table)}"  # noqa: S608 - names of the model
        f" WHERE {key} IN ({{places}}) ORDER BY {key}{locked}"
    )


@cache
def columns_of(model: type[models.Model]) -> tuple[list[str], list[Callable[[object], object]]]:
    """The attribute of each column, and what turns its value into the attribute's."""
    database = connections[DEFAULT_DB_ALIAS]

    def reader(field: models.Field) -> Callable[[object], object]:
        column = field.get_col(model._meta.db_table)
        converters = [
            *database.ops.get_db_converters(column),
            *column.get_db_converters(database),
        ]

        def read(value: object) -> object:
            for convert in converters:
                value = convert(value, column, database)
            return value

        return read

    fields = model._meta.concrete_fields
    return [field.attname for field in fields], [reader(field) for field in fields]
