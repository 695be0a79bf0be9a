"""What the tests of the ledger share: one tenant's accounts, and a look at all of them."""

from decimal import Decimal
from uuid import UUID

from apps.ledger.models import Account, Transfer
from apps.ledger.movement import Movement
from apps.ledger.services import open_accounts, transfer, transfer_many
from tests.factories import TenantFactory

COLUMNS = [field.attname for field in Transfer._meta.concrete_fields]


def open_books(count: int, name: str = "Acme") -> list[Account]:
    """The account that points are issued from, and then as many members' cards."""
    tenant = TenantFactory(name=name)
    open_accounts(tenant=tenant, owner=f"tenant:{tenant.pk}", kinds=[Account.Kind.ISSUED])
    for number in range(count):
        owner = f"member:{tenant.pk}-{number}"
        open_accounts(tenant=tenant, owner=owner, kinds=[Account.Kind.SELF])
    return list(Account.objects.of(tenant).order_by("pk"))


def movement(key, debit, credit, amount, reason=Transfer.Reason.RECHARGE) -> Movement:
    return Movement(key, debit, credit, Decimal(amount), reason)


def make(movements: list[Movement]) -> list[UUID]:
    """By the verb that is for so many."""
    if len(movements) != 1:
        return transfer_many(movements)
    [one] = movements
    made = transfer(
        key=one.key, debit=one.debit, credit=one.credit, amount=one.amount, reason=one.reason
    )
    kept = Transfer.objects.across_tenants().get(pk=made.pk)
    assert all(getattr(made, name) == getattr(kept, name) for name in COLUMNS)
    return [made.pk]


def balances() -> list[Decimal]:
    return [row.balance for row in Account.objects.across_tenants().order_by("pk")]


def keys() -> set[str]:
    return set(Transfer.objects.across_tenants().values_list("key", flat=True))
