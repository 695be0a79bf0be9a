"""Point cards are sold, given, and charged on realised profit."""

from collections import defaultdict
from decimal import Decimal

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account, accounts_of
from apps.ledger.services import Movement, lock_accounts, transfer, transfer_many
from apps.members.models import Member
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.tenants.models import Tenant
from engine.money import ZERO, points

RATE = Decimal("0.30")
CARDS = {Account.Kind.SELF: Transfer.Reason.RECHARGE, Account.Kind.GIFT: Transfer.Reason.GIFT}


@retried
@transaction.atomic
def recharge_tenant(*, key: str, tenant: Tenant, kind: str, amount: Decimal) -> Transfer:
    """Issue points to a tenant's own cards of one kind."""
    owner = f"tenant:{tenant.pk}"
    issued = account(owner, Account.Kind.ISSUED)
    return recharge(key, tenant, issued, account(owner, card(kind)), amount)


@retried
@transaction.atomic
def recharge_member(*, key: str, member: Member, kind: str, amount: Decimal) -> Transfer:
    """Move points from an active tenant's cards to an active member's, like kind to like kind."""
    rows = Member.objects.across_tenants().select_related("tenant")
    member = rows.get(pk=member.pk)
    if member.status != Member.Status.ACTIVE:
        raise BadInput("the member is disabled", field="member")
    if member.tenant.status != Tenant.Status.ACTIVE:
        raise BadInput("the tenant is suspended", field="tenant")
    source = account(f"tenant:{member.tenant_id}", card(kind))
    return recharge(key, member, source, account(member.owner, kind), amount)


def recharge(key, subject, debit, credit, amount) -> Transfer:
    # Of two requests with one key at once, the second one waits here and finds the first one's.
    before = lock_accounts(accounts=[debit, credit])[credit.pk].balance
    known = Transfer.objects.across_tenants().filter(key=key).exists()
    made = transfer(key=key, debit=debit, credit=credit, amount=amount, reason=CARDS[credit.kind])
    if not known:
        audit.record(
            "recharged",
            subject,
            before={"kind": credit.kind, "balance": f"{before:f}"},
            after={"kind": credit.kind, "balance": f"{before + amount:f}", "key": key},
            tenant=debit.tenant,
        )
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
    now = lock_accounts(accounts=accounts.values())
    accounts = {name: now[row.pk] for name, row in accounts.items()}
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
