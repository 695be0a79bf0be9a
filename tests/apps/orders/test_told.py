"""A tenant's server hears how its orders ended and its positions began and ended, once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.orders.models import Order
from apps.tenants.models import Event
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.factories import EndpointFactory

pytestmark = pytest.mark.django_db


def listened_to(followers=1):
    desk = Desk(followers)
    EndpointFactory(tenant=desk.offered.tenant)
    return desk


def told():
    return [
        (event.name, event.about) for event in Event.objects.across_tenants().order_by("created_at")
    ]


def test_a_position_is_told_from_its_first_fill_to_its_last():
    desk = listened_to()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    last = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    desk.hear(report(last, fills=[fill(last, price="51000")]))
    whose = {"member": desk.subscriptions[0].member_id, "venue_account": order.venue_account_id}
    events = dict(told())
    assert events.keys() == {"order.filled", "position.opened", "position.closed"}
    assert len(told()) == 4
    held = f"{order.quantity.normalize():f}"
    assert (
        events["position.opened"].items()
        >= (
            whose | {"symbol": "BTC/USDT", "direction": "long", "quantity": held, "fees": "1"}
        ).items()
    )
    gained = f"{(order.quantity * 1000).normalize():f}"
    assert (
        events["position.closed"].items()
        >= (whose | {"quantity": "0", "realized": gained, "fees": "2"}).items()
    )
    assert (
        events["order.filled"].items()
        >= (
            whose
            | {"order": str(last.pk), "side": "sell", "filled": held, "average_price": "51000"}
        ).items()
    )


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (OrderStatus.REJECTED, "order.rejected"),
        (OrderStatus.CANCELED, "order.canceled"),
        (OrderStatus.EXPIRED, "order.expired"),
    ],
)
def test_an_order_that_ends_without_a_fill_is_told_with_its_reason(status, name):
    desk = listened_to()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, status, reason="no funds"))
    ((heard, about),) = told()
    assert (heard, about["reason"], about["average_price"]) == (name, "no funds", None)


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.UNKNOWN])
def test_an_order_that_has_not_ended_is_not_told(status):
    desk = listened_to()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, status))
    assert told() == []


def test_what_is_reported_twice_is_told_once_and_what_is_refused_is_not_told():
    desk = listened_to()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, account="0"))
    assert told() == []
    desk.hear(report(order))
    desk.hear(report(order))
    assert sorted(name for name, _about in told()) == ["order.filled", "position.opened"]


def test_many_reports_are_told_in_as_many_statements_as_one():
    desk = listened_to(followers=9)
    orders = desk.plan_and_send()
    counts = []
    for batch in (orders[:1], orders[1:]):
        with CaptureQueriesContext(connection) as queries:
            desk.hear(*(report(order) for order in batch))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert Order.objects.across_tenants().filter(status=OrderStatus.FILLED).count() == 9
    assert len(told()) == 18
