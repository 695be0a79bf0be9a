"""The admin's home counts what there is, leads to it, and shows a tenant its own."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.console import selectors
from apps.positions.models import Close
from apps.rewards.services import settle_closes
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.factories import CloseFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


def settled(followers=1):
    desk = Desk(followers=followers)
    desk.hear(*[report(order) for order in desk.plan_and_send()])
    closing = desk.new_signal(action=Action.CLOSE)
    orders = desk.plan_and_send(closing)[followers:]
    desk.hear(*[report(order, fills=[fill(order, price="51000")]) for order in orders])
    settle_closes(close_ids=[str(close.pk) for close in Close.objects.across_tenants()])
    return desk


def hour_ago():
    return timezone.now() - timedelta(hours=1)


def test_money_adds_up():
    settled()
    money = selectors.money_since(hour_ago())
    # 0.004 coins that rose by 1,000; 30 % of it is charged, and all of that shared out.
    assert money.realized == Decimal(4)
    assert money.charged == money.rewarded == Decimal("1.2")
    assert money.shortfall == 0


def test_the_funnel_counts_every_step():
    settled(followers=2)
    funnel = selectors.funnel_since(hour_ago())
    assert funnel["signals"] == 2
    assert (funnel["tickets"], funnel["orders"], funnel["filled"]) == (4, 4, 4)
    assert funnel["closes"] == 2
    assert funnel["rewards"] > 0


def test_another_tenant_sees_nothing_of_it():
    settled()
    globex = TenantFactory(name="Globex")
    assert selectors.money_since(hour_ago(), globex).realized == 0
    assert set(selectors.funnel_since(hour_ago(), globex).values()) == {0}
    assert not selectors.latest_signals(globex)
    assert not selectors.latest_rewards(globex)


def test_what_needs_a_person_is_counted():
    CloseFactory(status=Close.Status.FAILED)
    assert selectors.waiting_for_a_person()["failed"] == 1


def test_the_chart_puts_each_profit_into_its_minute():
    settled()
    moments = selectors.profit_over_time(timezone.now())
    assert sum(moment.profit for moment in moments) == Decimal(4)
    assert sum(moment.charged for moment in moments) == Decimal("1.2")


def test_the_home_page_shows_it_in_few_queries(client):
    settled(followers=3)
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("admin:index"))
    assert page.status_code == 200
    assert "12.00" in page.content.decode()
    assert len(queries) < 45
