"""Everything of one member or tenant on a page, and a strategy that is tuned on one."""

import html
import re
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from apps.backtests.models import Run
from apps.members.services import create_member, open_tenant
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.rewards.models import Reward
from apps.tallies.services import catch_up
from tests.factories import (
    CloseFactory,
    RewardFactory,
    SubscriptionFactory,
    TenantFactory,
    TenantStrategyFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
OWNER = {"is_superuser": True}


def enter(client, tenant=None):
    client.force_login(UserFactory(tenant=tenant, **OWNER))
    return client


@pytest.fixture
def acme(db):
    call_command("load_fixtures", verbosity=0)
    tenant = open_tenant(name="Acme").tenant
    recharge_tenant(key="1", tenant=tenant, kind="self", amount=Decimal(5000))
    return tenant


def joined(tenant, email, inviter=None):
    code = inviter.invite_code if inviter else ""
    return create_member(tenant=tenant, email=email, password="long enough", invite_code=code)


def test_a_member_with_the_line_above_and_what_is_held(client, acme):
    alice = joined(acme, "alice@example.com")
    bob = joined(acme, "bob@example.com", alice)
    joined(acme, "carol@example.com", bob)
    recharge_member(key="2", member=bob, kind="self", amount=Decimal(1234))

    page = enter(client).get(reverse("console:member", args=[bob.pk]))

    told = page.content.decode()
    assert page.status_code == 200
    for shown in ("alice@example.com", "carol@example.com", "1,234.00", "S0"):
        assert shown in told
    assert reverse("console:member", args=[alice.pk]) in told


def test_a_member_who_traded(client, acme):
    close = CloseFactory(profit=Decimal(100))
    account = close.position.venue_account
    SubscriptionFactory(venue_account=account, member=account.member, tenant=account.tenant)

    told = enter(client).get(reverse("console:member", args=[account.member_id])).content.decode()

    assert str(close.position) in told
    assert "Tickets" in told


def test_a_tenant_with_its_reward_block(client, acme):
    for kind, amount in (
        ("tech_team", 10),
        ("direct_undist", 5),
        ("peer_undist", 2),
        ("direct", 7),
    ):
        reward = RewardFactory(kind=kind, amount=Decimal(amount))
        Reward.rows.filter(pk=reward.pk).update(tenant=acme)
    list(catch_up(now=timezone.now()))

    page = enter(client).get(reverse("console:tenant", args=[acme.pk]))

    tiles = {str(tile["title"]): tile["value"] for tile in page.context["rewards"]}
    assert tiles["Tech share"] == "10.00"
    assert tiles["Undistributed"] == "7.00"
    assert tiles["Both together"] == "17.00"
    assert "5,000.00" in page.content.decode()
    # Each number leads to a list that understands what it is asked.
    for link in set(re.findall(r'href="(/admin/[a-z]+/[a-z]+/\?[^"]+)"', page.content.decode())):
        answer = client.get(html.unescape(link))
        assert (answer.status_code, "e=1" in answer.request["QUERY_STRING"]) == (200, False), link


@pytest.mark.parametrize("page", ["member", "tenant", "tune"])
def test_another_tenants_are_not_there(client, page):
    row = TenantStrategyFactory()
    keys = {
        "member": CloseFactory().position.venue_account.member_id,
        "tenant": row.tenant_id,
        "tune": row.pk,
    }
    enter(client, TenantFactory())
    assert client.get(reverse(f"console:{page}", args=[keys[page]])).status_code == 404


def fields_of(page):
    return {
        name: field.initial
        if page.context["form"].initial.get(name) is None
        else page.context["form"].initial[name]
        for name, field in page.context["form"].fields.items()
    }


def posted(page, **changes):
    values = fields_of(page) | changes
    return {
        name: page.context["form"].fields[name].prepare_value(value) or ""
        for name, value in values.items()
        if value is not None and value is not False
    }


def test_a_strategy_is_tuned_for_one_tenant_and_copied_back(client):
    row = TenantStrategyFactory()
    master = row.strategy
    address = reverse("console:tune", args=[row.pk])
    page = enter(client).get(address)
    name = next(one for one, value in fields_of(page).items() if type(value) is int)
    changed = fields_of(page)[name] + 1

    answer = client.post(address, posted(page, **{name: changed}))

    assert answer.status_code == 302, answer.context["form"].errors
    row.refresh_from_db()
    assert row.strategy.made_for == row.tenant
    assert row.strategy.params[name] == changed
    assert fields_of(client.get(address))[name] == changed
    # The platform's figures are put into the form, and saved by whoever wants them.
    assert client.get(address).context["master"] == master
    copied = fields_of(client.get(f"{address}?from=master"))
    assert copied[name] == changed - 1


def test_parameters_that_cannot_be_are_told_on_their_field(client):
    row = TenantStrategyFactory()
    address = reverse("console:tune", args=[row.pk])
    page = enter(client).get(address)
    name = next(one for one, value in fields_of(page).items() if type(value) is int)

    answer = client.post(address, posted(page, **{name: -5}))

    assert answer.context["form"].errors[name]
    row.refresh_from_db()
    assert row.strategy.made_for is None


def test_what_it_would_have_done_is_a_backtest_of_the_form(client):
    row = TenantStrategyFactory()
    address = reverse("console:tune", args=[row.pk])
    page = enter(client).get(address)

    answer = client.post(address, posted(page) | {"try": "1"})

    run = Run.objects.across_tenants().get()
    assert answer.url == reverse("console:run", args=[run.pk])
    assert (run.rule, run.tenant, run.symbols) == (
        row.strategy.rule,
        row.tenant,
        row.strategy.symbols,
    )
    row.refresh_from_db()
    assert row.strategy.made_for is None


def test_the_size_of_a_trade_follows_the_terms(client):
    row = TenantStrategyFactory(capital=Decimal(1000), leverage=20, risk_mode=1)
    address = reverse("console:tune", args=[row.pk])
    own = enter(client).get(address).context["sizes"]["rows"][0]
    asked = client.get(f"{address}?capital=2000&leverage=10&risk_mode=3").context["sizes"]["rows"][
        0
    ]
    # A hundredth of the capital, and two hundredths, times the leverage.
    assert (own[3], own[4]) == ("200", "10")
    assert (asked[3], asked[4]) == ("400", "40")
    nonsense = client.get(f"{address}?capital=-1&leverage=x&risk_mode=9").context["sizes"]["rows"]
    assert nonsense[0][3] == "400"
