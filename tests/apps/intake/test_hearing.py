"""An alert becomes its signals once, whatever is said twice, wrongly or at once."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.intake import services
from apps.intake.models import Incoming, Intake
from apps.orders.models import Ticket
from apps.orders.services import plan
from apps.signals import services as signals
from apps.signals.models import Signal
from apps.strategies.models import Strategy, TenantStrategy
from tests.at_once import at_once
from tests.factories import (
    IntakeFactory,
    StrategyFactory,
    SubscriptionFactory,
    TenantFactory,
    UserFactory,
)

SECRET = "secret-alice"
OPEN = {"symbol": "BINANCE:BTCUSDT.P", "action": "open", "direction": "long"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def intake():
    return IntakeFactory()


def tell(client, intake, *, secret=SECRET, **told):
    body = json.dumps({**OPEN, **told, "secret": secret})
    # As charts send it.
    return client.post(reverse("intake", args=[intake.token]), body, content_type="text/plain")


def test_an_alert_is_published_and_planned_as_any_signal(client, hints):
    subscription = SubscriptionFactory(tenant_strategy__strategy__rule="")
    intake = IntakeFactory(strategy=subscription.tenant_strategy.strategy)
    answer = tell(client, intake)
    assert answer.status_code == 202, answer.json()
    alert = Incoming.objects.get()
    assert answer.json()["outcome"] == alert.outcome == "published"
    assert alert.read_as == "BTC/USDT: open long"
    assert alert.opened == Signal.objects.get()
    assert SECRET not in alert.body
    plan(signal_id=alert.opened.pk, now=timezone.now())
    ticket = Ticket.objects.across_tenants().get()
    assert (ticket.signal, ticket.subscription) == (alert.opened, subscription)


def test_a_turn_closes_and_opens(client, intake, hints):
    answer = tell(client, intake, action="", position="short", was="long")
    assert answer.status_code == 202
    alert = Incoming.objects.get()
    assert (alert.closed.action, alert.closed.direction) == ("close", "long")
    assert (alert.opened.action, alert.opened.direction) == ("open", "short")


def test_the_same_alert_is_heard_once(client, intake, hints):
    assert tell(client, intake).status_code == 202
    again = tell(client, intake)
    assert (again.status_code, again.json()["outcome"]) == (200, "repeated")
    assert Signal.objects.count() == 1


def test_the_same_words_are_another_alert_after_a_while(client, hints):
    intake = IntakeFactory(repeat_seconds=60)
    tell(client, intake)
    past = timezone.now() - timedelta(seconds=61)
    Incoming.objects.update(created_at=past)
    Signal.objects.update(bar_at=past)
    assert tell(client, intake).status_code == 202
    assert Signal.objects.count() == 2


def test_a_named_alert_is_heard_once_for_good(client, intake, hints):
    tell(client, intake, id="order 7")
    Incoming.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert tell(client, intake, id="order 7", price="").json()["outcome"] == "repeated"
    assert tell(client, intake, id="order 8", action="close").status_code == 202


def test_what_was_refused_may_come_again(client, intake, hints):
    Strategy.objects.update(status=Strategy.Status.PAUSED)
    refused = tell(client, intake, id="order 7")
    assert (refused.status_code, refused.json()["field"]) == (422, "strategy")
    Strategy.objects.update(status=Strategy.Status.ACTIVE)
    assert tell(client, intake, id="order 7").status_code == 202


@pytest.mark.django_db(transaction=True)
def test_of_the_same_alert_at_once_one_is_published(hints):
    intake = IntakeFactory()
    told = {**OPEN, "id": "order 7"}

    def take_in():
        return services.take_in(intake_id=intake.pk, told=dict(told), now=timezone.now()).outcome

    outcomes = at_once(4, take_in)
    assert sorted(outcomes) == ["published", "repeated", "repeated", "repeated"]
    assert Signal.objects.count() == 1


def test_a_dry_run_shows_what_would_be_and_publishes_nothing(client, hints):
    intake = IntakeFactory(status=Intake.Status.DRY)
    answer = tell(client, intake)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "dry")
    assert not Signal.objects.exists()
    assert hints == []


def test_a_dry_run_tells_which_rule_would_refuse(client, hints):
    intake = IntakeFactory(status=Intake.Status.DRY, strategy__min_confidence=80)
    assert "confidence" in tell(client, intake, confidence=50).json()["message"]


def test_a_rehearsal_keeps_nothing(intake, hints):
    body = json.dumps(OPEN).encode()
    assert services.rehearse(intake=intake, body=body, now=timezone.now()).outcome == "published"
    assert not Incoming.objects.exists()
    assert not Signal.objects.exists()


def test_without_the_secret_nothing_is_heard(client, intake):
    for secret in ("", "secret-bob", SECRET.upper()):
        assert tell(client, intake, secret=secret).status_code == 401
    intake.refresh_from_db()
    assert intake.wrong_secrets == 3
    assert not Incoming.objects.exists()


def test_the_secret_may_come_in_a_header(client, intake, hints):
    answer = client.post(
        reverse("intake", args=[intake.token]),
        json.dumps(OPEN),
        content_type="application/json",
        headers={"X-Intake-Secret": SECRET},
    )
    assert answer.status_code == 202


def test_other_doors_are_shut(client, intake):
    address = reverse("intake", args=[intake.token])
    assert client.get(address).status_code == 405
    assert client.post(reverse("intake", args=["nobody"])).status_code == 404
    assert client.post(address, b"x" * 20_000, content_type="text/plain").status_code == 413


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"symbol": "SOLUSDT"}, "symbol"),
        ({"price": "1"}, "price"),
        ({"time": "2020-01-01T00:00:00Z"}, "time"),
        ({"time": "2090-01-01T00:00:00Z"}, "time"),
    ],
)
def test_what_is_refused_is_kept_with_field_and_rule(client, intake, told, field):
    answer = tell(client, intake, **told)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    alert = Incoming.objects.get()
    assert (alert.outcome, alert.field) == ("refused", field)
    assert alert.problem
    assert not Signal.objects.exists()


def test_a_market_that_nobody_knows_is_not_traded(client, hints):
    intake = IntakeFactory(strategy__venue="okx")
    answer = tell(client, intake)
    assert (answer.status_code, answer.json()["field"]) == (422, "symbol")


def test_a_paused_intake_hears_nothing(client, intake):
    services.pause_intake(intake=intake)
    assert tell(client, intake).status_code == 409
    assert not Incoming.objects.exists()


def test_a_flood_is_held_back(client, intake, monkeypatch, hints):
    monkeypatch.setattr(services, "MOST_A_MINUTE", 2)
    answers = [tell(client, intake, id=str(number)) for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].headers["Retry-After"] == "60"


def test_a_strategy_that_is_told_from_outside_decides_nothing_itself(hints):
    tenant_strategy = SubscriptionFactory(tenant_strategy__strategy__rule="").tenant_strategy
    assert tenant_strategy.status == TenantStrategy.Status.ACTIVE
    assert signals.scan(now=timezone.now()) == 0
    on_okx = StrategyFactory(rule="", params={}, venue="okx")
    assert set(signals.wanted_of([on_okx]).values()) == {1}


def test_an_intake_is_made_changed_and_its_secret_shown_once():
    strategy = StrategyFactory(rule="", params={})
    opened = services.create_intake(name="Chart", strategy=strategy)
    assert opened.intake.status == Intake.Status.DRY
    services.update_intake(intake=opened.intake, template={"symbol": "pair"})
    with pytest.raises(BadInput) as refused:
        services.update_intake(intake=opened.intake, repeat_seconds=90_000)
    assert refused.value.context["field"] == "repeat_seconds"
    renewed = services.rotate_intake_secret(intake=opened.intake)
    told = json.dumps(list(AuditEntry.objects.values("before", "after")))
    for secret in (opened.secret, renewed.secret, opened.intake.token):
        assert secret not in told


def test_its_page_tries_an_alert_and_shows_the_last_ones(client, intake, hints):
    tell(client, intake)
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    page = reverse("console:intake", args=[intake.pk])
    shown = client.get(page).content.decode()
    assert intake.token in shown
    assert "BTC/USDT: open long" in shown
    tried = client.post(page, {"body": json.dumps({**OPEN, "symbol": "SOLUSDT"})})
    assert tried.context["tried"].field == "symbol"
    assert client.post(page, {"body": "buy"}).context["form"].errors["body"]
    assert Incoming.objects.count() == 1


def test_its_page_is_the_platforms(client, intake):
    client.force_login(UserFactory(tenant=TenantFactory(), is_superuser=True))
    assert client.get(reverse("console:intake", args=[intake.pk])).status_code == 403


def test_what_is_old_is_removed(client, intake, hints):
    tell(client, intake)
    assert services.forget_incoming(now=timezone.now()) == 0
    assert services.forget_incoming(now=timezone.now() + services.KEPT) == 1
