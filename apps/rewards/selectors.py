"""Questions about rewards and what was paid out of them."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from apps.members.models import Member
from apps.rewards.models import Withdrawal
from engine.money import ZERO


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What left a member's rewards, and what of it arrived."""

    amount: Decimal
    payout: Decimal


def paid_out(member: Member) -> PaidOut:
    done = Withdrawal.objects.of(member.tenant_id).filter(
        member=member, status=Withdrawal.Status.COMPLETED
    )
    sums = done.aggregate(amount=Sum("amount"), payout=Sum("payout"))
    return PaidOut(sums["amount"] or ZERO, sums["payout"] or ZERO)
