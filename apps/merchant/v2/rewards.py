"""Rewards, and withdrawals of them."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from django.utils import timezone
from msgspec import Struct

from apps.core.face import found, plain
from apps.merchant.gate import Visitor
from apps.merchant.v2.problem import Asked, Id, Listed, Page, face, listed, member_of
from apps.rewards.models import Reward, Withdrawal
from apps.rewards.services import request_withdrawal
from apps.tenants.models import AppKey
from engine.ids import uuid7

S = AppKey.Scope


class RewardLine(Struct):
    id: UUID
    member_id: int
    kind: str
    amount: Decimal
    rate: Decimal
    pool_id: UUID
    source_member_id: int
    created_at: datetime


class ListRewards(Listed):
    member_id: Id | None = None
    kind: str = ""


@face.call("GET", "merchant/v2/rewards", scope=S.READ)
def list_rewards(visitor: Visitor, asked: ListRewards) -> Page[RewardLine]:
    """What members were given of others' charges, the latest first."""
    rows = Reward.objects.of(visitor.key.tenant).select_related("pool__charge")
    if asked.member_id is not None:
        rows = rows.filter(member=asked.member_id)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    return listed(rows, asked, reward_line)


def reward_line(row: Reward) -> RewardLine:
    return RewardLine(
        id=row.pk,
        member_id=row.member_id,
        kind=row.kind,
        amount=plain(row.amount),
        rate=plain(row.rate),
        pool_id=row.pool_id,
        source_member_id=row.pool.charge.member_id,
        created_at=row.created_at,
    )


class WithdrawalLine(Struct):
    id: UUID
    member_id: int
    amount: Decimal
    fee: Decimal
    payout: Decimal
    network: str
    address: str
    status: str
    rejected_because: str
    tx_hash: str
    decided_at: datetime | None
    completed_at: datetime | None
    created_at: datetime


def withdrawal_line(row: Withdrawal) -> WithdrawalLine:
    return WithdrawalLine(
        id=row.pk,
        member_id=row.member_id,
        amount=plain(row.amount),
        fee=plain(row.fee),
        payout=plain(row.payout),
        network=row.network,
        address=row.address,
        status=row.status,
        rejected_because=row.rejected_because,
        tx_hash=row.tx_hash,
        decided_at=row.decided_at,
        completed_at=row.completed_at,
        created_at=row.created_at,
    )


class ListWithdrawals(Listed):
    member_id: Id | None = None
    status: Literal["pending", "approved", "rejected", "completed"] | None = None


@face.call("GET", "merchant/v2/withdrawals", scope=S.READ)
def list_withdrawals(visitor: Visitor, asked: ListWithdrawals) -> Page[WithdrawalLine]:
    """What members asked to be paid out, the latest first."""
    rows = Withdrawal.objects.of(visitor.key.tenant)
    if asked.member_id is not None:
        rows = rows.filter(member=asked.member_id)
    if asked.status:
        rows = rows.filter(status=asked.status)
    return listed(rows, asked, withdrawal_line)


class Withdraw(Asked):
    member_id: Id
    amount: Decimal
    address: str
    network: Literal["TRC20", "ERC20", "BEP20"] = "TRC20"


@face.call("POST", "merchant/v2/withdrawals", scope=S.MONEY, status=201)
def withdraw(visitor: Visitor, asked: Withdraw) -> WithdrawalLine:
    """Ask for a part of a member's rewards to be paid out; it is held from now on."""
    row = request_withdrawal(
        key=str(uuid7()),
        member=member_of(visitor, asked.member_id),
        amount=asked.amount,
        network=asked.network,
        address=asked.address,
        now=timezone.now(),
    )
    return withdrawal_line(row)


class OneWithdrawal(Asked):
    withdrawal_id: UUID


@face.call("GET", "merchant/v2/withdrawals/<uuid:withdrawal_id>", scope=S.READ)
def read_withdrawal(visitor: Visitor, asked: OneWithdrawal) -> WithdrawalLine:
    """One withdrawal."""
    rows = Withdrawal.objects.of(visitor.key.tenant)
    return withdrawal_line(found(rows, what="withdrawal", pk=asked.withdrawal_id))
