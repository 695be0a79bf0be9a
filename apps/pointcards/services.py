"""Point cards are sold, given, and charged on realised profit."""

from collections import defaultdict
from decimal import Decimal

from django.db import transaction

from apps.core import audit
from apps.core.errors import BadInput
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account, accounts_of
from apps.ledger.services import Movement, transfer, transfer_many
from apps.members.models import Member
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.tenants.models import Tenant
from engine.money import ZERO, points

RATE = Decimal("0.30")
CARDS = {Account.Kind.SELF: Transfer.Reason.RECHARGE, Account.Kind.GIFT: Transfer.Reason.GIFT}


@transaction.atomic
def recharge_tenant(*, key: str, tenant: Tenant, kind: str, amount: Decimal) -> Transfer:
    """Issue points to a tenant's own cards of one kind."""
    owner = f"tenant:{tenant.pk}"
    issued = account(owner, Account.Kind.ISSUED)
    return recharge(key, tenant, issued, account(owner, card(kind)), kind, amount)


@transaction.atomic
def recharge_member(*, key: str, member: Member, kind: str, amount: Decimal) -> Transfer:
    """Move points from the tenant's cards to a member's, like kind to like kind."""
    if member.status != Member.Status.ACTIVE:
        raise BadInput("the member is disabled", field="member")
    source = account(f"tenant:{member.tenant_id}", card(kind))
    return recharge(key, member, source, account(member.owner, kind), kind, amount)


def recharge(key, subject, debit, credit, kind, amount) -> Transfer:
    known = Transfer.objects.across_tenants().filter(key=key).exists()
    made = transfer(key=key, debit=debit, credit=credit, amount=amount, reason=CARDS[kind])
    if not known:
        after = {"kind": kind, "amount": str(amount), "key": key}
        audit.record("recharged", subject, after=after, tenant=debit.tenant)
    return made


def card(kind: str) -> str:
    if kind not in CARDS:
        raise BadInput("a point card is self or gift", field="kind")
    return kind


def charge_closes(closes: list[Close]) -> list[Charge]:
    """Charge every profitable close, self cards first, then gift; never more than there is.

    Lives inside the caller's transaction. The closes bring their position, venue
    account and member along.
    """
    winners = [close for close in closes if close.profit > 0]
    members = {close.pk: close.position.venue_account.member for close in winners}
    owners = {member.owner for member in members.values()}
    owners |= {f"tenant:{close.tenant_id}" for close in winners}
    kinds = [Account.Kind.SELF, Account.Kind.GIFT, Account.Kind.POOL, Account.Kind.SPENT]
    accounts = accounts_of(owners, kinds)
    # Nobody else may spend these cards between our look and our transfers.
    lock(accounts)
    left = defaultdict(lambda: ZERO, {name: row.balance for name, row in accounts.items()})
    charges, movements = [], []
    for close in winners:
        member, tenant = members[close.pk], f"tenant:{close.tenant_id}"
        due = points(close.profit * RATE)
        taken = {}
        for kind in CARDS:
            wanted = due - sum(taken.values(), ZERO)
            taken[kind] = min(left[member.owner, kind], wanted)
            left[member.owner, kind] -= taken[kind]
        clearing = {Account.Kind.SELF: Account.Kind.POOL, Account.Kind.GIFT: Account.Kind.SPENT}
        movements += [
            Movement(
                key=f"charge:{close.pk}:{kind}",
                debit=accounts[member.owner, kind],
                credit=accounts[tenant, clearing[kind]],
                amount=amount,
                reason=Transfer.Reason.CHARGE,
            )
            for kind, amount in taken.items()
            if amount
        ]
        charges.append(
            Charge(
                tenant_id=close.tenant_id,
                close=close,
                member=member,
                profit=close.profit,
                rate=RATE,
                due=due,
                from_self=taken[Account.Kind.SELF],
                from_gift=taken[Account.Kind.GIFT],
                shortfall=due - sum(taken.values(), ZERO),
            )
        )
    transfer_many(movements)
    return Charge.objects.across_tenants().bulk_create(charges)


def lock(accounts) -> None:
    rows = Account.objects.across_tenants().select_for_update().order_by("pk")
    fresh = {row.pk: row for row in rows.filter(pk__in=[row.pk for row in accounts.values()])}
    for row in accounts.values():
        row.debits, row.credits = fresh[row.pk].debits, fresh[row.pk].credits
