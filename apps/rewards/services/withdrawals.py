"""Withdrawals: rewards are held when they are asked for, and leave when a person has paid them.

Of two that act on one withdrawal at once, the first moves its status, and the second is
refused; the points move in the same transaction.
"""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from django.db import IntegrityError, transaction
from django.db.models import Count, Sum

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, KeyReused, LimitReached, NotAllowed
from apps.core.states import move
from apps.ledger.errors import BadAmount
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import Movement, check_amount
from apps.ledger.selectors import accounts_of
from apps.ledger.services import lock_accounts, transfer, transfer_many
from apps.members.models import Member
from apps.pointcards.services.cards import present
from apps.rewards.addresses import checked_address, checked_hash
from apps.rewards.models import Withdrawal
from apps.tenants.models import Policy
from apps.tenants.selectors import policy_of
from apps.tenants.services import tell
from engine.money import ZERO

CENT = Decimal("0.01")
LONGEST_KEY = 100
LONGEST_REASON = 255
K, R, S = Account.Kind, Transfer.Reason, Withdrawal.Status


@retried
@transaction.atomic
def request_withdrawal(
    *, key: str, member: Member, amount: Decimal, network: str, address: str, now: datetime
) -> Withdrawal:
    """Hold a part of a member's rewards until somebody decides; once per key."""
    if not 0 < len(key) <= LONGEST_KEY:
        raise BadInput(f"a key has 1 to {LONGEST_KEY} characters", field="key")
    check_amount(amount)
    address = checked_address(network=network, address=address)
    member = present(member, field="member")
    # The account is the lock: of two requests at once the second finds the first one's.
    accounts = accounts_of([member.owner], [K.REWARD, K.HELD])
    lock_accounts(accounts=accounts.values())
    rows = Withdrawal.objects.of(member.tenant)
    asked = {
        "key": key,
        "member_id": member.pk,
        "amount": amount,
        "network": network,
        "address": address,
    }
    made = rows.filter(key=key).first()
    if made is not None:
        # Some databases hold two spellings of a key for equal: then it is not this one.
        if any(getattr(made, name) != value for name, value in asked.items()):
            raise KeyReused("this key asked for another withdrawal", key=key)
        return made
    policy = policy_of(member.tenant)
    if amount < policy.min_withdrawal:
        raise BadAmount(
            f"the smallest withdrawal is {plain(policy.min_withdrawal)}", field="amount"
        )
    refuse_over_limit(member, policy, amount, now)
    fee = fee_on(amount=amount, policy=policy)
    if amount <= fee:
        raise BadAmount(f"the fee of {plain(fee)} leaves nothing to pay", field="amount")
    try:
        with transaction.atomic():
            withdrawal = rows.create(**asked, policy=policy, fee=fee, payout=amount - fee)
    except IntegrityError as error:
        # Another member's, whose account is another lock, was faster.
        raise KeyReused("this key asked for another withdrawal", key=key) from error
    transfer(
        key=hold_key(withdrawal=withdrawal),
        debit=accounts[member.owner, K.REWARD],
        credit=accounts[member.owner, K.HELD],
        amount=amount,
        reason=R.HOLD,
    )
    record("withdrawal.requested", withdrawal, before=None)
    return withdrawal


@retried
@transaction.atomic
def approve_withdrawal(*, withdrawal: Withdrawal, by: str, now: datetime) -> None:
    """Decide that it is to be paid; from here on it can only be completed."""
    decide(withdrawal, to=S.APPROVED, by=by, now=now)
    record("withdrawal.approved", withdrawal, before=S.PENDING)


@retried
@transaction.atomic
def reject_withdrawal(*, withdrawal: Withdrawal, by: str, because: str, now: datetime) -> None:
    """Give the points back, and say why."""
    because = because.strip()
    if not 0 < len(because) <= LONGEST_REASON:
        raise BadInput(f"a reason has 1 to {LONGEST_REASON} characters", field="because")
    decide(withdrawal, to=S.REJECTED, by=by, now=now, rejected_because=because)
    owner = withdrawal.member.owner
    accounts = accounts_of([owner], [K.REWARD, K.HELD])
    # Before the moment is taken: lines are numbered in the order of time, whoever waits for whom.
    lock_accounts(accounts=accounts.values())
    transfer(
        key=f"withdrawal:{withdrawal.pk}:release",
        debit=accounts[owner, K.HELD],
        credit=accounts[owner, K.REWARD],
        amount=withdrawal.amount,
        reason=R.RELEASE,
    )
    record("withdrawal.rejected", withdrawal, before=S.PENDING)


