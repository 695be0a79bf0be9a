"""Realised profit is charged as the tenant's policy says, self cards first, then gift."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from apps.core.bulk import upsert
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import Movement
from apps.ledger.selectors import accounts_of
from apps.ledger.services import lock_accounts, transfer_many
from apps.members.models import Member
from apps.pointcards.models import Charge, HighWaterMark
from apps.positions.models import Close
from apps.strategies.services import pause_short
from apps.tenants.models import Event, Policy
from apps.tenants.selectors import policies_of
from apps.tenants.services import tell_many
from engine.money import ZERO, points

K = Account.Kind
# Where each kind of card is charged into; the first one pays first.
CLEARING = {K.SELF: K.POOL, K.GIFT: K.SPENT}


def charge_closes(closes: list[Close]) -> list[Charge]:
    """Charge what the policies charge of these closes; never more than the cards hold.

    Lives inside the caller's transaction. The closes come in the order in which they are
    charged, and bring their position, venue account and member along.
    """
    policies = policies_of(close.tenant_id for close in closes)
    counted = [close for close in closes if is_counted(close, policies[close.tenant_id])]
    members = {close.pk: close.position.venue_account.member for close in counted}
    # Nobody else may spend these cards, or earn beside us, between our look and our transfers.
    accounts = locked_accounts(counted, members.values())
    left = defaultdict(lambda: ZERO, {name: row.balance for name, row in accounts.items()})
    bases = bases_of(counted, policies)
    charges, movements = [], []
    for close in counted:
        member, policy = members[close.pk], policies[close.tenant_id]
        due = points(bases[close.pk] * policy.charge_rate)
        taken = {}
        for kind in CLEARING:
            taken[kind] = min(left[member.owner, kind], due - sum(taken.values(), ZERO))
            left[member.owner, kind] -= taken[kind]
        movements += [
            Movement(
                key=f"charge:{close.pk}:{kind}",
                debit=accounts[member.owner, kind],
                credit=accounts[f"tenant:{close.tenant_id}", CLEARING[kind]],
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
                policy=policy,
                profit=close.profit,
                basis=bases[close.pk],
                rate=policy.charge_rate,
                due=due,
                from_self=taken[K.SELF],
                from_gift=taken[K.GIFT],
                shortfall=due - sum(taken.values(), ZERO),
            )
        )
    transfer_many(movements)
    charges = Charge.objects.across_tenants().bulk_create(charges)
    tell_many(told(charge) for charge in charges if charge.due)
    return charges


def pause_unpaid(charges: Iterable[Charge]) -> None:
    """Pause the subscriptions of members whose cards ran short, where the policy says so."""
    pause_short(
        members={
            charge.member
            for charge in charges
            if charge.shortfall and charge.policy.pauses_on_shortfall
        }
    )


def is_counted(close: Close, policy: Policy) -> bool:
    """Whether a close has a charge, be it of nothing: above a mark losses count, too."""
    if policy.charge_basis == Policy.Basis.HIGH_WATER:
        return True
    return close.profit > 0


def locked_accounts(
    closes: Iterable[Close], members: Iterable[Member]
) -> dict[tuple[str, str], Account]:
    owners = {member.owner for member in members}
    owners |= {f"tenant:{close.tenant_id}" for close in closes}
    accounts = accounts_of(owners, [*CLEARING, *CLEARING.values()])
    now = lock_accounts(accounts=accounts.values())
    return {name: now[row.pk] for name, row in accounts.items()}


def bases_of(closes: list[Close], policies: dict[int, Policy]) -> dict[object, Decimal]:
    """What of each close is charged on, by its id; marks rise on the way."""
    basis = {close.pk: policies[close.tenant_id].charge_basis for close in closes}
    marks = marks_of([close for close in closes if basis[close.pk] == Policy.Basis.HIGH_WATER])
    bases = {}
    for close in closes:
        if basis[close.pk] == Policy.Basis.HIGH_WATER:
            bases[close.pk] = raise_mark(marks[stream_of(close)], close.net)
        elif basis[close.pk] == Policy.Basis.NET_OF_FEES:
            bases[close.pk] = max(close.net, ZERO)
        else:
            bases[close.pk] = close.profit
    upsert(list(marks.values()), update=["earned", "mark"])
    return bases


def marks_of(closes: list[Close]) -> dict[str, HighWaterMark]:
    """The mark of every stream of these closes, locked; one that has none begins at nothing."""
    streams = {stream_of(close): close for close in closes}
    rows = HighWaterMark.objects.across_tenants().select_for_update().order_by("pk")
    known = {row.stream: row for row in rows.filter(stream__in=list(streams))}
    # The members' accounts are locked already, so nobody begins the same one beside us.
    fresh = {
        stream: HighWaterMark(
            tenant_id=close.tenant_id, stream=stream, member=close.position.venue_account.member
        )
        for stream, close in streams.items()
        if stream not in known
    }
    return known | fresh


def raise_mark(row: HighWaterMark, net: Decimal) -> Decimal:
    """Count what was earned or lost; what of it is above the mark is charged, and raises it."""
    row.earned += net
    above = max(row.earned - row.mark, ZERO)
    row.mark += above
    return above


def stream_of(close: Close) -> str:
    position = close.position
    if position.subscription_id:
        return f"subscription:{position.subscription_id}"
    return f"venue_account:{position.venue_account_id}"


def told(charge: Charge) -> Event:
    amounts = ("profit", "basis", "due", "from_self", "from_gift", "shortfall")
    return Event(
        tenant_id=charge.tenant_id,
        name="charge.made",
        about={
            "charge": str(charge.pk),
            "close": str(charge.close_id),
            "member": charge.member_id,
            "rate": f"{charge.rate.normalize():f}",
            **{name: f"{getattr(charge, name).normalize():f}" for name in amounts},
        },
    )
