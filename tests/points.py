"""Point cards for members of the tests."""

from decimal import Decimal

from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.ledger.services import open_accounts, transfer
from engine.ids import uuid7


def give(member, amount=100):
    """Points out of nothing, as the platform issues them; and the member, who now has them."""
    issuer = f"tenant:{member.tenant_id}"
    open_accounts(tenant=member.tenant, owner=issuer, kinds=[Account.Kind.ISSUED])
    open_accounts(tenant=member.tenant, owner=member.owner, kinds=[Account.Kind.SELF])
    transfer(
        key=str(uuid7()),
        debit=account(issuer, Account.Kind.ISSUED),
        credit=account(member.owner, Account.Kind.SELF),
        amount=Decimal(amount),
        reason=Transfer.Reason.RECHARGE,
    )
    return member


def take(member):
    """All of the member's points, as a charge would."""
    card = account(member.owner, Account.Kind.SELF)
    if card.balance:
        transfer(
            key=str(uuid7()),
            debit=card,
            credit=account(f"tenant:{member.tenant_id}", Account.Kind.ISSUED),
            amount=card.balance,
            reason=Transfer.Reason.CHARGE,
        )
