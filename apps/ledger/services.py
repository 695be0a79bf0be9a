"""The only verbs that move points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction

from apps.core.bulk import insert, lock, upsert
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, KeyReused
from apps.core.fields import PointsField
from apps.ledger.errors import AccountFull, BadAmount, ForeignAccount, InsufficientPoints
from apps.ledger.models import Account, Transfer
from engine.money import UNIT

# The most that one transfer moves, and that one account counts over its whole life.
MOST = Decimal(10) ** 10
FULL = PointsField.LARGEST_UNITS * UNIT
LONGEST_KEY = 100
REASONS = frozenset(Transfer.Reason.values)
# A statement names this many keys or rows at most; longer batches take more statements.
CHUNK = 5000
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
    accounts = locked(row.pk for moved in movements for row in (moved.debit, moved.credit))
    fresh = []
    for movement in movements:
        if movement.key in made:
            refuse_other_content(made[movement.key], movement)
            continue
        debit, credit = accounts[movement.debit.pk], accounts[movement.credit.pk]
        count(movement.amount, debit=debit, credit=credit)
        made[movement.key] = drawn(movement, debit, credit)
        fresh.append(made[movement.key])
    insert(fresh)
    changed = {pk for row in fresh for pk in (row.debit_id, row.credit_id)}
    upsert([accounts[pk] for pk in sorted(changed)], update=["debits", "credits", "moves"])
    return [made[movement.key] for movement in movements]


def drawn(movement: Movement, debit: Account, credit: Account) -> Transfer:
    """The row of a transfer that was just counted on its accounts."""
    return Transfer(
        tenant_id=debit.tenant_id,
        key=movement.key,
        debit=debit,
        credit=credit,
        amount=movement.amount,
        reason=movement.reason,
        debit_number=debit.moves,
        debit_balance=debit.balance,
        credit_number=credit.moves,
        credit_balance=credit.balance,
    )


def lock_accounts(*, accounts: Iterable[Account]) -> dict[int, Account]:
    """The accounts as they are now, by id; nobody else moves points of theirs until the commit."""
    return locked(account.pk for account in accounts)


def locked(ids: Iterable[int]) -> dict[int, Account]:
    return {pk: row for some in chunks(sorted(set(ids))) for pk, row in lock(Account, some).items()}


def made_already(keys: Sequence[str]) -> dict[str, Transfer]:
    rows = Transfer.objects.across_tenants()
    return {row.key: row for some in chunks(keys) for row in rows.filter(key__in=some)}


def chunks(names: Sequence) -> Iterable[Sequence]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))


def count(amount: Decimal, *, debit: Account, credit: Account) -> None:
    """Count one transfer on its two accounts in hand, or refuse it."""
    if debit.tenant_id != credit.tenant_id:
        raise ForeignAccount("the accounts are of two tenants", field="credit")
    if not debit.may_owe and debit.balance < amount:
        raise InsufficientPoints(
            "not enough points", account=str(debit), balance=debit.balance, amount=amount
        )
    if max(debit.debits, credit.credits) + amount > FULL:
        raise AccountFull("an account has counted all it can", debit=str(debit), credit=str(credit))
    debit.debits += amount
    debit.moves += 1
    credit.credits += amount
    credit.moves += 1


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
