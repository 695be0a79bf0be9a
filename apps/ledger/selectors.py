"""Questions to the ledger."""

from collections.abc import Iterable
from decimal import Decimal

from apps.core.errors import NotFound
from apps.ledger.models import Account


def account(owner: str, kind: str) -> Account:
    found = Account.objects.across_tenants().filter(owner=owner, kind=kind).first()
    if found is None:
        raise NotFound("no such account", owner=owner, kind=kind)
    return found


def accounts_of(owners: Iterable[str], kinds: Iterable[str]) -> dict[tuple[str, str], Account]:
    rows = Account.objects.across_tenants().filter(owner__in=set(owners), kind__in=list(kinds))
    return {(row.owner, row.kind): row for row in rows}


def balances(owners: Iterable[str], kinds: Iterable[str]) -> dict[tuple[str, str], Decimal]:
    return {name: row.balance for name, row in accounts_of(owners, kinds).items()}
