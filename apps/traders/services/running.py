"""A trader is started, paused and stopped; what it holds keeps its stop and target at the venue."""

from datetime import datetime

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.core.states import move
from apps.members.models import Member
from apps.tenants.models import Tenant
from apps.tenants.services import tell
from apps.traders.models import Trader
from apps.venues.models import VenueAccount

S = Trader.Status


@retried
@transaction.atomic
def start_trader(*, trader: Trader, now: datetime) -> Trader:
    """Have it decide, from now on; earlier failures no longer count."""
    trader = locked(trader)
    if why := unready(trader):
        raise Conflict(why, field="venue_account")
    began = trader.began_at or now
    before = trader.status
    move(
        trader,
        to=S.RUNNING,
        allowed=Trader.MOVES,
        reason="",
        began_at=began,
        next_at=now,
        pause_until=None,
        counted_from=trader.decided,
        best_equity=None,
    )
    note(trader, "started", before=before)
    return trader


@retried
@transaction.atomic
def pause_trader(*, trader: Trader, reason: str = "", now: datetime) -> Trader:
    """Have it decide nothing until it is started again."""
    return ended(trader, to=S.PAUSED, reason=reason or "a person paused it", event="paused")


@retried
@transaction.atomic
def stop_trader(*, trader: Trader, reason: str = "", now: datetime) -> Trader:
    """The same, and it does not come back by itself; its positions are a person's to close."""
    return ended(trader, to=S.STOPPED, reason=reason or "a person stopped it", event="stopped")


@retried
@transaction.atomic
def fail_trader(*, trader: Trader, reason: str) -> Trader:
    """What it goes by is not as it should be: a person has to look."""
    return ended(trader, to=S.ERROR, reason=reason, event="failed")


@retried
@transaction.atomic
def decide_now(*, trader: Trader, now: datetime) -> Trader:
    """Make it due at once; the gate still stands before it."""
    trader = locked(trader)
    if trader.status != S.RUNNING:
        raise Conflict(f"the trader is {trader.status}", status=trader.status)
    Trader.objects.of(trader.tenant_id).filter(pk=trader.pk).update(next_at=now, pause_until=None)
    audit.record("trader.decide_now", trader)
    return trader


def start_by_themselves(*, now: datetime) -> int:
    """Start those that are told to start by themselves and were never started; how many."""
    rows = Trader.objects.across_tenants().filter(
        auto_start=True, status=S.STOPPED, began_at__isnull=True
    )
    started = 0
    for trader in rows.select_related("venue_account__member__tenant"):
        if not unready(trader):
            start_trader(trader=trader, now=now)
            started += 1
    return started


def unready(trader: Trader) -> str:
    """Why nothing is decided for this account now; "" where nothing speaks against it."""
    account = trader.venue_account
    member = account.member
    if account.status != VenueAccount.Status.ACTIVE:
        return "the venue account is paused"
    if member.status != Member.Status.ACTIVE:
        return "the member is not active"
    if member.tenant.status != Tenant.Status.ACTIVE:
        return "the tenant is not active"
    return "" if trader.is_shadow else account.key_refusal


# Inside.


def ended(trader: Trader, *, to: str, reason: str, event: str) -> Trader:
    trader = locked(trader)
    before = trader.status
    move(trader, to=to, allowed=Trader.MOVES, reason=reason[:500])
    note(trader, event, before=before)
    return trader


def note(trader: Trader, verb: str, *, before: str) -> None:
    about = {"trader": trader.code, "status": trader.status, "reason": trader.reason}
    tell(tenant_id=trader.tenant_id, name=f"trader.{verb}", about=about)
    after = {"status": trader.status, "reason": trader.reason}
    audit.record(f"trader.{verb}", trader, before={"status": before}, after=after)


def locked(trader: Trader) -> Trader:
    return Trader.objects.of(trader.tenant_id).select_for_update().get(pk=trader.pk)
