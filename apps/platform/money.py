"""Withdrawals are decided; what failed to settle is tried again."""

from uuid import UUID

from django.utils import timezone
from msgspec import Struct

from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Visitor, face
from apps.rewards.services import (
    approve_withdrawal,
    complete_withdrawal,
    reject_withdrawal,
    settle_failed,
)

DECIDE = "rewards.decide_withdrawal"


class OneWithdrawal(Asked):
    id: UUID


def told(row) -> lists.withdrawals.line:
    row.refresh_from_db()
    return lists.withdrawals.line_of(row)


@face.call("POST", "api/withdrawals/<uuid:id>/approve", scope=DECIDE)
def approve(visitor: Visitor, asked: OneWithdrawal) -> lists.withdrawals.line:
    """Decide that it is to be paid."""
    row = lists.withdrawals.one(visitor, asked.id)
    approve_withdrawal(withdrawal=row, by=visitor.actor, now=timezone.now())
    return told(row)


class Reject(Asked):
    id: UUID
    reason: str


@face.call("POST", "api/withdrawals/<uuid:id>/reject", scope=DECIDE)
def reject(visitor: Visitor, asked: Reject) -> lists.withdrawals.line:
    """Give the points back, and say why."""
    row = lists.withdrawals.one(visitor, asked.id)
    now = timezone.now()
    reject_withdrawal(withdrawal=row, by=visitor.actor, because=asked.reason, now=now)
    return told(row)


class Complete(Asked):
    id: UUID
    tx_hash: str


@face.call("POST", "api/withdrawals/<uuid:id>/complete", scope=DECIDE)
def complete(visitor: Visitor, asked: Complete) -> lists.withdrawals.line:
    """Book what was paid under this hash; it cannot be undone."""
    row = lists.withdrawals.one(visitor, asked.id)
    now = timezone.now()
    complete_withdrawal(withdrawal=row, by=visitor.actor, tx_hash=asked.tx_hash, now=now)
    return told(row)


class Nothing(Asked):
    pass


class TriedAgain(Struct):
    settled: int
    failed: int


@face.call("POST", "api/closes/settle-failed", scope="positions.change_close", only=PLATFORM)
def settle_again(visitor: Visitor, asked: Nothing) -> TriedAgain:
    """Try everything that failed to settle once more."""
    settled, failed = settle_failed(now=timezone.now())
    return TriedAgain(settled, len(failed))
