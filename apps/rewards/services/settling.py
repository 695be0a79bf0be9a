"""Settling: a close is charged, its pool made and shared out, in one transaction."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import DomainError, StrangerRow
from apps.core.later import later
from apps.core.states import move, move_all
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import Movement
from apps.ledger.selectors import accounts_of
from apps.ledger.services import transfer_many
from apps.members.models import Level, Member
from apps.members.selectors import ancestors_of
from apps.pointcards.models import Charge
from apps.pointcards.services import charge_closes, pause_unpaid
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward
from apps.rewards.split import Person, Rates, Share, split
from apps.tenants.models import Event, Policy, Tenant
from apps.tenants.services import tell_many
from apps.venues.selectors import holdings
from engine.failpoint import failpoint

log = logging.getLogger(__name__)

CHUNK = 200
MOST_ATTEMPTS = 10
LONGEST_WAIT_SECONDS = 3600
# All that can be wrong with one close, also a row that should be there and is not: it is
# marked with what was wrong, and the others go on.
REFUSALS = (DomainError, DatabaseError, StrangerRow, ValidationError, LookupError)
# Where each kind of share stands on the ledger; all others are the receiver's reward.
KEPT_APART = {
    Reward.Kind.TECH_TEAM: Account.Kind.TECH,
    Reward.Kind.PLATFORM_RETAIN: Account.Kind.RETAINED,
}


def settle_closes(*, close_ids: Iterable[UUID | str]) -> None:
    """Settle each close once; one that cannot be settled is marked and stops no other."""
    ids = sorted(str(close_id) for close_id in close_ids)
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        try:
            settle_chunk(chunk)
        except REFUSALS as error:
            log.warning("a chunk of %s closes is settled one by one: %s", len(chunk), error)
            for close_id in chunk:
                settle_one(close_id)


def settle_one(close_id: str) -> None:
    try:
        settle_chunk([close_id])
    except REFUSALS as error:
        log.error("close %s was not settled: %s", close_id, error)
        mark_failed(close_id, because=f"{type(error).__name__}: {error}", now=timezone.now())


@retried
@transaction.atomic
def mark_failed(close_id: str, *, because: str, now: datetime) -> None:
    """Count the try, and say when the next one is due: each wait is twice the one before."""
    waiting = Close.objects.across_tenants().select_for_update().filter(pk=close_id)
    close = waiting.exclude(status=Close.Status.SETTLED).first()
    if close is None:
        return
    wait_seconds = min(settings.SWEEP_AFTER_SECONDS * 2**close.attempts, LONGEST_WAIT_SECONDS)
    move(
        close,
        to=Close.Status.FAILED,
        allowed=Close.MOVES,
        attempts=close.attempts + 1,
        failed_because=because[:500],
        next_at=now + timedelta(seconds=wait_seconds),
    )


@retried
@transaction.atomic
def settle_chunk(close_ids: list[str]) -> None:
    waiting = Close.objects.across_tenants().select_for_update().order_by("pk")
    locked = waiting.filter(pk__in=close_ids).exclude(status=Close.Status.SETTLED)
    ids = list(locked.values_list("pk", flat=True))
    # In the order of their ids: of two closes of one member the first one has the cards first.
    closes = list(
        chargeable()
        .filter(pk__in=ids)
        .order_by("pk")
        .select_related("position__venue_account__member__level")
    )
    if not closes:
        return
    charges = charge_closes(closes)
    share_out([charge for charge in charges if charge.from_self])
    failpoint("rewards.charged")
    move_all(
        closes,
        to=Close.Status.SETTLED,
        allowed=Close.MOVES,
        settled_at=timezone.now(),
        failed_because="",
        next_at=None,
    )
    pause_unpaid(charges)
    transaction.on_commit(lambda: failpoint("rewards.settled"))


def chargeable() -> QuerySet[Close]:
    """Closes of active tenants: those of a suspended one wait until it is resumed."""
    active = Tenant.objects.filter(status=Tenant.Status.ACTIVE)
    return Close.objects.across_tenants().filter(tenant__in=active)


def share_out(charges: list[Charge]) -> None:
    """Make each charge's pool, and give every share of it to whom it belongs."""
    pools = Pool.objects.across_tenants().bulk_create(
        [
            Pool(
                tenant_id=charge.tenant_id,
                charge=charge,
                policy=charge.policy,
                amount=charge.from_self,
            )
            for charge in charges
        ]
    )
    lines = ancestors_of({charge.member for charge in charges})
    people = {person.pk: person for line in lines.values() for person in line}
    held = holdings(people.values())
    roots = dict(
        Member.objects.across_tenants()
        .filter(root_of__in={charge.tenant_id for charge in charges})
        .values_list("root_of", "pk")
    )
    shares = [
        (pool, place, share)
        for pool in pools
        for place, share in enumerate(
            split(
                pool.amount,
                source=person_of(pool.charge.member, Decimal(0)),
                line=[
                    person_of(member, held[member.pk]) for member in lines[pool.charge.member_id]
                ],
                root=roots[pool.tenant_id],
                rates=rates_of(pool.policy),
            )
        )
    ]
    pay(shares)


