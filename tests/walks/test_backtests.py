"""A desk has a real worker do its runs: one is stopped, one is finished, and its best is used."""

from datetime import timedelta

import pytest

from tests.apps.backtests.desk import FROM, searching, worker_of
from tests.apps.platform.desk import Desk, data_of
from tests.factories import StrategyFactory, TenantStrategyFactory
from tests.walks.running import wait_for

pytestmark = [pytest.mark.walk, pytest.mark.django_db(transaction=True)]

MARKET = {
    "venue": "paper",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "from_at": FROM.isoformat(),
    "until_at": (FROM + timedelta(hours=20)).isoformat(),
}


def test_runs_are_worked_on_stopped_finished_and_used(tmp_path):
    offer = TenantStrategyFactory(strategy=StrategyFactory(rule="ma_cross"))
    desk = Desk("staff", tenant=offer.tenant)
    # Of a rule that takes its time with each bar.
    slow = searching(kind="optimisation", trials=500)
    slow |= {"rule": "mtf", "space": {"htf_ema": {}, "htf_multiplier": {}}}
    slow["search"]["method"] = "random"
    quick = searching(kind="optimisation") | {"rule": "ma_cross"}
    slow, quick = (
        data_of(desk.post("backtests", **MARKET, **asked), 201) for asked in (slow, quick)
    )

    def run(asked):
        return data_of(desk.get(f"backtests/{asked['id']}"))

    with worker_of("centre.backtests", tmp_path / "backtests.log", "-P", "threads", "-c", "2"):
        wait_for(lambda: 0 < run(slow)["done"] < run(slow)["total"], what="its progress")
        assert run(slow)["status"] == "running"
        assert data_of(desk.post(f"backtests/{slow['id']}/stop"))["status"] == "stopped"
        wait_for(lambda: run(quick)["status"] == "done", what="the other run")
        stopped = run(slow)
        assert (stopped["status"], stopped["worker"]) == ("stopped", "")
        log = (tmp_path / "backtests.log").read_text
        wait_for(
            lambda: log().count("succeeded in") >= 2, what="the end of both tasks", seconds=150
        )
        tried = data_of(desk.get("backtest-trials", run_id=slow["id"]))
    assert 0 < len(tried) < 500

    data_of(desk.post(f"backtests/{quick['id']}/use", tenant_strategy_id=offer.pk))
    offer.refresh_from_db()
    assert offer.strategy.params == run(quick)["findings"]["best"]
    assert run(quick)["is_kept"]
