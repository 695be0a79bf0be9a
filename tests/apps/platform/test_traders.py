"""AI traders over the Platform API: by right, by name, and only one's own tenant's."""

import pytest

from apps.traders.models import Mind
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.apps.traders.desk import Desk as Trading
from tests.apps.traders.desk import answer
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def journals(settings, tmp_path):
    settings.TRADER_JOURNALS = tmp_path


@pytest.fixture
def trading(hints):
    return Trading()


@pytest.fixture
def staff(trading):
    return Desk("staff", tenant=trading.account.tenant, username="ann")


def test_a_trader_is_made_changed_started_read_and_stopped(trading, staff):
    made = data_of(
        staff.post(
            "traders",
            venue_account_id=trading.account.pk,
            code="alpha.1",
            template_id=str(trading.trader.template_id),
            mind_ids=[trading.minds[0].pk],
            capital="5000",
            symbols=["BTC/USDT"],
            limits={"max_size": 250.5},
        ),
        201,
    )
    assert (made["code"], made["status"]) == ("alpha.1", "stopped")
    assert "lease" not in made
    path = f"traders/{made['id']}"
    assert data_of(staff.patch(path, interval_seconds=60))["interval_seconds"] == 60
    refused = staff.patch(path, limits={"max_size": 0})
    assert refusal_of(refused) == (400, "bad_input")
    assert data_of(staff.post(f"{path}/start"))["status"] == "running"
    assert refusal_of(staff.post(f"{path}/start")) == (409, "conflict")
    state = data_of(staff.get(f"{path}/state"))
    assert (state["equity"], state["minds"], state["positions"]) == ("5000", ["one"], [])
    assert data_of(staff.post(f"{path}/pause", reason="so"))["reason"] == "so"
    assert data_of(staff.post(f"{path}/stop"))["status"] == "stopped"
    assert data_of(staff.get("traders/forms"))["limits"][0]["name"] == "min_confidence"


def test_decisions_and_calls_are_told_and_filtered(trading, staff):
    trading.start()
    trading.turn(answer())
    (one,) = data_of(staff.get("trader-decisions", trader_id=trading.trader.pk))
    assert one["mind"] == "one"
    assert data_of(staff.get("trader-decisions", trader_id=99999)) == []
    (call,) = data_of(staff.get("trader-calls", result="answered"))
    assert call["decision_id"] == one["id"]


def test_another_tenants_trader_is_nobodys(trading):
    globex = Desk("staff", tenant=TenantFactory(), username="bob")
    for verb in ("start", "stop", "pause", "decide-now"):
        path = f"traders/{trading.trader.pk}/{verb}"
        assert refusal_of(globex.post(path))[0] == 404
    assert refusal_of(globex.get(f"traders/{trading.trader.pk}/state"))[0] == 404


def test_only_the_platform_names_a_models_address_and_no_key_comes_out(trading, staff):
    asked = {
        "tenant_id": trading.account.tenant_id,
        "name": "new",
        "protocol": "openai",
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "key": "sk-0123456789",
        "params": {"input_price": 1.5},
    }
    assert refusal_of(staff.post("minds", **asked))[0] in (403, 404)
    owner = Desk("owner", tenant=None, username="root")
    made = data_of(owner.post("minds", **asked), 201)
    assert made["key_hint"] == "6789"
    assert "key" not in made
    assert Mind.objects.across_tenants().get(name="new").params == {"input_price": 1.5}