def pay(shares: list[tuple[Pool, int, Share]]) -> None:
    owners = {f"member:{share.member}" for *_, share in shares}
    owners |= {f"tenant:{pool.tenant_id}" for pool, *_ in shares}
    kinds = [Account.Kind.POOL, Account.Kind.REWARD, *KEPT_APART.values()]
    accounts = accounts_of(owners, kinds)
    transfers = transfer_many(
        [
            Movement(
                key=f"reward:{pool.charge.close_id}:{place}",
                debit=accounts[f"tenant:{pool.tenant_id}", Account.Kind.POOL],
                credit=accounts[
                    f"member:{share.member}", KEPT_APART.get(share.kind, Account.Kind.REWARD)
                ],
                amount=share.amount,
                reason=Transfer.Reason.REWARD,
            )
            for pool, place, share in shares
        ]
    )
    rewards = Reward.objects.across_tenants().bulk_create(
        [
            Reward(
                tenant_id=pool.tenant_id,
                pool=pool,
                place=place,
                member_id=share.member,
                kind=share.kind,
                rate=share.rate,
                amount=share.amount,
                transfer_id=made,
            )
            for (pool, place, share), made in zip(shares, transfers, strict=True)
        ]
    )
    # What is kept apart is nobody's reward.
    tell_many(told(reward) for reward in rewards if reward.kind not in KEPT_APART)


def told(reward: Reward) -> Event:
    return Event(
        tenant_id=reward.tenant_id,
        name="reward.paid",
        about={
            "reward": str(reward.pk),
            "member": reward.member_id,
            "kind": reward.kind,
            "amount": f"{reward.amount.normalize():f}",
            "pool": str(reward.pool_id),
            "source_member": reward.pool.charge.member_id,
        },
    )


def rates_of(policy: Policy) -> Rates:
    return Rates(
        tech=policy.tech_rate,
        network=policy.network_rate,
        direct=policy.direct_rate,
        peer=policy.peer_rate,
        min_holding=policy.min_holding,
    )


def person_of(member: Member, holding: Decimal) -> Person:
    level: Level = member.level
    return Person(
        member=member.pk,
        level=level.number,
        rate=level.rate,
        is_market_node=member.is_market_node,
        holding=holding,
    )


@retried
@transaction.atomic
def sweep(*, now: datetime) -> None:
    """Name the settling again of closes that stood too long; after ten tries a person looks."""
    stood_since = now - timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    due = chargeable().filter(
        Q(next_at=None, created_at__lte=stood_since) | Q(next_at__lte=now),
        status__in=[Close.Status.UNSETTLED, Close.Status.FAILED],
        attempts__lt=MOST_ATTEMPTS,
    )
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return
    # A backlog that is being worked on is not named at every sweep.
    again_at = now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    due.filter(pk__in=ids).update(next_at=again_at)
    later("rewards.settle", close_ids=[str(pk) for pk in ids])


def settle_failed(*, now: datetime) -> tuple[int, list[Close]]:
    """Try everything that has failed once more, however often it was tried: how many are settled
    now, and which failed again."""
    failed = Close.objects.across_tenants().filter(status=Close.Status.FAILED)
    ids = [str(pk) for pk in failed.order_by("pk").values_list("pk", flat=True)]
    if not ids:
        return 0, []
    with transaction.atomic():
        failed.filter(pk__in=ids).update(attempts=0, next_at=now + timedelta(minutes=1))
        audit.record("closes.tried_again", f"{len(ids)} closes", after={"closes": ids})
    settle_closes(close_ids=ids)
    again = list(failed.filter(pk__in=ids).order_by("pk").select_related("position"))
    return len(ids) - len(again), again
