"""Teams, rewards, and withdrawals of them."""

from decimal import Decimal

from django.db.models import Count
from django.utils import timezone
from msgspec import Struct

from apps.core.face import plain
from apps.members.models import Member
from apps.members.selectors import team_of
from apps.members.services import set_market_node
from apps.merchant.gate import Visitor
from apps.merchant.v1.envelope import (
    Page,
    PageNumber,
    PageSize,
    face,
    local,
    member_named,
    number_of,
    paged,
)
from apps.rewards.models import Reward, Withdrawal
from apps.rewards.services import request_withdrawal
from apps.tenants.models import AppKey
from apps.venues.selectors import team_holding
from engine.ids import uuid7
from engine.money import ZERO

S, W = AppKey.Scope, Withdrawal.Status
# The published numbers of withdrawals' statuses.
STATUSES = {W.PENDING: 0, W.APPROVED: 1, W.REJECTED: 2, W.COMPLETED: 3}


class ListOf(Struct):
    email: str
    page: PageNumber = 1
    limit: PageSize = 20


class TeamLine(Struct):
    user_id: int
    email: str
    level: int
    level_name: str
    is_market_node: int
    team_performance: Decimal
    sub_count: int
    create_time: str


class TeamStats(Struct):
    direct_count: int
    total_count: int
    total_performance: Decimal


class Team(Struct):
    list: list[TeamLine]
    total: int
    page: int
    limit: int
    team_stats: TeamStats


@face.call("GET", "merchant/user/team", scope=S.READ)
def user_team(visitor: Visitor, asked: ListOf) -> Team:
    """Whom a member invited, and the sums of everybody below."""
    member = member_named(visitor, asked.email)
    rows = Member.objects.of(member.tenant).filter(inviter=member)
    rows = rows.select_related("level", "standing").annotate(sub_count=Count("invited"))
    page, team = paged(rows, asked, team_line), team_of(member)
    stats = TeamStats(team.direct, team.total, plain(team_holding(member)))
    return Team(list(page.list), page.total, page.page, page.limit, stats)


def team_line(member: Member) -> TeamLine:
    standing = getattr(member, "standing", None)
    return TeamLine(
        user_id=member.pk,
        email=member.email,
        level=member.level_id,
        level_name=member.level.name,
        is_market_node=int(member.is_market_node),
        team_performance=plain(standing.team_holding if standing else ZERO),
        sub_count=member.sub_count,
        create_time=local(member.created_at),
    )


class SetNode(Struct):
    email: str
    is_node: int


@face.call("POST", "merchant/user/set-market-node", scope=S.WRITE)
def set_node(visitor: Visitor, asked: SetNode) -> None:
    """Make a member a market node, or end that."""
    member = member_named(visitor, asked.email)
    set_market_node(member=member, is_market_node=asked.is_node != 0)


class ListRewards(ListOf):
    reward_type: str = ""


class RewardLine(Struct):
    id: int
    reward_type: str
    reward_type_name: str
    amount: Decimal
    source_user_id: int
    source_email: str
    rate: Decimal
    settle_batch: str
    remark: str
    create_time: str


@face.call("GET", "merchant/user/rewards", scope=S.READ)
def user_rewards(visitor: Visitor, asked: ListRewards) -> Page[RewardLine]:
    """What a member was given of others' charges, the latest first."""
    member = member_named(visitor, asked.email)
    rows = Reward.objects.of(member.tenant).filter(member=member)
    if asked.reward_type:
        rows = rows.filter(kind=asked.reward_type)
    return paged(rows.select_related("pool__charge__member"), asked, reward_line)


def reward_line(reward: Reward) -> RewardLine:
    source = reward.pool.charge.member
    return RewardLine(
        id=number_of(reward.pk),
        reward_type=reward.kind,
        reward_type_name=str(reward.get_kind_display()),
        amount=plain(reward.amount),
        source_user_id=source.pk,
        source_email=source.email,
        rate=plain(reward.rate),
        # One pool is one batch.
        settle_batch=str(reward.pool_id),
        remark=f"{reward.kind} of {plain(reward.pool.amount)}",
        create_time=local(reward.created_at),
    )


class Withdraw(Struct):
    email: str
    amount: Decimal
    wallet_address: str
    wallet_network: str = Withdrawal.Network.TRC20.value
    remark: str = ""


class Withdrawn(Struct):
    withdrawal_id: int
    amount: Decimal
    fee: Decimal
    actual_amount: Decimal
    status: int
    status_name: str
    create_time: str


@face.call("POST", "merchant/user/withdraw", scope=S.MONEY)
def withdraw(visitor: Visitor, asked: Withdraw) -> Withdrawn:
    """Ask for a part of a member's rewards to be paid out; it is held from now on."""
    row = request_withdrawal(
        key=str(uuid7()),
        member=member_named(visitor, asked.email),
        amount=asked.amount,
        network=asked.wallet_network.strip().upper(),
        address=asked.wallet_address.strip(),
        now=timezone.now(),
    )
    return Withdrawn(
        withdrawal_id=number_of(row.pk),
        amount=plain(row.amount),
        fee=plain(row.fee),
        actual_amount=plain(row.payout),
        status=STATUSES[row.status],
        status_name=row.status,
        create_time=local(row.created_at),
    )


class ListWithdrawals(ListOf):
    status: int | None = None


class WithdrawalLine(Struct):
    id: int
    amount: Decimal
    fee: Decimal
    actual_amount: Decimal
    wallet_address: str
    wallet_network: str
    status: int
    status_name: str
    tx_hash: str
    reject_reason: str
    audit_time: str | None
    complete_time: str | None
    create_time: str


@face.call("GET", "merchant/user/withdrawals", scope=S.READ)
def user_withdrawals(visitor: Visitor, asked: ListWithdrawals) -> Page[WithdrawalLine]:
    """What a member asked to be paid out, the latest first."""
    member = member_named(visitor, asked.email)
    rows = Withdrawal.objects.of(member.tenant).filter(member=member)
    if asked.status is not None:
        rows = rows.filter(status__in=[word for word in W if STATUSES[word] == asked.status])
    return paged(rows, asked, withdrawal_line)


def withdrawal_line(row: Withdrawal) -> WithdrawalLine:
    return WithdrawalLine(
        id=number_of(row.pk),
        amount=plain(row.amount),
        fee=plain(row.fee),
        actual_amount=plain(row.payout),
        wallet_address=row.address,
        wallet_network=row.network,
        status=STATUSES[row.status],
        status_name=row.status,
        tx_hash=row.tx_hash,
        reject_reason=row.rejected_because,
        audit_time=local(row.decided_at),
        complete_time=local(row.completed_at),
        create_time=local(row.created_at),
    )
