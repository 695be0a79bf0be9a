"""Runs from the queue to their end, with their real processes."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from apps.backtests import services
from apps.backtests.jobs import Job, Progress, Refused
from apps.backtests.labour import Labour
from apps.backtests.models import Report, Run
from apps.backtests.selectors import account_of, candles_of, digest_of, search_of
from apps.backtests.services.starting import MOST_WAITING
from apps.backtests.services.sweeping import MOST_TRIES, SILENT
from apps.backtests.services.working import claim, name_next, take
from apps.backtests.terms import Terms
from apps.core.errors import BadInput, Conflict, LimitReached
from apps.core.models import AuditEntry
from tests.apps.backtests.desk import FROM, asked, searching, started
from tests.at_once import at_once
from tests.factories import TenantFactory
from tests.walks.running import ROOT, database_url, wait_for

LONG = {"timeframe": "1m", "until_at": FROM + timedelta(days=20), "rule": "market_regime"}


@pytest.mark.django_db
def test_a_backtest_is_done_and_leaves_its_report(hints):
    run = started()
    assert hints == [("backtests.work", {"run_id": str(run.pk)})]
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.problem) == ("done", "")
    assert run.figures["trades"] > 0
    assert run.digest == digest_of(candles_of(run))
    assert b'"strategy":"ma_cross"' in account_of(run)
    # It is over: to be told of it again changes nothing.
    before = Run.objects.across_tenants().values().get()
    services.work(run_id=run.pk)
    assert Run.objects.across_tenants().values().get() == before


@pytest.mark.django_db
def test_a_search_keeps_what_it_tried_and_finds_the_best():
    run = started(**searching(kind="optimisation"))
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.problem) == ("done", "")
    assert (run.done, run.total) == (4, 4)
    trials = list(run.trials.order_by("-score"))
    assert len(trials) == 4
    assert run.findings["best"] == trials[0].values
    assert run.findings["out_of_sample"]["trades"] >= 0
    assert account_of(run)
    assert b"surface" in search_of(run)


@pytest.mark.django_db
def test_a_walk_forward_tries_each_window_on_what_follows():
    run = started(**searching(kind="walk_forward", train_bars=150, test_bars=75))
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.problem) == ("done", "")
    assert sorted(run.trials.values_list("window", "number")) == [
        (window, number) for window in range(2) for number in range(4)
    ]
    assert run.findings["windows"] == 2
    assert account_of(run) is None
    assert b"windows" in search_of(run)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_does_it():
    run = started()
    at_once(2, lambda: services.work(run_id=run.pk))
    run.refresh_from_db()
    assert (run.status, run.tries) == ("done", 1)
    assert Report.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_stopped_ends_and_goes_on_where_it_was():
    run = started(**LONG)

    def work():
        services.work(run_id=run.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    wait_for(lambda: Run.objects.across_tenants().filter(pk=run.pk, done__gt=0).exists())
    services.stop_run(run=run, now=timezone.now())
    worker.join(timeout=20)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert run.status == "stopped"
    assert not Report.objects.exists()
    with pytest.raises(Conflict):
        services.stop_run(run=run, now=timezone.now())
    services.retry_run(run=run, now=timezone.now())
    assert run.status == "queued"
    assert AuditEntry.objects.filter(action__startswith="run.").count() == 3


# It dies with everything of its own as soon as it hears of a fourth trial.
WORKER = """
import os, signal, sys, django; django.setup()
from apps.backtests.jobs import Tried
from apps.backtests.services import work
heard = []
def watch(said):
    heard.append(isinstance(said, Tried))
    if sum(heard) == 4:
        os.killpg(0, signal.SIGKILL)
