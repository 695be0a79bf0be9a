"""What the centre wants of a session goes to its node, whole, again and again: each word of it
renews the lease, and says how much was heard."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.core import audit
from apps.core.later import publish
from apps.market_making.models import Command, Session
from apps.market_making.selectors import fills_of, version_of
from apps.nodes.envelopes import sign_to
from apps.nodes.models import Node
from apps.venues.credentials import sealed_to_nodes
from engine.messages import MakerVerb, MakerWish, Margin

# How often a lease is renewed, and how long a word to a node is worth anything.
RENEW_EVERY = timedelta(seconds=4)
WORTH_SECONDS = 20
# More than are filled in the minute that is heard again.
MOST_COUNTED = 500
# What a command leaves a session to do.
WANTS = {
    Command.Verb.START: MakerVerb.RUN,
    Command.Verb.STOP: MakerVerb.STOP,
    Command.Verb.HALT: MakerVerb.HALT,
    Command.Verb.RELEASE: MakerVerb.REST,
}


def command(*, session: Session, verb: str, now: datetime, reason: str = "") -> Command:
    """Write down what is asked of a locked session, and tell its node after the commit."""
    if verb != Command.Verb.START:
        session.wish += 1
    session.verb = WANTS.get(verb, session.verb)
    session.save(update_fields=["wish", "verb"])
    given = Command.objects.of(session.tenant_id).create(
        tenant_id=session.tenant_id,
        session=session,
        number=session.wish,
        verb=verb,
        reason=reason[:500],
        version=session.maker.version,
        asked_by=audit.who()[:100],
    )
    wish_after_commit(session=session, now=now)
    return given


def wish_after_commit(*, session: Session, now: datetime) -> None:
    transaction.on_commit(lambda: wish(session_id=session.pk, now=now))


def wish(*, session_id, now: datetime) -> None:
    """Tell the node what is wanted of a session, as it is now."""
    sessions = Session.objects.across_tenants().select_related("maker__venue_account__node", "node")
    session = sessions.get(pk=session_id)
    account = session.maker.venue_account
    sealed = sealed_to_nodes([account]).get(account.pk)
    if sealed is None or account.node_id != session.node_id:
        return
    sessions.filter(pk=session.pk).update(wished_at=now, leased_until=leased_until(now))
    publish(
        "node.make",
        {"envelope": sign_to(session.node, message_of(session, sealed))},
        queue=f"{session.node.queue}.making",
        expires_seconds=WORTH_SECONDS,
    )


def leased_until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.MAKER_LEASE_SECONDS)


def message_of(session: Session, sealed: str) -> MakerWish:
    maker = session.maker
    account, version = maker.venue_account, version_of(maker)
    is_over = session.status not in Session.LIVE
    last = session.commands.order_by("-number").first()
    target = version.asked.get("hourly_volume") if version.form == version.Form.GOAL else None
    return MakerWish(
        session=str(session.pk),
        maker=maker.pk,
        life=maker.life,
        number=session.wish,
        verb=MakerVerb.REST if is_over else MakerVerb(session.verb),
        reason=last.reason if last else "",
        venue=account.venue,
        account=str(account.pk),
        symbol=maker.symbol,
        margin=Margin(account.margin),
        sealed_credentials=sealed,
        params=version.params,
        target_hourly=None if target is None else f"{target:.8f}",
        lease_seconds=settings.MAKER_LEASE_SECONDS,
        fills_since_ms=session.fills_known_ms,
        figures=session.figures or None,
        counted=counted_of(session),
        heard_life=session.life,
        moves_heard=session.moves_heard,
        orders_heard=session.orders_heard,
        alerts_heard=session.alerts_heard,
    )


def counted_of(session: Session) -> list[str]:
    """Of the fills that its node will hear of again, those that its figures have in them."""
    if not session.figures:
        return []
    rows = fills_of(session.maker).values_list("venue_fill_id", flat=True)
    return list(rows[:MOST_COUNTED])


def renew_leases(*, now: datetime) -> int:
    """Say again what is wanted of every session that is on a node; how many there are."""
    due = Q(wished_at__isnull=True) | Q(wished_at__lte=now - RENEW_EVERY)
    trusted = ~Q(node__status__in=Node.NOT_TRUSTED)
    rows = Session.objects.across_tenants().filter(due, trusted, status__in=Session.LIVE)
    keys = list(rows.order_by(F("wished_at").asc(nulls_first=True)).values_list("pk", flat=True))
    for key in keys:
        wish(session_id=key, now=now)
    return len(keys)
