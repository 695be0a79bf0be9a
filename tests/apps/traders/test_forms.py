"""Forms of traders in the admin: what is refused is told on its field, and a duel on its page."""

import json

import pytest
from django.urls import reverse

from apps.traders.models import Duel, Manager, Mind, Trader
from engine.deciding.prompt import default_text
from tests.apps.traders.desk import Desk
from tests.apps.traders.test_reuse import second_prompt
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
MIND = {
    "name": "local",
    "protocol": "openai",
    "base_url": "http://127.0.0.1:11434/v1",
    "model": "qwen3",
    "params": "{}",
}
MANAGER = {
    "name": "m",
    "total": "1000",
    "reserve_percent": "10",
    "strategy": "equal",
    "interval_seconds": "3600",
    "least_percent": "5",
    "most_percent": "60",
    "step_percent": "10",
    "least_trades": "10",
}


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def owner(client):
    client.force_login(UserFactory(is_superuser=True, tenant=None))
    return client


def refused(client, name, values, *args):
    answer = client.post(reverse(f"admin:traders_{name}", args=args), values)
    assert answer.status_code == 200
    return set(answer.context["adminform"].form.errors)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://x"),
        ("params", '{"temperature": 9}'),
        ("params", "{"),
        ("new_key", "no\u00ebl"),
        ("protocol", "smoke"),
        ("name", ""),
    ],
)
def test_a_models_form_tells_the_field(desk, owner, field, value):
    values = MIND | {"tenant": desk.account.tenant_id, field: value}
    assert refused(owner, "mind_add", values) == {field}
    assert Mind.objects.across_tenants().count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("total", "0"), ("least_percent", "70"), ("reserve_percent", "101"), ("strategy", "x")],
)
def test_a_managers_form_tells_the_field(desk, owner, field, value):
    values = MANAGER | {"tenant": desk.account.tenant_id, field: value}
    assert refused(owner, "manager_add", values) == {field}
    assert not Manager.objects.across_tenants().exists()


def test_a_prompts_form_tells_what_is_missing(desk, owner):
    values = {"tenant": desk.account.tenant_id, "name": "x", "text": "Buy."}
    assert refused(owner, "template_add", values) == {"text"}
    assert refused(owner, "template_add", values | {"text": default_text() + "{{x}}"}) == {"text"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbols", '["NO/USDT"]'),
        ("timeframes", '["7m"]'),
        ("limits", '{"max_size": -1}'),
        ("budget", '{"daily_cost": "much"}'),
        ("patience", '{"reuse_seconds": -1}'),
        ("interval_seconds", "1"),
        ("counsel", "judge"),
    ],
)
def test_a_traders_form_tells_the_field(desk, owner, field, value):
    trader = desk.trader
    page = reverse("admin:traders_trader_change", args=[trader.pk])
    form = owner.get(page).context["adminform"].form
    values = {name: form.get_initial_for_field(one, name) for name, one in form.fields.items()}
    values = {
        name: json.dumps(one) if isinstance(one, dict | list) and name != "minds" else one
        for name, one in values.items()
        if one is not None and one is not False
    }
    values["minds"] = [mind.pk for mind in desk.minds]
    assert owner.post(page, values).status_code == 302
    told = {"minds"} if (field, value) == ("counsel", "judge") else {field}
    assert refused(owner, "trader_change", values | {field: value}, trader.pk) == told
    assert Trader.objects.across_tenants().get().interval_seconds == 180


def test_a_duel_is_begun_shown_and_ended(desk, owner):
    second = second_prompt(desk)
    values = {"trader": desk.trader.pk, "second": second.pk, "name": "d", "way": "in_turn"}
    same = values | {"second": desk.trader.template.pk}
    assert refused(owner, "duel_add", same) == {"second"}
    assert owner.post(reverse("admin:traders_duel_add"), values).status_code == 302
    duel = Duel.objects.across_tenants().get()
    page = owner.get(reverse("admin:traders_duel_change", args=[duel.pk])).content.decode()
    assert str(second) in page
    assert "Fewer than 10 trades each say nothing yet." in page
    owner.post(
        reverse("admin:traders_duel_changelist"), {"action": "end", "_selected_action": [duel.pk]}
    )
    duel.refresh_from_db()
    assert duel.ended_at
