"""While terms are typed their sizes are shown: what planning would trade, or what is wrong."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.orders.models import Ticket
from apps.strategies.models import Subscription
from apps.venues.selectors import last_price
from tests.apps.orders.desk import Desk
from tests.factories import (
    CopierFactory,
    InstrumentFactory,
    PositionFactory,
    TenantFactory,
    UserFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db
TERMS = {"capital": "1000", "leverage": "20", "risk_mode": "1"}


def enter(client, role="owner"):
    client.force_login(UserFactory(tenant=None, role=role, is_superuser=role == "owner"))
    return client


def ask(client, kind, **asked):
    answer = client.get(reverse("console:sizes", args=[kind]), asked)
    assert answer.status_code == 200
    return answer.json()


def cells(shown):
    told = (cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", shown, re.DOTALL))
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in told]


@pytest.fixture
def desk(hints):
    return Desk()


@pytest.mark.parametrize(
    "terms",
    [
        TERMS,
        {"capital": "2500.5", "leverage": "7", "risk_mode": "3"},
        {"capital": "123456", "leverage": "125", "risk_mode": "2"},
    ],
)
def test_what_is_shown_is_what_a_signal_gets(client, desk, terms, monkeypatch):
    (row,) = desk.subscriptions
    price = last_price(venue="paper", symbol="BTC/USDT", now=timezone.now())
    monkeypatch.setattr("apps.console.sizes.last_price", lambda **_: price)
    told = ask(enter(client), "subscription", row=row.pk, **terms)
    assert told["errors"] == {}
    shown = cells(told["shown"])
    rows = Subscription.objects.across_tenants().filter(pk=row.pk)
    rows.update(capital=Decimal(terms["capital"]), leverage=terms["leverage"])
    rows.update(risk_mode=terms["risk_mode"])
    desk.plan(desk.new_signal(price=price))
    ticket = Ticket.objects.across_tenants().get()
    assert shown[0] == "BTC/USDT"
    assert Decimal(shown[2].replace(",", "")) == ticket.quantity > 0


def test_a_new_subscription_is_sized_by_its_accounts_venue(client, desk):
    InstrumentFactory(venue="okx", step=Decimal("0.01"), min_quantity=Decimal("0.01"))
    account = VenueAccountFactory(venue="okx", member__tenant=desk.offered.tenant)
    told = ask(
        enter(client),
        "subscription",
        tenant_strategy=desk.offered.pk,
        venue_account=account.pk,
        **TERMS,
    )
    assert "below the venue" in told["shown"]
    told = ask(client, "subscription", tenant_strategy=desk.offered.pk, **TERMS)
    assert "below the venue" not in told["shown"]


def test_without_a_strategy_there_is_nothing_to_show_and_nothing_wrong(client):
    assert ask(enter(client), "subscription", **TERMS) == {"shown": "", "errors": {}}
    assert ask(client, "tenant-strategy", **TERMS) == {"shown": "", "errors": {}}


def test_a_new_tenant_strategy_is_sized_by_its_strategy(client, desk):
    told = ask(enter(client), "tenant-strategy", strategy=desk.offered.strategy_id, **TERMS)
    assert "BTC/USDT" in told["shown"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"capital": "much"}, "capital"),
        ({"capital": "0"}, "capital"),
        ({"capital": "1e12"}, "capital"),
        ({"capital": "0.000000001"}, "capital"),
        ({"capital": "NaN"}, "capital"),
        ({"leverage": "0"}, "leverage"),
        ({"leverage": "126"}, "leverage"),
        ({"risk_mode": "4"}, "risk_mode"),
        ({"capital": "199"}, "capital"),  # the strategy takes 200 at least
        ({"capital": ""}, "capital"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(client, desk, wrong, field):
    type(desk.offered).objects.across_tenants().update(min_capital=Decimal(200))
    told = ask(enter(client), "subscription", row=desk.subscriptions[0].pk, **TERMS | wrong)
    assert set(told["errors"]) == {field}
    assert told["errors"][field]
    assert told["shown"] == ""


COPIED = {"capital": "1000", "leverage": "2"}


@pytest.mark.parametrize(
    ("case", "measure", "measured", "quantity"),
    [
        ("half of it", "ratio", "0.5", "0.01"),
        ("no more than the capital times the leverage", "ratio", "50", None),
        ("so much", "quantity", "0.007", "0.007"),
    ],
)
def test_a_copy_is_sized_by_what_its_leader_holds(client, desk, case, measure, measured, quantity):
    leader = PositionFactory(subscription=desk.subscriptions[0], quantity=Decimal("0.02"))
    account = VenueAccountFactory(member__tenant=desk.offered.tenant)
    told = ask(
        enter(client),
        "copier",
        venue_account=account.pk,
        leader_account=leader.venue_account_id,
        measure=measure,
        measured=measured,
        **COPIED,
    )
    shown = cells(told["shown"])
    assert shown[:2] == ["BTC/USDT", "0.02"]
    if quantity:
        assert shown[2] == quantity
    assert Decimal(shown[3].replace(",", "")) <= 2000


def test_a_ratio_out_of_bounds_is_told_at_its_field(client):
    copier = CopierFactory()
    asked = {**COPIED, "measure": "ratio", "measured": "101"}
    assert set(ask(enter(client), "copier", row=copier.pk, **asked)["errors"]) == {"measured"}


def test_a_leader_that_holds_nothing_is_told(client):
    copier = CopierFactory()
    asked = {**COPIED, "measure": "ratio", "measured": "1"}
    assert "holds nothing" in ask(enter(client), "copier", row=copier.pk, **asked)["shown"]


def test_nobody_sees_sizes_of_what_is_not_theirs(client, desk):
    globex = TenantFactory(name="Globex")
    row = desk.subscriptions[0].pk
    client.force_login(UserFactory(tenant=globex, role="staff", is_superuser=True))
    told = ask(client, "subscription", row=row, tenant_strategy=desk.offered.pk, **TERMS)
    assert told == {"shown": "", "errors": {}}


@pytest.mark.parametrize("role", ["support", "finance"])
def test_who_may_not_change_them_is_shown_nothing(client, role):
    answer = enter(client, role=role).get(reverse("console:sizes", args=["subscription"]), TERMS)
    assert answer.status_code == 403


def test_there_are_no_sizes_of_anything_else(client):
    assert enter(client).get(reverse("console:sizes", args=["luck"])).status_code == 404
