"""Questions about makers: what they are told, where they run, what they did."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from apps.market_making.models import Maker, Notice, Reading, Session, Version
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Fill, Order
from engine.making.names import Namer
from engine.making.params import MakerParams, read_params
from engine.venues.client_ids import takes_numbers

# A word to a node that was under way when it was heard last, and clocks that differ.
DELIVERY = timedelta(seconds=60)


def version_of(maker: Maker, number: int | None = None) -> Version:
    """What the maker is told; an earlier version where one is named."""
    wanted = maker.version if number is None else number
    return Version.objects.of(maker.tenant_id).get(maker=maker, number=wanted)


def params_of(maker: Maker) -> MakerParams:
    return read_params(version_of(maker).params)


def last_session(maker: Maker) -> Session | None:
    return sessions_of(maker).first()


def sessions_of(maker: Maker) -> QuerySet[Session]:
    return Session.objects.of(maker.tenant_id).filter(maker=maker).order_by("-pk")


def live_session(maker: Maker) -> Session | None:
    """The one that is on a node now, or halted."""
    return Session.objects.of(maker.tenant_id).filter(live_key=maker.pk).first()


def surely_over(session: Session) -> datetime:
    """From when on its node has surely let go of it, if nothing is heard until then."""
    heard = session.reported_at or session.created_at
    return heard + timedelta(seconds=settings.MAKER_LEASE_SECONDS) + DELIVERY


def is_forsaken(session: Session, now: datetime) -> bool:
    """Whether it may be given up: live, by what we know, on a node that is gone."""
    is_silent = session.status in Session.LIVE and now >= surely_over(session)
    return is_silent and not alive_nodes(now).filter(pk=session.node_id).exists()


def namer_of(maker: Maker) -> Namer:
    return Namer(maker.pk, 0, takes_numbers(maker.venue_account.venue))


def orders_of(maker: Maker) -> QuerySet[Order]:
    """Those that have filled, of all its lives: their names tell whose they are."""
    rows = Order.objects.of(maker.tenant_id).filter(
        venue_account=maker.venue_account_id,
        kind=Order.Kind.MAKER,
        client_order_id__startswith=namer_of(maker).prefix,
    )
    return rows.order_by("-pk")


def fills_of(maker: Maker) -> QuerySet[Fill]:
    rows = Fill.objects.of(maker.tenant_id).filter(
        order__venue_account=maker.venue_account_id,
        order__kind=Order.Kind.MAKER,
        order__client_order_id__startswith=namer_of(maker).prefix,
    )
    return rows.select_related("order").order_by("-pk")


def notices_of(maker: Maker) -> QuerySet[Notice]:
    return Notice.objects.of(maker.tenant_id).filter(session__maker=maker).order_by("-pk")


def readings_of(session: Session, *, now: datetime, seconds: int) -> QuerySet[Reading]:
    """The last of them, oldest first."""
    since = now - timedelta(seconds=seconds)
    rows = Reading.objects.of(session.tenant_id).filter(session=session, read_at__gte=since)
    return rows.order_by("read_at")
