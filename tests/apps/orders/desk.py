"""What the tests of orders share: subscriptions on one living node, and its signed reports."""

from decimal import Decimal

from django.utils import timezone

from apps.core.models import RefusedMessage
from apps.ledger.models import Account
from apps.members.services import open_tenant
from apps.orders import services
from apps.orders.models import Order
from engine.envelope import sign
from engine.messages import Fill, Report, Reports, number
from engine.order import OrderStatus
from tests.factories import (
    AccountFactory,
    InstrumentFactory,
    LevelFactory,
    MemberFactory,
    NodeFactory,
    SignalFactory,
    SubscriptionFactory,
    TenantStrategyFactory,
    VenueAccountFactory,
)


class Desk:
    """One tenant strategy, its followers, and the node that holds their accounts."""

    def __init__(self, followers: int = 1, **signal):
        self.now = timezone.now()
        InstrumentFactory()
        self.node = NodeFactory(last_heartbeat_at=self.now)
        LevelFactory()
        self.offered = TenantStrategyFactory(tenant=open_tenant(name="Acme").tenant)
        self.subscriptions = [self.follower() for _ in range(followers)]
        self.signal = self.new_signal(**signal)

    def follower(self, points=Decimal(100), **account):
        member = MemberFactory(tenant=self.offered.tenant)
        AccountFactory(
            tenant=member.tenant, owner=member.owner, kind=Account.Kind.SELF, credits=points
        )
        account = VenueAccountFactory(member=member, **{"node": self.node, **account})
        return SubscriptionFactory(venue_account=account, tenant_strategy=self.offered)

    def new_signal(self, **fields):
        return SignalFactory(strategy=self.offered.strategy, **fields)

    def plan(self, signal=None):
        return services.plan(signal_id=(signal or self.signal).pk, now=self.now)

    def plan_and_send(self, signal=None):
        self.plan(signal)
        services.dispatch(now=self.now)
        return list(Order.objects.across_tenants().order_by("pk"))

    def hear(self, *reports, node=None, now=None):
        node = node or self.node
        envelope = sign(
            Reports(reports=list(reports)),
            sender=node.code,
            receiver="centre",
            key=node.sign_private,
        )
        services.record_reports(envelope=envelope, now=now or self.now)


def report(order, status=OrderStatus.FILLED, *, fills=None, price="50000", **fields):
    """A report of an order, filled whole in one fill unless told otherwise."""
    if fills is None:
        fills = [fill(order)] if status == OrderStatus.FILLED else []
    told = {
        "order_id": str(order.pk),
        "account": str(order.venue_account_id),
        "client_order_id": order.client_order_id,
        "status": status,
        "venue_order_id": "venue-1",
        "filled": number(sum((Decimal(piece.quantity) for piece in fills), Decimal(0))),
        "fills": fills,
        "reported_at_ms": 1,
    }
    return Report(**{**told, **fields})


def fill(order, *, quantity=None, price="50000", fee="1", name="fill"):
    return Fill(
        venue_fill_id=f"{name}-{order.client_order_id[-6:]}",
        quantity=number(order.quantity if quantity is None else Decimal(quantity)),
        price=price,
        fee=fee,
        filled_at_ms=1_800_000_000_000,
    )


def refusals():
    return list(RefusedMessage.objects.values_list("reason", flat=True))
