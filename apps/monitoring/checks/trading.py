"""Nodes, venues, tickets, drift, makers."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min
from django.utils.translation import gettext_lazy as _

from apps.market_making.models import Session
from apps.monitoring.checks.check import CRITICAL, Check, Measure
from apps.nodes.models import Node
from apps.orders.models import Ticket
from apps.orders.selectors import brake_on
from apps.venues.models import VenueAccount

# How many are named.
SHOWN = 5


def nodes_heard(now: datetime):
    return Node.objects.exclude(status__in=Node.NOT_TRUSTED).filter(last_heartbeat_at__isnull=False)


def silent_nodes(now: datetime) -> Iterator[Measure]:
    for node in nodes_heard(now).order_by("pk"):
        yield Measure(node.code, (now - node.last_heartbeat_at).total_seconds())


def node_clocks(now: datetime) -> Iterator[Measure]:
    for node in nodes_heard(now).order_by("pk"):
        yield Measure(node.code, abs(node.clock_offset_ms or 0))


def unreachable_venues(now: datetime) -> Iterator[Measure]:
    """Of the nodes that are heard, how many cannot reach a venue that they trade at."""
    heard_since = now - timedelta(seconds=settings.NODE_SILENT_SECONDS)
    without: dict[str, list[str]] = {}
    for node in nodes_heard(now).filter(last_heartbeat_at__gte=heard_since).order_by("pk"):
        for venue, milliseconds in node.venues.items():
            at = without.setdefault(venue, [])
            if milliseconds is None:
                at.append(node.code)
    for venue, codes in sorted(without.items()):
        yield Measure(venue, len(codes), ", ".join(codes[:SHOWN]))


def parked(now: datetime) -> Iterator[Measure]:
    tickets = Ticket.objects.across_tenants().filter(status=Ticket.Status.PARKED)
    yield Measure("tickets", tickets.count())


def unanswered(now: datetime) -> Iterator[Measure]:
    tickets = Ticket.objects.across_tenants().filter(
        status__in=[Ticket.Status.SENT, Ticket.Status.UNKNOWN]
    )
    oldest = tickets.aggregate(at=Min("sent_at"))["at"]
    yield Measure("tickets", (now - oldest).total_seconds() if oldest else 0)


def drifting(now: datetime) -> Iterator[Measure]:
    accounts = VenueAccount.objects.across_tenants().exclude(drift={}).order_by("pk")
    found = [account.pk for account in accounts.iterator() if account.is_drifting]
    named = ", ".join(str(key) for key in found[:SHOWN])
    yield Measure("accounts", len(found), f"venue accounts {named}" if found else "")


def unread(now: datetime) -> Iterator[Measure]:
    accounts = VenueAccount.objects.across_tenants().filter(
        status=VenueAccount.Status.ACTIVE, node__status=Node.Status.ACTIVE
    )
    yield Measure("accounts", accounts.exclude(read_error="").count())


def halted(now: datetime) -> Iterator[Measure]:
    sessions = Session.objects.across_tenants().filter(status=Session.Status.HALTED)
    yield Measure("makers", sessions.count())


def braked(now: datetime) -> Iterator[Measure]:
    brake = brake_on()
    seconds = (now - brake.created_at).total_seconds() if brake else 0
    yield Measure("opening", seconds, brake.reason if brake else "")


CHECKS = [
    Check(
        name="node",
        title=_("A node is silent"),
        unit="s",
        measure=silent_nodes,
        threshold=45,
        severity=CRITICAL,
    ),
    Check(
        name="node_clock",
        title=_("The clock of a node is off"),
        unit="ms",
        measure=node_clocks,
        threshold=1000,
        for_seconds=30,
    ),
    Check(
        name="venue",
        title=_("Nodes cannot reach a venue"),
        unit="",
        measure=unreachable_venues,
        threshold=0,
        for_seconds=120,
    ),
    Check(
        name="parked",
        title=_("Parked tickets wait for a person"),
        unit="",
        measure=parked,
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="unanswered",
        title=_("A ticket is without an answer for long"),
        unit="s",
        measure=unanswered,
        threshold=300,
    ),
    Check(
        name="drift",
        title=_("A venue holds other than the books say"),
        unit="",
        measure=drifting,
        threshold=0,
        for_seconds=30,
        severity=CRITICAL,
    ),
    Check(
        name="unread",
        title=_("Venue accounts cannot be read back"),
        unit="",
        measure=unread,
        threshold=0,
        for_seconds=300,
    ),
    Check(
        name="halted",
        title=_("Halted makers wait for a person"),
        unit="",
        measure=halted,
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="brake",
        title=_("The brake has been on for long: nothing is opened"),
        unit="s",
        measure=braked,
        threshold=1800,
    ),
]
