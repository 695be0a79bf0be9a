"""Questions to the ledger."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F

from apps.core.errors import NotFound
from apps.ledger.models import Account, Transfer
from engine.money import ZERO

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of an account: what it added, and the balance that it left."""

    number: int
    at: datetime
    transfer: Transfer
    other: Account
    reason: str
    amount: Decimal
    balance: Decimal


def account(owner: str, kind: str) -> Account:
    found = Account.objects.across_tenants().filter(owner=owner, kind=kind).first()
    if found is None:
        raise NotFound("no such account", owner=owner, kind=kind)
    return found


def accounts_of(owners: Iterable[str], kinds: Iterable[str]) -> dict[tuple[str, str], Account]:
    rows = Account.objects.across_tenants().filter(owner__in=set(owners), kind__in=list(kinds))
    return {(row.owner, row.kind): row for row in rows}


def balances(owners: Iterable[str], kinds: Iterable[str]) -> dict[tuple[str, str], Decimal]:
    """What these accounts hold, by owner and kind; without a row of each, for a list shows many."""
    rows = Account.objects.across_tenants().filter(owner__in=set(owners), kind__in=list(kinds))
    told = rows.values_list("owner", "kind", F("credits") - F("debits"))
    return {(owner, kind): balance for owner, kind, balance in told}


def statement(
    account: Account,
    *,
    before: int | None = None,
    after: int = 0,
    reason: str | None = None,
    limit: int = CHUNK,
) -> list[Line]:
    """An account's lines numbered above `after` and below `before`, the latest first.

    Each side is read along its own index, so a page costs the same however long the history.
    """
    lines = []
    for side, other, sign in (("debit", "credit", -1), ("credit", "debit", 1)):
        number = f"{side}_number"
        rows = Transfer.objects.across_tenants().filter(**{side: account, f"{number}__gt": after})
        if before is not None:
            rows = rows.filter(**{f"{number}__lt": before})
        if reason:
            rows = rows.filter(reason=reason)
        lines += [
            Line(
                number=getattr(row, number),
                at=row.created_at,
                transfer=row,
                other=getattr(row, other),
                reason=row.reason,
                amount=row.amount * sign,
                balance=getattr(row, f"{side}_balance"),
            )
            for row in rows.select_related(other).order_by(f"-{number}")[:limit]
        ]
    return sorted(lines, key=lambda line: -line.number)[:limit]


def whole_statement(
    account: Account, *, before: int | None = None, after: int = 0, reason: str | None = None
) -> Iterator[Line]:
    """All of those lines, a page of them in memory at a time."""
    while page := statement(account, before=before, after=after, reason=reason):
        yield from page
        before = page[-1].number


def number_at(account: Account, moment: datetime) -> int:
    """The number of the last line that stood at a moment; zero before the first.

    Lines are numbered without gaps and in the order of time, so it is found by halving.
    """
    return bisect_right(
        range(1, account.moves + 1),
        moment,
        key=lambda number: line_numbered(account, number).at,
    )


def balance_at(account: Account, moment: datetime) -> Decimal:
    """What the account held at a moment."""
    number = number_at(account, moment)
    return line_numbered(account, number).balance if number else ZERO


def line_numbered(account: Account, number: int) -> Line:
    return statement(account, before=number + 1, after=number - 1, limit=1)[0]
