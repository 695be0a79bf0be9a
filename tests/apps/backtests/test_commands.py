"""The commands, as an operator types them."""

import io
import json
import os
import signal
import subprocess
import sys

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from apps.backtests.models import Run
from engine.strategies import LIBRARY
from tests.factories import RunFactory, TenantFactory
from tests.walks.running import ROOT, database_url, wait_for

SPAN = ("--from", "2026-01-01", "--to", "2026-01-01T05:00", "--timeframe", "1m")


def said(*words):
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_backtest_is_run_and_told_in_every_way(hints, tmp_path):
    csv, table, page = (tmp_path / name for name in ("t.csv", "t.parquet", "r.html"))
    files = ("--csv", str(csv), "--parquet", str(table), "--html", str(page))
    told = json.loads(said("backtest", "ma_cross", *SPAN, "--set", "fast_ma=7", "--json", *files))
    assert hints == []
    trades = told["figures"]["trades"]
    assert (told["status"], told["params"]) == ("done", {"fast_ma": 7})
    assert len(csv.read_text().splitlines()) == trades + 1
    assert pyarrow.parquet.read_table(table).num_rows == trades
    assert "ma_cross" in page.read_text()
    # Shown again by the end of its id, listed, and beside another.
    end = told["id"][-8:]
    assert f"trades            {trades}" in said("backtest", "show", end)
    said("backtest", "ma_cross", *SPAN, "--term", "leverage=2")
    other = Run.objects.across_tenants().latest("created_at")
    assert other.terms == {"leverage": 2}
    assert said("backtest", "list").count("done") == 3
    assert len(json.loads(said("backtest", "list", "--status", "done", "--json"))) == 2
    line = next(
        line
        for line in said("backtest", "compare", end, str(other.pk)).splitlines()
        if line.startswith("trades")
    )
    assert line.split() == ["trades", str(trades), str(other.figures["trades"])]