@retried
@transaction.atomic
def complete_withdrawal(*, withdrawal: Withdrawal, by: str, tx_hash: str, now: datetime) -> None:
    """Book what was paid under this hash on its network. It cannot be undone."""
    tx_hash = checked_hash(network=withdrawal.network, tx_hash=tx_hash)
    row = Withdrawal.objects.of(withdrawal.tenant).select_for_update().get(pk=withdrawal.pk)
    if row.status == S.APPROVED and row.decided_by == by and needs_four_eyes(row):
        raise NotAllowed("who approved a withdrawal does not complete it", by=by)
    owner, tenant = withdrawal.member.owner, f"tenant:{withdrawal.tenant_id}"
    accounts = accounts_of([owner, tenant], [K.HELD, K.PAID, K.FEES])
    # The tenant's account is the lock: of two payments under one hash the second finds the first.
    lock_accounts(accounts=accounts.values())
    same = Withdrawal.objects.of(withdrawal.tenant).filter(tx_hash=tx_hash)
    if same.exclude(pk=row.pk).exists():
        raise Conflict("another withdrawal was paid under this hash", field="tx_hash")
    move_status(withdrawal, to=S.COMPLETED, completed_by=by, completed_at=now, tx_hash=tx_hash)
    parts = [
        ("payout", K.PAID, withdrawal.payout, R.PAYOUT),
        ("fee", K.FEES, withdrawal.fee, R.FEE),
    ]
    transfer_many(
        [
            Movement(
                key=f"withdrawal:{withdrawal.pk}:{name}",
                debit=accounts[owner, K.HELD],
                credit=accounts[tenant, kind],
                amount=amount,
                reason=reason,
            )
            for name, kind, amount, reason in parts
            if amount
        ]
    )
    record("withdrawal.completed", withdrawal, before=S.APPROVED)


def hold_key(*, withdrawal: Withdrawal) -> str:
    return f"withdrawal:{withdrawal.pk}:hold"


def fee_on(*, amount: Decimal, policy: Policy) -> Decimal:
    """The fee in whole cents, to the nearest; a tie goes to the even one."""
    return (amount * policy.withdrawal_fee_rate).quantize(CENT, rounding=ROUND_HALF_EVEN)


def refuse_over_limit(member: Member, policy: Policy, amount: Decimal, now: datetime) -> None:
    """Refuse what is over a day's limit; days are UTC's, and what was rejected does not count."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    asked = Withdrawal.objects.of(member.tenant).filter(member=member, created_at__gte=today)
    of_today = asked.exclude(status=S.REJECTED).aggregate(count=Count("pk"), sum=Sum("amount"))
    most, left = policy.daily_withdrawal_amount, policy.daily_withdrawal_amount
    if most:
        left = most - (of_today["sum"] or ZERO)
        if amount > left:
            raise LimitReached(
                f"at most {plain(most)} a day; {plain(left)} are left today", field="amount"
            )
    if 0 < policy.daily_withdrawal_count <= of_today["count"]:
        raise LimitReached(
            f"at most {policy.daily_withdrawal_count} withdrawals a day", field="member"
        )


def needs_four_eyes(withdrawal: Withdrawal) -> bool:
    """As the policy has it now: a stricter one holds for what is still open, too."""
    return policy_of(withdrawal.tenant).needs_four_eyes


def decide(withdrawal: Withdrawal, *, to: str, by: str, now: datetime, **changes) -> None:
    move_status(withdrawal, to=to, decided_by=by, decided_at=now, **changes)


def move_status(withdrawal: Withdrawal, *, to: str, **changes) -> None:
    try:
        move(withdrawal, to=to, allowed=Withdrawal.MOVES, **changes)
    except Conflict as error:
        raise Conflict(
            f"a withdrawal that is {withdrawal.status} cannot become {to}",
            status=withdrawal.status,
        ) from error


def record(action: str, withdrawal: Withdrawal, *, before: str | None) -> None:
    """Tell the tenant's servers and the audit trail what became of it."""
    about = {
        "withdrawal": str(withdrawal.pk),
        "member": withdrawal.member_id,
        "amount": plain(withdrawal.amount),
        "fee": plain(withdrawal.fee),
        "payout": plain(withdrawal.payout),
        "network": withdrawal.network,
        "address": withdrawal.address,
        "status": withdrawal.status,
        "rejected_because": withdrawal.rejected_because,
        "tx_hash": withdrawal.tx_hash,
    }
    tell(tenant_id=withdrawal.tenant_id, name=action, about=about)
    audit.record(
        action,
        withdrawal,
        before={"status": before} if before else None,
        after=about,
    )


def plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
