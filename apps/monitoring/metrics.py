"""The figures of the whole, as Prometheus reads them."""

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from apps.core.models import AuditEntry, TenantOwned
from apps.core.scope import rows
from apps.ledger.models import Account
from apps.market_making.models import Session
from apps.members.models import Member
from apps.monitoring.models import Alert
from apps.monitoring.selectors import look
from apps.nodes.models import Node
from apps.orders.models import Order, Ticket
from apps.positions.models import Close, Position
from apps.rewards.models import Withdrawal
from apps.tenants.models import Tenant

# Their rows by status; the index on it, or how few they are, keeps this cheap.
BY_STATUS = {
    "tickets": Ticket,
    "orders": Order,
    "closes": Close,
    "withdrawals": Withdrawal,
    "maker_sessions": Session,
    "nodes": Node,
    "tenants": Tenant,
}


def exposition() -> bytes:
    registry = CollectorRegistry()
    registry.register(Figures())
    return generate_latest(registry)


class Figures(Collector):
    def describe(self) -> list[GaugeMetricFamily]:
        # What there is, is only known when it is asked for.
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from checks()
        yield from counts()
        yield from alerts()
        yield from nodes()


def checks() -> Iterator[GaugeMetricFamily]:
    values = GaugeMetricFamily(
        "ironbull_check", "What a check found", labels=["check", "subject", "unit"]
    )
    blind = GaugeMetricFamily(
        "ironbull_check_failed", "Whether a check could not look", labels=["check"]
    )
    for found in look(timezone.now()):
        blind.add_metric([found.check.name], 1.0 if found.problem else 0.0)
        for one in found.measures:
            values.add_metric([found.check.name, one.subject, found.check.unit], one.value)
    yield values
    yield blind


def counts() -> Iterator[GaugeMetricFamily]:
    for name, model in BY_STATUS.items():
        family = GaugeMetricFamily(f"ironbull_{name}", "Rows by status", labels=["status"])
        found = rows(model, None) if issubclass(model, TenantOwned) else model.objects.all()
        found = found.order_by().values("status").annotate(n=Count("pk"))
        for row in found:
            family.add_metric([row["status"]], row["n"])
        yield family
    open_positions = Position.objects.across_tenants().filter(status=Position.Status.OPEN)
    for name, told, number in (
        ("positions_open", "Positions that are held", open_positions.count()),
        ("members", "Members", Member.objects.across_tenants().count()),
        ("ledger_accounts", "Accounts of the ledger", Account.objects.across_tenants().count()),
        ("audit_entries", "Entries of the audit trail", AuditEntry.objects.count()),
    ):
        yield GaugeMetricFamily(f"ironbull_{name}", told, value=number)


def alerts() -> Iterator[GaugeMetricFamily]:
    family = GaugeMetricFamily(
        "ironbull_alerts_firing", "Alerts that fire", labels=["check", "severity"]
    )
    firing = Alert.objects.filter(status=Alert.Status.FIRING).order_by()
    for row in firing.values("rule__check_name", "severity").annotate(n=Count("pk")):
        family.add_metric([row["rule__check_name"], str(row["severity"])], row["n"])
    yield family


def nodes() -> Iterator[GaugeMetricFamily]:
    load = GaugeMetricFamily("ironbull_node_load_percent", "Load of a node's host", labels=["node"])
    hand = GaugeMetricFamily("ironbull_node_tickets", "Tickets in a node's hand", labels=["node"])
    venue = GaugeMetricFamily(
        "ironbull_node_venue_ms", "How long a venue took to answer a node", labels=["node", "venue"]
    )
    for node in Node.objects.exclude(status__in=Node.NOT_TRUSTED).order_by("pk"):
        load.add_metric([node.code], node.load_percent)
        hand.add_metric([node.code], node.running)
        for name, milliseconds in node.venues.items():
            if milliseconds is not None:
                venue.add_metric([node.code, name], milliseconds)
    yield from (load, hand, venue)
