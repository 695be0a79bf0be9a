"""Questions about what moved somebody's point cards, both kinds in one line of time."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from heapq import merge
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet

from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import accounts_of, number_at
from engine.money import ZERO

CARDS = (Account.Kind.SELF, Account.Kind.GIFT)
SIDES = ("debit", "credit")


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of one kind of card, with what both kinds stood at before and after."""

    transfer: Transfer
    kind: str
    # Positive where it came in.
    amount: Decimal
    before: Mapping[str, Decimal]
    after: Mapping[str, Decimal]

    @property
    def other(self) -> Account:
        return self.transfer.debit if self.amount > 0 else self.transfer.credit


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which movements: of which sides and reasons (none is all), in which span of time."""

    sides: Sequence[str] = SIDES
    reasons: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def card_moves(owner: str, *, wanted: Wanted, start: int = 0, limit: int) -> tuple[list[Move], int]:
    """The movements from `start` on, the latest first, and how many there are in all.

    Each account's lines are read along its own numbers, whatever other accounts did.
    """
    accounts = accounts_of([owner], CARDS)
    columns, total = [], 0
    for (_owner, kind), account in accounts.items():
        for side in wanted.sides:
            rows = lines(account, side, wanted)
            total += rows.count()
            newest = rows.order_by(f"-{side}_number")[: start + limit]
            columns.append([(pk, kind, side) for pk in newest.values_list("pk", flat=True)])
    # Of what is passed by no more is read than its ids.
    heads = list(islice(merge(*columns, reverse=True), start, start + limit))
    if not heads:
        return [], total
    newest, oldest = heads[0][0], heads[-1][0]
    beside = {kind: course(account, oldest, newest) for (_owner, kind), account in accounts.items()}
    of_tenant = Transfer.objects.of(next(iter(accounts.values())).tenant_id)
    rows = of_tenant.select_related("debit", "credit").in_bulk([pk for pk, *_ in heads])
    return [move(rows[pk], kind, side, beside) for pk, kind, side in heads], total


def lines(account: Account, side: str, wanted: Wanted) -> QuerySet[Transfer]:
    rows = Transfer.objects.of(account.tenant_id).filter(**{side: account})
    if wanted.reasons:
        rows = rows.filter(reason__in=wanted.reasons)
    if wanted.since:
        rows = rows.filter(**{f"{side}_number__gt": number_before(account, wanted.since)})
    if wanted.until:
        rows = rows.filter(**{f"{side}_number__lte": number_at(account, wanted.until)})
    return rows


def number_before(account: Account, moment: datetime) -> int:
    """The number of the last line before a moment; a line of that very moment is not before it."""
    return number_at(account, moment - moment.resolution)


@dataclass(frozen=True, slots=True)
class Course:
    """What an account stood at after each of its lines, in the order of time."""

    ids: Sequence[UUID]
    balances: Sequence[Decimal]

    def before(self, transfer: UUID) -> Decimal:
        place = bisect_left(self.ids, transfer)
        return self.balances[place - 1] if place else ZERO


def course(account: Account, oldest: UUID, newest: UUID) -> Course:
    """The lines from one transfer to another, and the one before."""
    stood: list[tuple[UUID, Decimal]] = []
    for side in SIDES:
        rows = Transfer.objects.of(account.tenant_id).filter(**{side: account})
        told = rows.values_list("pk", f"{side}_balance")
        stood += told.filter(pk__gte=oldest, pk__lte=newest)
        stood += told.filter(pk__lt=oldest).order_by(f"-{side}_number")[:1]
    stood.sort()
    return Course([pk for pk, _balance in stood], [balance for _pk, balance in stood])


def move(row: Transfer, kind: str, side: str, beside: Mapping[str, Course]) -> Move:
    amount = row.amount if side == "credit" else -row.amount
    after_own = getattr(row, f"{side}_balance")
    others = {other: beside[other].before(row.pk) for other in beside if other != kind}
    return Move(
        transfer=row,
        kind=kind,
        amount=amount,
        before={kind: after_own - amount, **others},
        after={kind: after_own, **others},
    )
