"""The pages of limits and refusals: who sees whose, who changes what, and what is counted."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.orders.models import Ticket
from apps.risk.models import RiskRule
from apps.risk.services import set_rule
from apps.tallies.services import catch_up
from tests.apps.orders.desk import Desk
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


def enter(client, tenant=None, role="owner", **about):
    """As somebody of the platform in a role, or of a tenant, whose owner is a superuser there."""
    rights = {"is_superuser": role == "owner"} | about
    client.force_login(UserFactory(tenant=tenant, role="staff" if tenant else role, **rights))
    return client


def page(rule="positions", tenant=None):
    return reverse("console:risk-rule", args=[tenant.pk if tenant else 0, rule])


def say(client, rule, tenant=None, **asked):
    return client.post(page(rule, tenant), asked)


@pytest.fixture
def acme(db):
    return TenantFactory(name="Acme")


def test_a_person_sets_a_limit_and_its_history_tells_who(client, acme):
    enter(client, username="ann")
    answer = say(client, "losing_streak", acme, is_on="on", most=3, rest_minutes=20)
    assert answer.status_code == 302
    row = RiskRule.objects.get()
    assert (row.tenant, row.is_on, row.figures) == (acme, True, {"most": 3, "rest_minutes": 20})
    told = client.get(page("losing_streak", acme)).content.decode()
    assert "Version 1" in told
    assert "ann" in told
    assert "rest_minutes 20" in told
    every = client.get(reverse("console:risk-of", args=[acme.pk])).content.decode()
    assert "at most: 3, rest (min): 20" in every


def test_symbols_are_a_list_of_words(client, acme):
    enter(client)
    say(client, "blocked_symbols", acme, is_on="on", symbols="doge/usdt, SOL/USDT")
    assert RiskRule.objects.get().figures == {"symbols": ["DOGE/USDT", "SOL/USDT"]}
    assert (
        'value="DOGE/USDT, SOL/USDT"' in client.get(page("blocked_symbols", acme)).content.decode()
    )


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("positions", {"most": 0}),
        ("positions", {"most": ""}),
        ("leverage", {"most": 126}),
        ("blocked_symbols", {"symbols": "bitcoin"}),
        ("blocked_symbols", {"symbols": ""}),
    ],
)
def test_what_breaks_a_bound_is_told_at_its_field(client, rule, asked):
    answer = say(enter(client), rule, is_on="on", **asked)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not RiskRule.objects.exists()


def test_a_tenants_owner_sets_their_own_and_reads_the_platforms(client, acme):
    set_rule(tenant=None, rule="leverage", is_on=True, figures={"most": 33})
    enter(client, acme)
    assert client.get(reverse("console:risk")).url == reverse("console:risk-of", args=[acme.pk])
    assert "at most: 33" in client.get(page("leverage", acme)).content.decode()
    assert say(client, "leverage", acme, is_on="on", most=5).status_code == 302
    assert RiskRule.objects.get(tenant=acme).figures == {"most": 5}


@pytest.mark.parametrize("whose", ["globex", "platform"])
def test_nobody_reads_or_sets_what_is_not_theirs(client, acme, whose):
    other = TenantFactory(name="Globex") if whose == "globex" else None
    enter(client, acme)
    assert client.get(page("leverage", other)).status_code == 404
    assert say(client, "leverage", other, is_on="on", most=5).status_code == 404
    assert not RiskRule.objects.exists()


@pytest.mark.parametrize(
    ("role", "may"), [("operator", True), ("finance", False), ("support", False)]
)
def test_roles_of_the_platform(client, role, may):
    enter(client, role=role)
    assert client.get(page()).status_code == 200
    assert say(client, "positions", is_on="on", most=5).status_code == (302 if may else 403)
    assert RiskRule.objects.exists() is may


def test_a_tenants_staff_read_and_do_not_set(client, acme):
    enter(client, acme, role="staff")
    told = client.get(page("positions", acme))
    assert told.status_code == 200
    assert say(client, "positions", acme, is_on="on", most=5).status_code == 403
    assert not RiskRule.objects.exists()


def test_there_is_no_page_of_a_rule_that_is_none(client):
    assert enter(client).get(page("luck")).status_code == 404


@pytest.fixture
def refused():
    """Two signals: one refused for its leverage, one planned."""
    desk = Desk(followers=2)
    set_rule(tenant=desk.offered.tenant, rule="leverage", is_on=True, figures={"most": 5})
    desk.plan()
    set_rule(tenant=desk.offered.tenant, rule="leverage", is_on=False)
    set_rule(tenant=None, rule="allowed_symbols", is_on=True, figures={"symbols": ["ETH/USDT"]})
    desk.second = desk.new_signal()
    desk.plan(desk.second)
    list(catch_up(now=timezone.now()))
    return desk


def test_refusals_are_counted_by_rule_and_day(client, refused):
    answer = enter(client).get(reverse("console:refusals"))
    told = {str(tile["title"]): tile for tile in answer.context["tiles"]}
    assert {title: tile["value"] for title, tile in told.items()} == {
        "Leverage": 2,
        "Allowed symbols": 2,
    }
    chart = json.loads(answer.context["chart"])
    assert len(chart["labels"]) == 7
    assert {row["label"]: row["data"][-1] for row in chart["datasets"]} == {
        "Leverage": 2,
        "Allowed symbols": 2,
    }
    rows = client.get(told["Leverage"]["href"])
    assert rows.context["cl"].result_list.count() == 2


def test_refusals_of_one_rule_account_and_signal(client, refused):
    enter(client)
    account = refused.subscriptions[0].venue_account_id

    def shown(**asked):
        answer = client.get(reverse("console:refusals"), asked)
        return len(answer.context["latest"]["rows"])

    assert shown() == 4
    assert shown(rule="leverage") == 2
    assert shown(account=account) == 2
    assert shown(signal=str(refused.second.pk)) == 2
    assert shown(signal=str(refused.second.pk), account=account, rule="allowed_symbols") == 1
    assert shown(rule="allowed_symbols", signal=str(refused.signal.pk)) == 0
    answer = client.get(reverse("console:refusals"), {"signal": "no id"})
    assert "errorlist" in answer.content.decode()
    every = client.get(reverse("console:refusals"), {"account": account}).context["every"]
    assert client.get(every).context["cl"].result_list.count() == 2


def test_another_tenants_refusals_are_not_shown(client, refused):
    globex = TenantFactory(name="Globex")
    answer = enter(client, globex).get(reverse("console:refusals"))
    assert answer.context["latest"]["rows"] == []
    assert answer.context["tiles"] == []
    assert "Our rules refused nothing here" in answer.content.decode()
    assert Ticket.objects.across_tenants().filter(status=Ticket.Status.REFUSED).count() == 4
