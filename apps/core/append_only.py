"""Rows that are written once: the database itself refuses to change or delete them.

A model says `append_only = True`; a migration lays two triggers on its table. Whoever may
change the schema can take them away (TRUNCATE goes past them, too): against that stand the
chain of the audit trail and `verify_ledger`. SQLite drops a table's triggers when a later
migration remakes the table: such a migration lays them again, and a test sees to it.
"""

from collections.abc import Iterator

from django.apps import apps
from django.db import OperationalError, models

REFUSED = {"update": "changed", "delete": "deleted"}
# MySQL with a binary log, for a user without SUPER: log_bin_trust_function_creators is off.
MAY_NOT_LAY = 1419


def append_only_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if getattr(model, "append_only", False)]


def lay(connection, table: str) -> bool:
    """Lay the triggers of a table that are missing; False where this user may not."""
    for name, event in missing(connection, table):
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement(connection.vendor, table, name, event))
        except OperationalError as error:
            if error.args[0] != MAY_NOT_LAY:
                raise
            return False
    return True


def lift(connection, table: str) -> None:
    """Take the triggers away, for a migration that has to change old rows."""
    with connection.cursor() as cursor:
        for name, _event in names(table):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def missing(connection, table: str) -> list[tuple[str, str]]:
    """The name and event of each trigger that should stand on the table and does not."""
    there = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "mysql": (
            "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        ),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(there)
        laid = {name for (name,) in cursor.fetchall()}
    return [(name, event) for name, event in names(table) if name not in laid]


def names(table: str) -> Iterator[tuple[str, str]]:
    return ((f"{table}_no_{event}", event) for event in REFUSED)


def statement(vendor: str, table: str, name: str, event: str) -> str:
    told = f"a row of {table} is never {REFUSED[event]}"
    refuse = {
        "sqlite": f"BEGIN SELECT RAISE(ABORT, '{told}'); END",
        "mysql": f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{told}'",
    }[vendor]
    return f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table} {refuse}"
