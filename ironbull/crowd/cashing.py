"""A crowd's withdrawals: asked for, decided and paid by the house's own services."""

from decimal import Decimal

from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.members.models import Member
from apps.rewards.models import Withdrawal
from apps.rewards.services import withdrawals
from apps.tenants.models import Tenant
from ironbull.crowd.plan import CODE, Plan

MOST = 4
# Nobody has its key.
ADDRESS = "TK32zAN97MvpLtkg4DZoAjEZQEijvqxhGu"
REWARD = Account.Kind.REWARD


def cash_in(plan: Plan, tenant: Tenant) -> int:
    """Withdrawals of those who hold most, one each: waiting, approved, rejected and paid."""
    members = {member.owner: member for member in Member.objects.of(tenant)}
    held = {owner: sum_ for (owner, _kind), sum_ in balances(members, [REWARD]).items()}
    richest = sorted(held, key=lambda owner: (-held[owner], owner))[:MOST]
    asked = [owner for owner in richest if held[owner] >= 50]
    for place, owner in enumerate(asked):
        withdrawal = withdrawals.request_withdrawal(
            key=f"{CODE}:{owner}",
            member=members[owner],
            amount=Decimal(50),
            network=Withdrawal.Network.TRC20,
            address=ADDRESS,
            now=plan.now,
        )
        if withdrawal.status == Withdrawal.Status.PENDING:
            decide(plan, withdrawal, (tenant.pk + place) % MOST)
    return len(asked)


def decide(plan: Plan, withdrawal: Withdrawal, fate: int) -> None:
    if fate == 2:
        withdrawals.reject_withdrawal(
            withdrawal=withdrawal, by="crowd's clerk", because="a crowd's", now=plan.now
        )
    elif fate:
        withdrawals.approve_withdrawal(withdrawal=withdrawal, by="crowd's clerk", now=plan.now)
    if fate == 3:
        withdrawals.complete_withdrawal(
            withdrawal=withdrawal,
            by="crowd's cashier",
            tx_hash=f"{withdrawal.pk.int:064x}",
            now=plan.now,
        )