@pytest.mark.django_db
@pytest.mark.parametrize("option", ["--csv", "--parquet", "--html", "--search"])
@pytest.mark.parametrize("place", ["", "nowhere/r.html"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_run(option, place, tmp_path):
    path = tmp_path / place
    with pytest.raises(CommandError, match=f"{option}: .*cannot be written"):
        said("backtest", "ma_cross", *SPAN, option, str(path))
    assert not Run.objects.across_tenants().exists()


@pytest.mark.django_db
def test_a_file_that_fails_while_it_is_written_leaves_the_run():
    with pytest.raises(CommandError, match=r"--html: .*; the run is kept: "):
        said("backtest", "ma_cross", *SPAN, "--html", "/dev/full")
    assert Run.objects.across_tenants().get().status == Run.Status.DONE


@pytest.mark.django_db
def test_a_search_is_run_and_left_to_the_workers(hints):
    seek = ("--seek", "fast_ma=3:6:1", "--method", "grid", "--objective", "return")
    told = said("optimise", "ma_cross", *SPAN, *seek, "--least-trades", "0")
    run = Run.objects.across_tenants().get()
    assert f"best fast_ma      {run.findings['best']['fast_ma']}" in told
    assert run.trials.count() == 4
    acme = TenantFactory()
    words = ("--seek", "fast_ma=5,6", "--walk-forward", "--train-bars", "100", "--queue")
    words += ("--objective", "return")
    said("optimise", "ma_cross", *SPAN, *words, "--test-bars", "50", "--tenant", str(acme.pk))
    waiting = Run.objects.of(acme).get()
    assert (waiting.kind, waiting.status) == ("walk_forward", "queued")
    assert waiting.space == {"fast_ma": {"choices": [5, 6]}}
    assert hints.named("backtests.work") == [{"run_id": str(waiting.pk)}]
    # The first looked for help, and the second waits for whoever takes it.
    assert {sent["run_id"] for sent in hints.named("backtests.search")} == {str(run.pk)}


REFUSED = {
    "a strategy that is none": (("backtest", "dream", *SPAN), "invalid choice: 'dream'"),
    "a parameter that is none": (
        ("backtest", "ma_cross", *SPAN, "--set", "fast=5"),
        "params: ma_cross: Object contains unknown field `fast`",
    ),
    "what is no parameter": (
        ("backtest", "ma_cross", *SPAN, "--set", "fast"),
        "--set fast: write it as NAME=VALUE",
    ),
    "a preset that is none": (
        ("backtest", "market_regime", *SPAN, "--preset", "wild"),
        "--preset: market_regime has no preset wild",
    ),
    "a date that is none": (
        ("backtest", "ma_cross", "--from", "x", "--to", "2026-01-02"),
        "argument --from",
    ),
    "candles that are not there": (
        ("backtest", "ma_cross", *SPAN, "--venue", "binance"),
        "failed: nothing is stored",
    ),
    "a tenant that is none": (
        ("backtest", "ma_cross", *SPAN, "--tenant", "987654"),
        "--tenant: there is no tenant 987654",
    ),
    "a run that is none": (("backtest", "show", "xyz"), "xyz: no run ends so"),
    "a range that is none": (
        ("optimise", "ma_cross", *SPAN, "--seek", "fast_ma=3:x"),
        "--seek fast_ma=3:x: write it as",
    ),
    "a range of four": (
        ("optimise", "ma_cross", *SPAN, "--seek", "fast_ma=3:9:1:4"),
        "--seek fast_ma=3:9:1:4: write it as",
    ),
    "no value to try": (
        ("optimise", "ma_cross", *SPAN, "--seek", "fast_ma="),
        "--seek fast_ma=: write it as",
    ),
    "a text that is no choice": (
        ("optimise", "ma_cross", *SPAN, "--seek", "direction=long,up"),
        "direction",
    ),
    "what is sought twice": (
        ("optimise", "ma_cross", *SPAN, "--seek", "fast_ma=3:9", "--seek", "fast_ma=4,5"),
        "--seek fast_ma: it is named twice",
    ),
    "none to list": (("backtest", "list", "--count", "0"), "0 is not above zero"),
    "a strategy to check that is none": (
        ("backtest", "check", "nobody"),
        "unknown strategy nobody",
    ),
    "what cannot be sought": (
        ("optimise", "ma_cross", *SPAN, "--seek", "speed=3:4"),
        "speed: unknown parameter",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_told_in_a_line(case):
    words, told = REFUSED[case]
    with pytest.raises(CommandError) as refused:
        said(*words)
    assert told in str(refused.value)


@pytest.mark.django_db
def test_a_search_that_is_over_is_not_resumed():
    run = RunFactory(tenant=None, status="done")
    with pytest.raises(CommandError, match="cannot become queued"):
        said("optimise", "resume", str(run.pk))


@pytest.mark.django_db
def test_strategies_are_proved_not_to_look_ahead(monkeypatch):
    told = said("backtest", "check", "ma_cross", "macd")
    assert [line.split()[2] for line in told.splitlines()[2:]] == ["0", "0"]
    monkeypatch.setitem(LIBRARY, "peeking", peeking())
    with pytest.raises(CommandError, match="these look ahead: peeking"):
        said("backtest", "check", "peeking")


def peeking():
    """A strategy that looks behind the bars it is shown."""
    honest = LIBRARY["ma_cross"]

    def rule(candles, params):
        # What stands alone in memory has nothing behind it.
        return None if candles.close.base is None else honest.rule(candles, params)

    return type(honest)("peeking", honest.params, honest.candles_needed, rule)


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_stops_a_search_cleanly_and_it_is_resumed():
    environment = os.environ | {"DATABASE_URL": database_url(), "PYTHONUNBUFFERED": "1"}
    words = ["optimise", "ma_cross", "--from", "2026-01-01", "--to", "2026-01-02T12:00"]
    words += ["--timeframe", "1m", "--seek", "fast_ma=2:19", "--seek", "use_ema"]
    words += ["--method", "grid", "--trials", "40", "--objective", "return"]
    command = [sys.executable, "manage.py", *words]
    searching = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    runs = Run.objects.across_tenants()
    wait_for(lambda: runs.filter(trials__number__gte=0).exists(), what="a trial")
    searching.send_signal(signal.SIGINT)
    _, errors = searching.communicate(timeout=30)
    run = runs.get()
    assert (searching.returncode, run.status) == (130, "stopped")
    assert f"stopped: {run.pk}" in errors.decode()
    kept = set(run.trials.values_list("pk", flat=True))
    said("optimise", "resume", str(run.pk)[-12:])
    run.refresh_from_db()
    assert run.status == "done"
    assert run.trials.count() == 36
    assert kept <= set(run.trials.values_list("pk", flat=True))
