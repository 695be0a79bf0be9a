"""The only verbs that move points."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from apps.core.errors import KeyReused
from apps.ledger.errors import BadAmount, ForeignAccount, InsufficientPoints
from apps.ledger.models import Account, Transfer
from engine.money import UNIT

MOST = Decimal(10) ** 10
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


@transaction.atomic
def transfer_many(movements: list[Movement]) -> list[Transfer]:
    """Make all of these transfers, or none; each once per key.

    They count in their order: no account that may not owe dips below zero on the way.
    """
    for movement in movements:
        check(movement)
    # Rows are always locked in id order, so two batches cannot deadlock.
    touched = {row.pk for move in movements for row in (move.debit, move.credit)}
    locked = Account.objects.across_tenants().select_for_update().order_by("pk")
    accounts = {row.pk: row for row in locked.filter(pk__in=touched)}
    keys = [movement.key for movement in movements]
    made = {row.key: row for row in Transfer.objects.across_tenants().filter(key__in=keys)}

    fresh = []
    for movement in movements:
        if movement.key in made:
            refuse_other_content(made[movement.key], movement)
            continue
        debit, credit = accounts[movement.debit.pk], accounts[movement.credit.pk]
        if not debit.may_owe and debit.balance < movement.amount:
            raise InsufficientPoints(
                "not enough points",
                account=str(debit),
                balance=debit.balance,
                amount=movement.amount,
            )
        debit.debits += movement.amount
        credit.credits += movement.amount
        row = Transfer(
            tenant_id=debit.tenant_id,
            key=movement.key,
            debit=debit,
            credit=credit,
            amount=movement.amount,
            reason=movement.reason,
        )
        made[movement.key] = row
        fresh.append(row)
    Transfer.objects.across_tenants().bulk_create(fresh)
    changed = {pk for row in fresh for pk in (row.debit_id, row.credit_id)}
    Account.objects.across_tenants().bulk_update(
        [accounts[pk] for pk in sorted(changed)], ["debits", "credits"]
    )
    return [made[key] for key in keys]


def check(movement: Movement) -> None:
    amount = movement.amount
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise BadAmount("the amount is not a number", field="amount")
    if amount <= 0 or amount > MOST:
        raise BadAmount(f"the amount is not between {UNIT} and {MOST:f}", field="amount")
    if amount != amount.quantize(UNIT):
        raise BadAmount("the amount has more than eight decimals", field="amount")
    if movement.debit.pk == movement.credit.pk:
        raise BadAmount("an account does not pay itself", field="credit")
    if movement.debit.tenant_id != movement.credit.tenant_id:
        raise ForeignAccount("the accounts are of two tenants", field="credit")


def refuse_other_content(made: Transfer, movement: Movement) -> None:
    asked = (movement.debit.pk, movement.credit.pk, movement.amount, movement.reason)
    if (made.debit_id, made.credit_id, made.amount, made.reason) != asked:
        raise KeyReused("this key already moved other points", key=made.key)
