"""One transfer in two statements and one trip, for the one that nearly always fits.

What fits is inserted with the numbers and balances that it leaves, and then counted on its two
accounts. What does not fit inserts nothing, and `services.transfer_many` says why.
"""

from contextlib import ExitStack
from datetime import UTC
from functools import cache

from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from apps.core.deadlocks import retried
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import FULL, Movement
from engine.ids import uuid7
from engine.money import UNIT

# Told once the accounts are locked: of two lines the later one is dated later.
SERVERS_CLOCK = "SYSDATE(6)"
COLUMNS = [field.attname for field in Transfer._meta.concrete_fields]


@retried
def move_one(movement: Movement) -> Transfer | None:
    """The transfer, if it could be made as it was asked for; otherwise nothing has happened."""
    if not connection.features.can_return_columns_from_insert:
        return None
    name, units = uuid7(), movement.units
    debit, credit = movement.debit, movement.credit
    asked = {
        "id": name.hex,
        "key": movement.key,
        "debit": debit.pk,
        "credit": credit.pk,
        "units": units,
        "reason": str(movement.reason),
        "room": FULL - units,
    }
    left = inserted_and_counted(asked)
    if left is None:
        return None
    at, tenant, debit_number, debit_balance, credit_number, credit_balance = left
    about = (tenant, movement.key, debit.pk, credit.pk, movement.amount, movement.reason)
    after = (debit_number, debit_balance * UNIT, credit_number, credit_balance * UNIT)
    return Transfer.from_db(DEFAULT_DB_ALIAS, COLUMNS, (at, name, *about, *after))


def inserted_and_counted(asked: dict[str, object]) -> tuple | None:
    """When it was made, and what it leaves on its accounts; None where it does not fit or its key
    is known."""
    is_debit_lower = asked["debit"] < asked["credit"]
    is_server = connection.vendor != "sqlite"
    if is_server and not connection.in_atomic_block:
        return told_whole(insertion(is_debit_lower, SERVERS_CLOCK), counting(), asked)
    told = told_together if is_server else told_one_by_one
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        now = timezone.now()
        asked = asked | {"now": connection.ops.adapt_datetimefield_value(now)}
        try:
            left = told(cursor, insertion(is_debit_lower, "%(now)s"), counting(), asked)
        except IntegrityError:
            # The statement alone is undone, not the caller's transaction.
            return None
    return left and (now, *left[1:])


def told_one_by_one(
    cursor: CursorWrapper, insert: str, count: str, asked: dict[str, object]
) -> tuple | None:
    cursor.execute(insert, asked)
    left = cursor.fetchone()
    cursor.execute(count, asked)
    return left


def told_together(
    cursor: CursorWrapper, insert: str, count: str, asked: dict[str, object]
) -> tuple | None:
    """In one trip to the server; the second is not run where the first fails."""
    cursor.execute(f"{insert}; {count}", asked)
    left = cursor.fetchone()
    cursor.nextset()
    return left


def told_whole(insert: str, count: str, asked: dict[str, object]) -> tuple | None:
    """The whole transaction in one trip: nobody waits for its accounts while we read and answer."""
    try:
        with ExitStack() as if_cut_short, connection.cursor() as cursor:
            if_cut_short.callback(take_back)
            # As one statement, the server answers once and not four times.
            cursor.execute(
                f"BEGIN NOT ATOMIC START TRANSACTION; {insert}; {count}; COMMIT; END", asked
            )
            left = cursor.fetchone()
            # It holds once the end of it is answered, too.
            cursor.nextset()
            if_cut_short.pop_all()
    except IntegrityError:
        return None
    return left and (left[0].replace(tzinfo=UTC), *left[1:])


def take_back() -> None:
    """Undo a transaction that was cut short; a line that cannot is given up, as Django does."""
    try:
        connection.rollback()
    except DatabaseError:
        connection.close()


def quoted(model: type[Account | Transfer]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


@cache
def insertion(is_debit_lower: bool, at: str) -> str:
    """Accounts are locked in the order of their keys, as everywhere, so that nobody deadlocks."""
    first, second = ("debit", "credit") if is_debit_lower else ("credit", "debit")
    columns = ", ".join(map(connection.ops.quote_name, columns_of_transfer()))
    # SQLite lets one transaction write at a time, and has no lock of a row.
    is_sqlite = connection.vendor == "sqlite"
    join, lock = ("CROSS JOIN", "") if is_sqlite else ("STRAIGHT_JOIN", " FOR UPDATE")
    return (
        f"INSERT INTO {quoted(Transfer)} ({columns})"  # noqa: S608 - names of models
        f" SELECT {at}, %(id)s, debit.tenant_id, %(key)s, debit.id, credit.id, %(units)s,"
        " %(reason)s, debit.moves + 1, debit.credits - debit.debits - %(units)s,"
        " credit.moves + 1, credit.credits - credit.debits + %(units)s"
        f" FROM {quoted(Account)} {first} {join} {quoted(Account)} {second}"
        " WHERE debit.id = %(debit)s AND credit.id = %(credit)s"
        " AND debit.tenant_id = credit.tenant_id"
        " AND (debit.may_owe OR debit.credits - debit.debits >= %(units)s)"
        f" AND debit.debits <= %(room)s AND credit.credits <= %(room)s{lock}"
        " RETURNING created_at, tenant_id, debit_number, debit_balance, credit_number,"
        " credit_balance"
    )


@cache
def counting() -> str:
    """Counts on both accounts a transfer that was inserted; one that was not counts nothing."""
    return (
        f"UPDATE {quoted(Account)} SET moves = moves + 1,"  # noqa: S608 - names of models
        " debits = debits + CASE id WHEN %(debit)s THEN %(units)s ELSE 0 END,"
        " credits = credits + CASE id WHEN %(credit)s THEN %(units)s ELSE 0 END"
        " WHERE id IN (%(debit)s, %(credit)s)"
        f" AND EXISTS (SELECT 1 FROM {quoted(Transfer)} WHERE id = %(id)s)"
    )


def columns_of_transfer() -> list[str]:
    return [field.column for field in Transfer._meta.concrete_fields]
