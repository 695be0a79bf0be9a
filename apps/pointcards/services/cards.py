"""Point cards are issued to tenants, sold or given to members, and handed on between them.

Like goes to like: what was bought stays self, what was given stays gift.
"""

from decimal import Decimal

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.ledger.services import lock_accounts, transfer
from apps.members.models import Member
from apps.strategies.services import resume_topped_up
from apps.tenants.models import Tenant
from apps.tenants.services import tell

CARDS = {Account.Kind.SELF: Transfer.Reason.RECHARGE, Account.Kind.GIFT: Transfer.Reason.GIFT}


@retried
@transaction.atomic
def recharge_tenant(*, key: str, tenant: Tenant, kind: str, amount: Decimal) -> Transfer:
    """Issue points to a tenant's own cards of one kind."""
    owner = f"tenant:{tenant.pk}"
    source, target = account(owner, Account.Kind.ISSUED), account(owner, card(kind))
    return hand_over(key, source, target, amount, reason=CARDS[kind])


@retried
@transaction.atomic
def recharge_member(*, key: str, member: Member, kind: str, amount: Decimal) -> Transfer:
    """Move points from an active tenant's cards to an active member's, like kind to like kind."""
    member = present(member, field="member")
    source, target = account(f"tenant:{member.tenant_id}", card(kind)), account(member.owner, kind)
    return hand_over(key, source, target, amount, reason=CARDS[kind], receiver=member)


@retried
@transaction.atomic
def transfer_cards(
    *, key: str, sender: Member, receiver: Member, kind: str, amount: Decimal
) -> Transfer:
    """Move points between two active members of which one stands above the other."""
    if sender.pk == receiver.pk:
        raise BadInput("a member does not pay oneself", field="receiver")
    if sender.tenant_id != receiver.tenant_id:
        raise BadInput("the receiver is not a member of this tenant", field="receiver")
    sender, receiver = present(sender, field="sender"), present(receiver, field="receiver")
    if not is_above(sender, receiver) and not is_above(receiver, sender):
        raise BadInput("the two are not of one line of invitations", field="receiver")
    source, target = account(sender.owner, card(kind)), account(receiver.owner, kind)
    reason = Transfer.Reason.CARD_TRANSFER
    return hand_over(key, source, target, amount, reason=reason, receiver=receiver)


def is_above(upper: Member, lower: Member) -> bool:
    """Whether one of the invitations between root and `lower` is `upper`'s."""
    return lower.path.startswith(f"{upper.path}{upper.pk}/")


def present(member: Member, *, field: str) -> Member:
    """The member as the row is now, if active and of an active tenant."""
    member = Member.objects.of(member.tenant_id).select_related("tenant").get(pk=member.pk)
    if member.status != Member.Status.ACTIVE:
        raise BadInput(f"the {field} is disabled", field=field)
    if member.tenant.status != Tenant.Status.ACTIVE:
        raise BadInput("the tenant is suspended", field="tenant")
    return member


def hand_over(
    key: str,
    debit: Account,
    credit: Account,
    amount: Decimal,
    *,
    reason: str,
    receiver: Member | None = None,
) -> Transfer:
    """Make the transfer, and what follows from it, once per key."""
    # Of two requests with one key at once, the second one waits here and finds the first one's.
    before = lock_accounts(accounts=[debit, credit])[credit.pk]
    made = transfer(key=key, debit=debit, credit=credit, amount=amount, reason=reason)
    if made.credit_number <= before.moves:
        return made
    action = "cards.transferred" if reason == Transfer.Reason.CARD_TRANSFER else "cards.recharged"
    tenant = receiver.tenant if receiver else debit.tenant
    about = {"from": debit.owner, "kind": credit.kind}
    if receiver:
        resume_topped_up(member=receiver)
        about |= {"transfer": str(made.pk), "member": receiver.pk}
        tell(
            tenant_id=tenant.pk,
            name=action,
            about=about | {"amount": f"{amount.normalize():f}"},
        )
    audit.record(
        action,
        receiver or tenant,
        before={"kind": credit.kind, "balance": f"{before.balance:f}"},
        after=about | {"balance": f"{made.credit_balance:f}", "key": key},
        tenant=tenant,
    )
    return made


def card(kind: str) -> str:
    if kind not in CARDS:
        raise BadInput("a point card is self or gift", field="kind")
    return kind
