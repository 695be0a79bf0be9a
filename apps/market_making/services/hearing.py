"""What a node tells of a session: applied once, whatever comes twice or late.

A report is all that is not known to be heard, so nothing is lost with any of them. The node is
answered at once where it told news: until then it tells them again.
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.later import later
from apps.core.services import refuse_message
from apps.core.states import move
from apps.market_making.models import Command, Maker, Notice, Reading, Session
from apps.market_making.services.wishing import wish_after_commit
from apps.nodes.envelopes import open_from_node
from apps.nodes.models import Node
from apps.orders.services import take_in_quotes
from apps.tenants.models import Event
from apps.tenants.services import tell_many
from apps.venues.models import VenueAccount
from apps.venues.services import note_quoted
from engine.errors import ImpossibleReport, MessageRefused
from engine.making.actions import AlertKind, AlertLevel
from engine.making.metrics import Figures
from engine.messages import MakerMove, MakerReport

S = Session.Status
REST = (S.IDLE, S.HALTED)
# A clock that differs by more tells of no present.
MOST_AHEAD_MS = 60_000


@retried
def record_report(*, envelope: str, now: datetime) -> None:
    node, told = open_from_node(envelope, MakerReport)
    refuse_unsound(told, now)
    with transaction.atomic():
        session = session_of(told, node)
        is_news = hear(session, told, now)
        if is_news:
            wish_after_commit(session=session, now=now)


def refuse_unsound(told: MakerReport, now: datetime) -> None:
    moments = [told.told_at_ms, *(one.at_ms for one in [*told.moves, *told.alerts])]
    if max(moments) > int(now.timestamp() * 1000) + MOST_AHEAD_MS:
        raise MessageRefused("the report tells of what has not happened yet")
    known = {*AlertKind} & {one.kind for one in told.alerts}
    if known != {one.kind for one in told.alerts}:
        raise MessageRefused("the report tells of no such alert")
    if any(one.level not in {*AlertLevel} for one in told.alerts):
        raise MessageRefused("the report tells of no such level")
    if any(one.to not in S.values for one in told.moves):
        raise MessageRefused("the report tells of no such state")
    try:
        if told.figures is not None:
            msgspec.convert(told.figures, Figures, strict=False)
    except msgspec.ValidationError as error:
        raise MessageRefused(f"the figures are unsound: {error}") from error


def session_of(told: MakerReport, node: Node) -> Session:
    """The session, locked behind its account, if it really is leased to this node."""
    rows = Session.objects.across_tenants().select_related("maker__venue_account")
    found = rows.filter(pk=told.session).first() if is_key(told.session) else None
    if found is None:
        raise MessageRefused("the report is of a session nobody knows", session=told.session)
    if found.node_id != node.pk:
        raise MessageRefused("the session is not leased to this node", node=node.code)
    accounts = VenueAccount.objects.across_tenants().select_for_update()
    account = accounts.get(pk=found.maker.venue_account_id)
    makers = Maker.objects.across_tenants().select_for_update()
    maker = makers.get(pk=found.maker_id)
    session = Session.objects.across_tenants().select_for_update().get(pk=found.pk)
    session.maker, maker.venue_account = maker, account
    return session


def is_key(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def hear(session: Session, told: MakerReport, now: datetime) -> bool:
    """Whether there was anything that its node has to be told was heard."""
    if told.life < session.life:
        return False
    if told.life > session.life:
        begin_life(session, told.life)
    acknowledge(session, told, now)
    moves = told.moves[session.moves_heard :]
    for one in moves if session.status not in REST else []:
        come_to(session, one, now)
    take_in_orders(session, told, now)
    take_in_alerts(session, told)
    note_figures(session, told, now)
    session.save(update_fields=HEARD)
    return bool(moves or told.orders or told.alerts) or session.status in REST


HEARD = [
    *("life", "moves_heard", "orders_heard", "alerts_heard", "fills_known_ms"),
    *("told_at", "reported_at", "figures", "quotes"),
]


def begin_life(session: Session, life: int) -> None:
    """Its host died, or it is the first one: what is told is counted anew."""
    session.life = life
    session.moves_heard = session.orders_heard = session.alerts_heard = 0
    Maker.objects.of(session.tenant_id).filter(pk=session.maker_id, life__lt=life).update(life=life)
    session.maker.life = max(session.maker.life, life)


def acknowledge(session: Session, told: MakerReport, now: datetime) -> None:
    waiting = Command.objects.of(session.tenant_id).filter(
        session=session, number__lte=told.done, acknowledged_at=None
    )
    waiting.update(acknowledged_at=now)
    if told.refused:
        refused = Command.objects.of(session.tenant_id).filter(
            session=session, number=told.done, refused_because=""
        )
        refused.update(refused_because=told.refused)


def come_to(session: Session, told: MakerMove, now: datetime) -> None:
    """One transition, audited; where it is already, nothing changes."""
    session.moves_heard += 1
    before = session.status
    if told.to == before == S.STARTING and session.moves_heard == 1:
        return
    changes: dict[str, object] = {"reason": told.reason}
    if told.to in REST:
        changes["ended_at"] = now
    if told.to == S.IDLE:
        changes["live_key"] = None
    heard = {name: getattr(session, name) for name in HEARD}
    move(session, to=told.to, allowed=Session.MOVES, **changes)
    for name, value in heard.items():
        setattr(session, name, value)
    if told.to in REST:
        account = session.maker.venue_account
        note_quoted(account=account, symbol=session.maker.symbol, is_quoted=False)
    after = {"status": told.to, "reason": told.reason, "life": session.life}
    audit.record(f"maker_session.{told.to}", session, before={"status": before}, after=after)
    tell_many([event(session, f"maker.{told.to}", {"reason": told.reason})])


def take_in_orders(session: Session, told: MakerReport, now: datetime) -> None:
    new = told.orders[max(session.orders_heard - told.orders_before, 0) :]
    if told.orders_before > session.orders_heard or not new:
        return
    maker = session.maker
    try:
        with transaction.atomic():
            closes = take_in_quotes(
                account=maker.venue_account, symbol=maker.symbol, told=new, now=now
            )
    except ImpossibleReport as error:
        body = f"{error.message} {error.context}: {new}".encode()
        refuse_message(queue="centre.reports", reason=error.message, body=body)
        closes = []
    session.orders_heard = told.orders_before + len(told.orders)
    last_ms = max((fill.filled_at_ms for one in new for fill in one.fills), default=0)
    session.fills_known_ms = max(session.fills_known_ms, last_ms - 60_000)
    if closes:
        later("rewards.settle", close_ids=[str(close.pk) for close in closes])


def take_in_alerts(session: Session, told: MakerReport) -> None:
    new = told.alerts[max(session.alerts_heard - told.alerts_before, 0) :]
    if told.alerts_before > session.alerts_heard or not new:
        return
    session.alerts_heard = told.alerts_before + len(told.alerts)
    notices = [
        Notice(
            tenant_id=session.tenant_id,
            session=session,
            level=one.level,
            kind=one.kind,
            facts=one.facts,
            noticed_at=moment(one.at_ms),
        )
        for one in new
    ]
    Notice.objects.of(session.tenant_id).bulk_create(notices)
    urgent = [one for one in notices if one.level == AlertLevel.CRITICAL]
    if urgent:
        audit.record_each("maker_notice.critical", urgent)
    tell_many([event(session, f"maker.{one.kind}", one.facts) for one in notices])


def note_figures(session: Session, told: MakerReport, now: datetime) -> None:
    at = moment(told.told_at_ms)
    if session.told_at and at <= session.told_at:
        return
    last, session.told_at, session.reported_at = session.told_at, at, now
    session.quotes = msgspec.to_builtins(told.quotes)
    if told.figures is None:
        return
    session.figures = told.figures
    second = at.replace(microsecond=0)
    if last and last.replace(microsecond=0) == second:
        return
    Reading.objects.of(session.tenant_id).get_or_create(
        session=session,
        read_at=second,
        defaults={
            "tenant_id": session.tenant_id,
            "figures": told.figures,
            "is_kept": last is None or last.minute != at.minute,
        },
    )


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def event(session: Session, name: str, facts: dict[str, str]) -> Event:
    about = {
        "maker": session.maker_id,
        "session": str(session.pk),
        "venue_account": session.maker.venue_account_id,
        "symbol": session.maker.symbol,
        **facts,
    }
    return Event(tenant_id=session.tenant_id, name=name, about=about)
