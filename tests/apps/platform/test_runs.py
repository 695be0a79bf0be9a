"""Runs by way of the Platform API: started, watched, read, compared, used, by those who may."""

import io
from datetime import timedelta

import pyarrow.parquet
import pytest

from apps.backtests.models import Run
from apps.backtests.services import work
from tests.apps.backtests.desk import FROM
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import (
    RunFactory,
    StrategyFactory,
    TenantFactory,
    TenantStrategyFactory,
    TrialFactory,
)

pytestmark = pytest.mark.django_db

ASKED = {
    "rule": "ma_cross",
    "params": {"fast_ma": 7},
    "venue": "paper",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "from_at": FROM.isoformat(),
    "until_at": (FROM + timedelta(hours=5)).isoformat(),
}


def test_a_run_is_started_watched_and_read():
    acme = TenantFactory()
    desk = Desk("staff", tenant=acme)
    run = data_of(desk.post("backtests", **ASKED), 201)
    assert (run["status"], run["tenant_id"]) == ("queued", acme.pk)
    assert run["asked_by"] == desk.user.username
    assert refusal_of(desk.get(f"backtests/{run['id']}/report")) == (404, "not_found")
    work(run_id=run["id"])
    done = data_of(desk.get(f"backtests/{run['id']}"))
    assert (done["status"], done["done"]) == ("done", done["total"])
    report = data_of(desk.get(f"backtests/{run['id']}/report"))
    assert report["figures"] == done["figures"]
    trades = done["figures"]["trades"]
    csv = desk.get(f"backtests/{run['id']}/report", format="csv")
    assert len(csv.content.decode().splitlines()) == trades + 1
    table = desk.get(f"backtests/{run['id']}/report", format="parquet").content
    assert pyarrow.parquet.read_table(io.BytesIO(table)).num_rows == trades
    page = desk.get(f"backtests/{run['id']}/report", format="html")
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert b"ma_cross" in page.content
    assert refusal_of(desk.get(f"backtests/{run['id']}/report", format="search"))[0] == 404
    other = RunFactory(tenant=acme, figures={"trades": 3})
    told = data_of(desk.get("backtests/compare", ids=f"{run['id']},{other.pk}"))
    assert {"name": "trades", "values": [trades, 3]} in told["figures"]


def test_a_key_starts_a_run_once():
    desk = Desk("operator")
    for _ in range(2):
        assert desk.post("backtests", headers={"Idempotency-Key": "once"}, **ASKED).status_code
    assert Run.objects.across_tenants().get().tenant is None


def test_fractions_are_told_as_json_tells_them():
    """What no type is named for is kept as it was said: 0.001, and not a refusal."""
    told = {
        "kind": "optimisation",
        "params": {"atr_sl_mult": 1.5},
        "terms": {"taker_fee": 0.001, "leverage": 2.5},
        "search": {"held_back": 0.25, "trials": 5, "objective": "return"},
        "space": {"atr_tp_mult": {"least": 1.5, "most": 3.5, "step": 0.5}},
    }
    run = data_of(Desk("operator").post("backtests", **ASKED | told), 201)
    kept = Run.objects.across_tenants().get(pk=run["id"])
    assert {name: getattr(kept, name) for name in told} == told


def test_a_run_is_stopped_and_taken_up_again():
    desk, run = Desk("operator"), RunFactory(tenant=None)
    assert data_of(desk.post(f"backtests/{run.pk}/stop"))["status"] == "stopped"
    assert refusal_of(desk.post(f"backtests/{run.pk}/stop")) == (409, "conflict")
    assert data_of(desk.post(f"backtests/{run.pk}/retry"))["status"] == "queued"


def test_what_a_trial_found_is_used():
    offer = TenantStrategyFactory(strategy=StrategyFactory(rule="ma_cross"))
    run = RunFactory(tenant=offer.tenant, kind="optimisation", findings={"best": {"fast_ma": 6}})
    trial = TrialFactory(run=run, values={"fast_ma": 9})
    desk = Desk("staff", tenant=offer.tenant)
    for asked, value in (({}, 6), ({"trial_id": trial.pk}, 9)):
        data_of(desk.post(f"backtests/{run.pk}/use", tenant_strategy_id=offer.pk, **asked))
        offer.refresh_from_db()
        assert offer.strategy.params == {"fast_ma": value}
    foreign = TrialFactory()
    answer = desk.post(f"backtests/{run.pk}/use", tenant_strategy_id=offer.pk, trial_id=foreign.pk)
    assert refusal_of(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rule": "dream"}, "rule"),
        ({"params": {"fast": 1}}, "params"),
        ({"kind": "dream"}, "kind"),
        ({"symbols": "BTC/USDT"}, "symbols"),
        ({"from_at": "2026-01-01T00:00:00"}, "from_at"),
        ({"from_at": "2250-01-01T00:00:00Z"}, "from_at"),
        ({"terms": {"leverage": 1000}}, "terms"),
        ({"rule": ""}, "rule"),
        ({"kind": "optimisation"}, "objective"),
        ({"kind": "walk_forward", "search": {"train_bars": 60, "test_bars": 60}}, "objective"),
        ({"search": {"trials": 5}}, "search"),
        ({"space": {"fast_ma": {}}}, "space"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_could_not_be_run_is_refused_by_its_field(wrong, field):
    answer = Desk("operator").post("backtests", **ASKED | wrong)
    assert refusal_of(answer)[0] == 400
    assert answer.json()["context"]["field"] == field
    assert not Run.objects.across_tenants().exists()


def test_globex_compares_and_uses_nothing_of_acmes():
    acmes, globex = RunFactory(), TenantFactory()
    desk = Desk("staff", tenant=globex, is_superuser=True)
    assert refusal_of(desk.get("backtests/compare", ids=acmes.pk)) == (404, "not_found")
    assert refusal_of(desk.get("backtests/compare", ids="x"))[0] == 400
    answer = desk.post("backtests", **ASKED, for_tenant=acmes.tenant_id)
    assert refusal_of(answer) == (404, "not_found")
    offer = TenantStrategyFactory(tenant=globex, strategy=StrategyFactory(rule="ma_cross"))
    answer = desk.post(f"backtests/{acmes.pk}/use", tenant_strategy_id=offer.pk)
    assert refusal_of(answer) == (404, "not_found")
