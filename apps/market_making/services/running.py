"""A maker is started, stopped, halted and released; its node does it, and says so."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.core.states import move
from apps.market_making.models import Command, Maker, Session
from apps.market_making.selectors import surely_over
from apps.market_making.services.telling import refuse_unfit
from apps.market_making.services.wishing import command, leased_until
from apps.members.models import Member
from apps.nodes.selectors import alive_nodes
from apps.orders.selectors import brake_on
from apps.orders.services import refuse_quoted
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from apps.venues.services import note_quoted

V = Command.Verb
UNTOLD_LIVES = 1000


@retried
@transaction.atomic
def start_maker(*, maker: Maker, now: datetime) -> Session:
    """Lease the maker to the node of its account, and have it begin."""
    accounts = VenueAccount.objects.of(maker.tenant_id).select_for_update()
    account = accounts.get(pk=maker.venue_account_id)
    maker = Maker.objects.of(maker.tenant_id).select_for_update().get(pk=maker.pk)
    refuse_running(maker)
    if brake_on():
        raise Conflict("the brake is on: nothing is opened anywhere", rule="brake")
    refuse_unready(account, maker.symbol, now=now)
    session = Session.objects.of(maker.tenant_id).create(
        tenant_id=maker.tenant_id,
        maker=maker,
        node=account.node,
        started_by=audit.who()[:100],
        leased_until=leased_until(now),
        fills_known_ms=int(now.timestamp() * 1000),
        live_key=maker.pk,
    )
    note_quoted(account=account, symbol=maker.symbol, is_quoted=True)
    command(session=session, verb=V.START, now=now)
    after = {"session": str(session.pk), "node": account.node.code, "version": maker.version}
    audit.record("maker.started", maker, after=after)
    return session


def refuse_running(maker: Maker) -> None:
    live = Session.objects.of(maker.tenant_id).filter(live_key=maker.pk).first()
    if live is None:
        return
    if live.status == Session.Status.HALTED:
        raise Conflict("the maker is halted: a person has to release it", status=live.status)
    raise Conflict(f"the maker is {live.status}", status=live.status)


def refuse_unready(account: VenueAccount, symbol: str, *, now: datetime) -> None:
    refuse_unfit(account=account, symbol=symbol)
    if account.status != VenueAccount.Status.ACTIVE or not account.key_hint:
        raise Conflict("the venue account is paused or has no key", field="venue_account")
    member = account.member
    if member.status != Member.Status.ACTIVE or member.tenant.status != Tenant.Status.ACTIVE:
        raise Conflict("the member or the tenant is not active", field="venue_account")
    if why := account.key_refusal:
        raise Conflict(why, field="venue_account")
    node = account.node
    if node is None or not alive_nodes(now).filter(pk=node.pk).exists():
        raise Conflict("the account's node is not alive", field="node")
    refuse_quoted(account=account, symbol=symbol)


@retried
@transaction.atomic
def stop_maker(*, maker: Maker, now: datetime) -> Session:
    """Have it take its orders away and close what it holds; it says when that is done."""
    session = locked_live(maker)
    if session.verb in (V.STOP, V.HALT):
        raise Conflict("the maker is stopping already", status=session.status)
    command(session=session, verb=V.STOP, now=now)
    audit.record("maker.stop_asked", maker, after={"session": str(session.pk)})
    return session


@retried
@transaction.atomic
def halt_maker(*, maker: Maker, reason: str, now: datetime) -> Session:
    """The same, and nobody starts it again before a person has released it."""
    session = locked_live(maker)
    if session.verb == V.HALT:
        raise Conflict("the maker is being halted already", status=session.status)
    reason = reason.strip()[:200] or "a person halted it"
    command(session=session, verb=V.HALT, now=now, reason=reason)
    after = {"session": str(session.pk), "reason": reason}
    audit.record("maker.halt_asked", maker, after=after)
    return session


@retried
@transaction.atomic
def release_maker(*, maker: Maker, reason: str, now: datetime) -> Session:
    """A person has looked at what halted it: it may be started again."""
    session = locked(maker)
    before = {"status": session.status, "reason": session.reason}
    move(
        session,
        to=Session.Status.IDLE,
        allowed={Session.Status.HALTED: {Session.Status.IDLE}},
        live_key=None,
    )
    session.wish += 1
    session.save(update_fields=["wish"])
    Command.objects.of(session.tenant_id).create(
        tenant_id=session.tenant_id,
        session=session,
        number=session.wish,
        verb=V.RELEASE,
        reason=reason.strip()[:500],
        version=maker.version,
        asked_by=audit.who()[:100],
        acknowledged_at=now,
    )
    audit.record("maker.released", maker, before=before, after={"reason": reason[:200]})
    return session


@retried
@transaction.atomic
def give_up_maker(*, maker: Maker, reason: str, now: datetime) -> Session:
    """Its node is gone: what it left at its venue is a person's to look at, and to release.

    Only when its lease is surely over: until then the node may still be at it.
    """
    session = locked_live(maker)
    if alive_nodes(now).filter(pk=session.node_id).exists():
        raise Conflict("its node is alive: stop or halt it", field="node")
    surely = surely_over(session)
    if now < surely:
        raise Conflict(f"its node may be at it until {surely:%H:%M:%S}", field="node")
    before = {"status": session.status, "node": session.node.code}
    move(
        session,
        to=Session.Status.HALTED,
        allowed={status: {Session.Status.HALTED} for status in Session.LIVE},
        reason=reason.strip()[:200] or "its node is gone",
        ended_at=now,
    )
    # Lives that it has had and could not tell of: no name of theirs comes again.
    maker = session.maker
    Maker.objects.of(maker.tenant_id).filter(pk=maker.pk).update(life=F("life") + UNTOLD_LIVES)
    account = VenueAccount.objects.of(maker.tenant_id).get(pk=maker.venue_account_id)
    note_quoted(account=account, symbol=maker.symbol, is_quoted=False)
    audit.record("maker.given_up", maker, before=before, after={"reason": session.reason})
    return session


def locked(maker: Maker) -> Session:
    maker = Maker.objects.of(maker.tenant_id).select_for_update().get(pk=maker.pk)
    rows = Session.objects.of(maker.tenant_id).select_for_update()
    session = rows.filter(live_key=maker.pk).first()
    if session is None:
        raise Conflict("the maker is not running", status=Session.Status.IDLE.value)
    session.maker = maker
    return session


def locked_live(maker: Maker) -> Session:
    session = locked(maker)
    if session.status not in Session.LIVE:
        raise Conflict(f"the maker is {session.status}", status=session.status)
    return session