work(run_id=sys.argv[1], watch=watch)
raise SystemExit("it was over before it could die")
"""


@pytest.mark.django_db(transaction=True)
def test_a_search_whose_worker_was_killed_goes_on_with_what_was_tried(hints, monkeypatch):
    monkeypatch.setattr(django_settings, "BACKTEST_PROCESSES", 1)
    search = searching(kind="optimisation", trials=600)
    slow = {"choices": list(range(20, 36))}
    search["space"] = {"fast_ma": {"least": 2, "most": 19}, "slow_ma": slow, "use_ema": {}}
    whole = 18 * 16 * 2
    run = started(**search, until_at=FROM + timedelta(days=1, hours=12))
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "ironbull.settings",
    }
    command = [sys.executable, "-c", WORKER, str(run.pk)]
    worker = subprocess.run(
        command, cwd=ROOT, env=environment, start_new_session=True, check=False, timeout=120
    )
    assert worker.returncode == -signal.SIGKILL
    run.refresh_from_db()
    kept = list(run.trials.values_list("pk", "number", "score"))
    assert (run.status, 3 <= len(kept) < whole) == ("running", True)
    hints.clear()
    services.sweep(now=run.alive_at + SILENT)
    assert hints == []
    services.sweep(now=run.alive_at + SILENT + timedelta(seconds=1))
    assert hints == [("backtests.work", {"run_id": str(run.pk)})]
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.problem, run.tries) == ("done", "", 2)
    numbers = list(run.trials.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(whole))
    assert set(kept) <= set(run.trials.values_list("pk", "number", "score"))


@pytest.mark.django_db
def test_who_lost_a_run_writes_nothing_more():
    run = started()
    mine = claim(run_id=run.pk, now=FROM)
    services.sweep(now=FROM + timedelta(minutes=1))
    theirs = claim(run_id=run.pk, now=timezone.now())
    assert take(mine, Progress(10, 20)) is False
    assert take(mine, Refused("too late")) is False
    assert take(theirs, Progress(5, 20)) is True
    theirs.refresh_from_db()
    assert (theirs.status, theirs.done, theirs.problem) == ("running", 5, "")


@pytest.mark.django_db
def test_a_run_that_costs_its_workers_their_lives_is_ended_by_name():
    run = started()
    for _ in range(MOST_TRIES):
        assert claim(run_id=run.pk, now=FROM)
        services.sweep(now=FROM + timedelta(minutes=1))
    run.refresh_from_db()
    assert (run.status, run.problem) == ("failed", f"its worker died {MOST_TRIES} times")
    services.retry_run(run=run, now=timezone.now())
    assert (run.status, run.tries, run.problem) == ("queued", 0, "")


@pytest.mark.django_db
def test_a_run_whose_message_was_lost_is_named_again(hints):
    run = started(now=timezone.now())
    hints.clear()
    services.sweep(now=run.alive_at + timedelta(seconds=29))
    assert hints == []
    services.sweep(now=run.alive_at + timedelta(seconds=31))
    services.sweep(now=run.alive_at + timedelta(seconds=32))
    assert hints == [("backtests.work", {"run_id": str(run.pk)})]


@pytest.mark.django_db
def test_other_candles_than_it_was_begun_on_are_refused():
    run = started()
    Run.objects.across_tenants().update(digest="of others")
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, "not those that it was begun on" in run.problem) == ("failed", True)


@pytest.mark.django_db
def test_candles_that_are_not_there_are_named():
    run = started(venue="binance")
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert run.status == "failed"
    assert "nothing is stored" in run.problem
    assert "BTC/USDT" in run.problem


@pytest.mark.django_db
def test_what_takes_too_long_is_ended(settings):
    settings.BACKTEST_SECONDS = 0
    run = started()
    services.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.problem) == ("failed", "it took longer than 0 s")


def test_whatever_a_rule_raises_is_told():
    job = Job(kind="dream", rule="ma_cross", params={}, terms=Terms(), candles={}, instruments={})
    with Labour(job) as labour:
        assert list(labour.told(every_seconds=30)) == [Refused("KeyError: 'dream'")]


def test_a_process_that_was_killed_is_told():
    job = Job(
        kind="backtest", rule="ma_cross", params={}, terms=Terms(), candles={}, instruments={}
    )
    with Labour(job) as labour:
        labour.process.kill()
        assert list(labour.told(every_seconds=1))[-1] == Refused(
            "its process ended with exit code -9"
        )


@pytest.mark.django_db
def test_a_tenants_runs_wait_for_each_other(settings, hints):
    acme = TenantFactory()
    runs = [started(tenant=acme) for _ in range(settings.BACKTESTS_RUNNING + 1)]
    claimed = [claim(run_id=run.pk, now=timezone.now()) for run in runs]
    assert [bool(run) for run in claimed] == [True, True, False]
    assert claim(run_id=started(tenant=TenantFactory()).pk, now=timezone.now())
    hints.clear()
    services.stop_run(run=claimed[0], now=timezone.now())
    name_next(claimed[0])
    assert hints == [("backtests.work", {"run_id": str(runs[2].pk)})]
    assert claim(run_id=runs[2].pk, now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_a_tenant_has_no_more_runs_than_it_may():
    acme = TenantFactory()
    for _ in range(MOST_WAITING - 1):
        started(tenant=acme)
    told = at_once(3, lambda: started(tenant=acme))
    assert sum(isinstance(each, LimitReached) for each in told) == 2
    assert Run.objects.of(acme).count() == MOST_WAITING


@pytest.mark.django_db
def test_a_tenant_that_is_suspended_starts_nothing():
    acme = TenantFactory(status="suspended")
    with pytest.raises(Conflict):
        started(tenant=acme)
    assert not Run.objects.across_tenants().exists()


REFUSED = {
    "too few bars for the strategy": (
        {"rule": "market_regime", "until_at": FROM + timedelta(hours=1)},
        "from_at",
    ),
    "no such rule": ({"rule": "dream"}, "rule"),
    "a parameter that is none": ({"params": {"fast": 5}}, "params"),
    "a parameter out of bounds": ({"params": {"fast_ma": 0}}, "params"),
    "parameters that cannot be together": ({"params": {"fast_ma": 30}}, "params"),
    "no such venue": ({"venue": "mars"}, "venue"),
    "no such timeframe": ({"timeframe": "7m"}, "timeframe"),
    "no symbol": ({"symbols": []}, "symbols"),
    "too many symbols": ({"symbols": [f"A{n}/USDT" for n in range(11)]}, "symbols"),
    "an end before its beginning": ({"until_at": FROM}, "until_at"),
    "an end that is still to come": (
        {"until_at": timezone.now() + timedelta(days=1)},
        "until_at",
    ),
    "less than a bar": ({"until_at": FROM + timedelta(seconds=59)}, "from_at"),
    "a beginning before there was a market": (
        {"from_at": FROM.replace(year=1), "timeframe": "1d"},
        "from_at",
    ),
    "too many bars": ({"from_at": FROM - timedelta(days=2000)}, "from_at"),
    "a term that is none": ({"terms": {"money": 5}}, "terms"),
    "a term out of bounds": ({"terms": {"leverage": 500}}, "terms"),
    "a kind that is none": ({"kind": "dream"}, "kind"),
    "what cannot be sought": (
        {"kind": "optimisation", "space": {"fast": {"least": 1}}},
        "fast",
    ),
    "a range that is none": (
        {"kind": "optimisation", "space": {"fast_ma": {"least": 9, "most": 3}}},
        "fast_ma",
    ),
    "a search of an unknown kind": (
        {"kind": "optimisation", "search": {"method": "prayer"}},
        "search",
    ),
    "windows longer than the bars": (
        {"kind": "walk_forward", "search": {"train_bars": 9000}},
        "train_bars",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", REFUSED)
def test_what_could_not_be_run_is_refused_and_names_the_field(case, hints):
    wrong, field = REFUSED[case]
    with pytest.raises(BadInput) as refused:
        services.start_run(**asked(**wrong))
    assert refused.value.context["field"] == field
    assert not Run.objects.across_tenants().exists()
    assert hints == []
