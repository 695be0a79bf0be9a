"""The admin's home counts what there is, leads to it, and shows a tenant its own."""

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.console import selectors
from apps.core.admin import TENANT_KEY
from apps.positions.models import Close
from apps.rewards.services import settle_closes
from apps.tallies.services import catch_up
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.factories import (
    CloseFactory,
    TenantFactory,
    UserFactory,
    VenueAccountFactory,
    WithdrawalFactory,
)

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


def moved_today(tenant=None):
    today = datetime.now(UTC).date()
    return selectors.moved_since(today, today, tenant)[0]


def test_money_adds_up():
    settled()
    list(catch_up(now=timezone.now()))
    money = moved_today()
    # 0.004 coins that rose by 1,000; 30 % of it is charged, and all of that shared out: seven
    # tenths to the platform, one to its tech team, and two to the network.
    assert money.charged == Decimal("1.2")
    assert money.rewarded == Decimal("0.24")
    assert money.profit == sum(close.net for close in Close.objects.across_tenants())
    assert money.shortfall == money.withdrawn == 0
    [(_strategy, count, total)] = selectors.profit_by_strategy(moved_today().day)
    [(_tenant, of_tenant, total_of_tenant)] = selectors.profit_by_tenant(moved_today().day)
    assert (count, total) == (of_tenant, total_of_tenant) == (1, money.profit)


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
    list(catch_up(now=timezone.now()))
    assert moved_today(globex) == selectors.Moved(moved_today().day)
    assert not selectors.profit_by_strategy(moved_today().day, globex)
    assert not selectors.orders_by_status(globex)
    assert not selectors.steps_taken(hour_ago(), globex)
    assert set(selectors.funnel_since(hour_ago(), globex).values()) == {0}
    assert not selectors.latest_signals(globex)
    assert not selectors.latest_rewards(globex)


def test_what_needs_a_person_is_counted():
    CloseFactory(status=Close.Status.FAILED)
    WithdrawalFactory()
    VenueAccountFactory(drift={"BTC/USDT long": ["0.02", "0"]})
    list(catch_up(now=timezone.now()))
    waiting = selectors.waiting_for_a_person(moved_today().day)
    assert (waiting["failed"], waiting["pending"], waiting["drifting"]) == (1, 1, 1)


def test_each_step_tells_its_median_and_its_slowest():
    began = timezone.now()
    took = [(began, began + timedelta(milliseconds=ms)) for ms in range(1, 101)]
    assert selectors.step_of([*took, (began, None)]) == selectors.Step(100, 51, 96)
    assert selectors.step_of([(None, began)]) is None
    settled()
    assert {"tickets", "orders", "rewards"} <= selectors.steps_taken(hour_ago()).keys()


def test_the_home_page_shows_it_in_few_queries(client):
    settled(followers=3)
    list(catch_up(now=timezone.now()))
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    counts = []
    for more in (0, 3):
        for _number in range(more):
            CloseFactory(status=Close.Status.FAILED)
            TenantFactory()
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("admin:index"))
        counts.append(len(queries))
        assert page.status_code == 200
    assert "3.60" in page.content.decode()
    assert counts[0] < 60
    assert counts[1] <= counts[0] + 1
    session = client.session
    session[TENANT_KEY] = Close.objects.across_tenants().filter(profit=4)[0].tenant_id
    session.save()
    assert "3.60" in client.get(reverse("admin:index")).content.decode()


def test_every_number_leads_to_its_rows(client):
    settled()
    CloseFactory(status=Close.Status.FAILED)
    WithdrawalFactory()
    VenueAccountFactory(drift={"BTC/USDT long": ["0.02", "0"]})
    list(catch_up(now=timezone.now()))
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    page = client.get(reverse("admin:index"))
    tiles = [
        tile for group in ("tiles", "funnel", "orders", "waiting") for tile in page.context[group]
    ]
    links = {tile["href"] for tile in tiles}
    links |= set(re.findall(r'href="([^"]+created_at[^"]+)"', page.content.decode()))
    assert len(links) > 20
    for link in links:
        shown = client.get(html.unescape(link))
        # What a list does not understand it drops, and says so with e=1.
        assert (shown.status_code, "e=1" in shown.request["QUERY_STRING"]) == (200, False), link
