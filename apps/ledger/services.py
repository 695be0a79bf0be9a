"""The only verbs that move points."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.utils import timezone

from apps.core.bulk import insert_plain, lock, lock_plain, upsert_plain
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, KeyReused
from apps.core.fields import EXPONENT, PointsField
from apps.ledger.errors import AccountFull, BadAmount, ForeignAccount, InsufficientPoints
from apps.ledger.models import Account, Transfer
from engine.ids import uuid7
from engine.money import UNIT

# The most that one transfer moves, and that one account counts over its whole life.
MOST = Decimal(10) ** 10
FULL = PointsField.LARGEST_UNITS
LONGEST_KEY = 100
REASONS = frozenset(Transfer.Reason.values)
# A statement names this many keys or rows at most; longer batches take more statements.
CHUNK = 5000
# Where these stand in a row of an account, and what a row of a transfer is made of.
KEPT = [field.attname for field in Account._meta.concrete_fields]
ID, DEBITS, CREDITS, MOVES = map(KEPT.index, ("id", "debits", "credits", "moves"))
told_of = operator.itemgetter(
    KEPT.index("tenant_id"), KEPT.index("may_owe"), DEBITS, CREDITS, MOVES
)
COLUMNS = [field.attname for field in Transfer._meta.concrete_fields]
# Points come out of these, and so they may owe.
MAY_OWE = {Account.Kind.ISSUED}


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer to be made: from `debit` to `credit`, under the caller's key."""

    key: str
    debit: Account
    credit: Account
    amount: Decimal
    reason: str


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
    return transfer_many([Movement(key, debit, credit, amount, reason)])[0]


@retried
def transfer_many(movements: Sequence[Movement]) -> list[Transfer]:
    """Make all of these transfers, or none; each once per key.

    They count in their order: no account that may not owe dips below zero on the way.
    Those that are made already, with the same content, are left and given back.
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
def make_all(movements: Sequence[Movement], *, made: dict[str, Transfer]) -> list[Transfer]:
    """Make those that are not `made`, and count them on their accounts."""
    made = dict(made)
    counts = locked_counts(movements)
    now = timezone.now()
    kept_now = connection.ops.adapt_datetimefield_value(now)
    fresh = []
    for movement in movements:
        if movement.key in made:
            refuse_other_content(made[movement.key], movement)
            continue
        debit, credit = counts[movement.debit.pk], counts[movement.credit.pk]
        units = int(movement.amount.scaleb(EXPONENT))
        count(movement, units, debit=debit, credit=credit)
        made[movement.key], row = drawn(movement, units, debit, credit, now)
        fresh.append((kept_now, *row))
    insert_plain(Transfer, fresh)
    upsert_plain(
        Account,
        [counts[pk].row() for pk in sorted(counts) if counts[pk].has_moved],
        update=["debits", "credits", "moves"],
    )
    return [made[movement.key] for movement in movements]


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


def drawn(
    movement: Movement, units: int, debit: Counts, credit: Counts, now: datetime
) -> tuple[Transfer, tuple]:
    """A transfer that was just counted on its accounts, and its row after the first column."""
    name = uuid7()
    about = (debit.tenant, movement.key, movement.debit.pk, movement.credit.pk)
    made = Transfer.from_db(
        DEFAULT_DB_ALIAS,
        COLUMNS,
        (
            now,
            name,
            *about,
            movement.amount,
            movement.reason,
            debit.moves,
            debit.balance * UNIT,
            credit.moves,
            credit.balance * UNIT,
        ),
    )
    row = (
        name.hex,
        *about,
        units,
        str(movement.reason),
        debit.moves,
        debit.balance,
        credit.moves,
        credit.balance,
    )
    return made, row


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


def check(movement: Movement) -> None:
    """What can be refused without a look at the database."""
    check_amount(movement.amount)
    if movement.debit.pk == movement.credit.pk:
        raise BadInput("an account does not pay itself", field="credit")
    if not 0 < len(movement.key) <= LONGEST_KEY:
        raise BadInput(f"a key has 1 to {LONGEST_KEY} characters", field="key")
    if movement.reason not in REASONS:
        raise BadInput("not a reason for a transfer", field="reason")


def check_amount(amount: Decimal) -> None:
    """Refuse what is not an amount that one transfer can move."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise BadAmount("the amount is not a number", field="amount")
    if amount <= 0 or amount > MOST:
        raise BadAmount(f"the amount is not between {UNIT:f} and {MOST:f}", field="amount")
    if amount != amount.quantize(UNIT):
        raise BadAmount("the amount has more than eight decimals", field="amount")


def refuse_other_content(made: Transfer, movement: Movement) -> None:
    asked = (movement.debit.pk, movement.credit.pk, movement.amount, movement.reason)
    if (made.debit_id, made.credit_id, made.amount, made.reason) != asked:
        raise KeyReused("this key already moved other points", key=made.key)
