"""The only verbs that move points."""

import operator
from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.core.bulk import insert_plain, lock, lock_plain, upsert_plain
from apps.core.deadlocks import retried
from apps.core.errors import KeyReused
from apps.ledger.errors import AccountFull, ForeignAccount, InsufficientPoints
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import FULL, Content, Movement, check, content_of
from apps.ledger.single import move_one
from engine.ids import uuid7
from engine.money import UNIT

# A statement names this many keys or rows at most; longer batches take more statements.
CHUNK = 5000
# Where these stand in a row of an account, and what a row of a transfer is made of.
KEPT = [field.attname for field in Account._meta.concrete_fields]
ID, DEBITS, CREDITS, MOVES = map(KEPT.index, ("id", "debits", "credits", "moves"))
told_of = operator.itemgetter(
    KEPT.index("tenant_id"), KEPT.index("may_owe"), DEBITS, CREDITS, MOVES
)
# Points come out of these, and so they may owe.
MAY_OWE = {Account.Kind.ISSUED}


def open_accounts(*, tenant, owner: str, kinds: Iterable[str]) -> None:
    """Open the owner's accounts of these kinds; those that are open stay as they are."""
    Account.objects.across_tenants().bulk_create(
        [Account(tenant=tenant, owner=owner, kind=kind, may_owe=kind in MAY_OWE) for kind in kinds],
        ignore_conflicts=True,
    )


def transfer(
    *, key: str, debit: Account, credit: Account, amount: Decimal, reason: str
) -> Transfer:
    """Move points from one account to another, once per key."""
    movement = Movement(key, debit, credit, amount, reason)
    check(movement)
    made = move_one(movement)
    if made:
        return made
    [name] = transfer_many([movement])
    return Transfer.objects.across_tenants().get(pk=name)


@retried
def transfer_many(movements: Sequence[Movement]) -> list[UUID]:
    """Make all of these transfers, or none, each once per key, and give back their ids.

    They count in their order: no account that may not owe dips below zero on the way.
    Those that are made already, with the same content, are left.
    """
    for movement in movements:
        check(movement)
    try:
        # Nearly always every key is new, and looking for them first would cost a statement.
        return make_all(movements, made={})
    except (IntegrityError, InsufficientPoints, AccountFull):
        made = made_already([movement.key for movement in movements])
        if not made:
            raise
    try:
        return make_all(movements, made=made)
    except IntegrityError as error:
        # Some databases hold two spellings of a key for equal: then it is not this one.
        raise KeyReused("this key already moved other points", key=min(made)) from error


@transaction.atomic
def make_all(movements: Sequence[Movement], *, made: dict[str, Transfer]) -> list[UUID]:
    """Make those that are not `made`, and count them on their accounts."""
    counts = locked_counts(movements)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    contents = {key: content_of(row) for key, row in made.items()}
    names, rows = {key: row.pk for key, row in made.items()}, []
    for movement in movements:
        key = movement.key
        if key in names:
            refuse_other_content(key, contents[key], movement.content)
        else:
            debit, credit = counts[movement.debit.pk], counts[movement.credit.pk]
            units = movement.units
            count(movement, units, debit=debit, credit=credit)
            contents[key], names[key] = movement.content, uuid7()
            rows.append((now, names[key].hex, *line_of(movement, units, debit, credit)))
    insert_plain(Transfer, rows)
    upsert_plain(
        Account,
        [counts[pk].row() for pk in sorted(counts) if counts[pk].has_moved],
        update=["debits", "credits", "moves"],
    )
    return [names[movement.key] for movement in movements]


class Counts:
    """What an account has counted, in whole units, and the row that it is kept in."""

    __slots__ = ("credits", "debits", "has_moved", "kept", "may_owe", "moves", "tenant")

    def __init__(self, kept: tuple) -> None:
        self.kept = kept
        self.tenant, self.may_owe, self.debits, self.credits, self.moves = told_of(kept)
        self.has_moved = False

    @property
    def balance(self) -> int:
        return self.credits - self.debits

    def row(self) -> list[object]:
        row = list(self.kept)
        row[DEBITS], row[CREDITS], row[MOVES] = self.debits, self.credits, self.moves
        return row


def locked_counts(movements: Sequence[Movement]) -> dict[int, Counts]:
    ids = {account.pk for moved in movements for account in (moved.debit, moved.credit)}
    return {
        kept[ID]: Counts(kept) for some in chunks(sorted(ids)) for kept in lock_plain(Account, some)
    }


def line_of(movement: Movement, units: int, debit: Counts, credit: Counts) -> tuple:
    """What is kept of a transfer that was just counted on its accounts."""
    return (
        debit.tenant,
        movement.key,
        movement.debit.pk,
        movement.credit.pk,
        units,
        str(movement.reason),
        debit.moves,
        debit.balance,
        credit.moves,
        credit.balance,
    )


def lock_accounts(*, accounts: Iterable[Account]) -> dict[int, Account]:
    """The accounts as they are now, by id; nobody else moves points of theirs until the commit."""
    return lock(Account, [account.pk for account in accounts])


def made_already(keys: Sequence[str]) -> dict[str, Transfer]:
    rows = Transfer.objects.across_tenants()
    return {row.key: row for some in chunks(keys) for row in rows.filter(key__in=some)}


def chunks(names: Sequence) -> Iterable[Sequence]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))


def count(movement: Movement, units: int, *, debit: Counts, credit: Counts) -> None:
    """Count one transfer on its two accounts in hand, or refuse it."""
    if debit.tenant != credit.tenant:
        raise ForeignAccount("the accounts are of two tenants", field="credit")
    if not debit.may_owe and debit.balance < units:
        raise InsufficientPoints(
            "not enough points",
            account=str(movement.debit),
            balance=debit.balance * UNIT,
            amount=movement.amount,
        )
    if max(debit.debits, credit.credits) + units > FULL:
        raise AccountFull(
            "an account has counted all it can",
            debit=str(movement.debit),
            credit=str(movement.credit),
        )
    debit.debits += units
    credit.credits += units
    for account in (debit, credit):
        account.moves += 1
        account.has_moved = True


def refuse_other_content(key: str, made: Content, asked: Content) -> None:
    if made != asked:
        raise KeyReused("this key already moved other points", key=key)
