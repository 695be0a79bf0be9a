"""The trials of a search are made by workers elsewhere, and nothing depends on who makes them."""

import os
import signal
import threading
from datetime import timedelta
from queue import Queue

import pytest
from django.db import connection
from django.utils import timezone

from apps.backtests import jobs, services
from apps.backtests.jobs import Asking, afar_of
from apps.backtests.services import searching as makers
from apps.backtests.services.working import claim, job_of
from engine.errors import BadCandles, BadParameters
from engine.optimise import Afar, Asked, Sign, chunks_of
from tests.apps.backtests.desk import FROM, searching, started, worker_of
from tests.engine.optimise.studies import study
from tests.walks.running import wait_for

VALUES = [{"fast_ema": 3, "slow_ema": slow, "signal_ema": 3} for slow in range(5, 15)]
ASKED = [Asked(number, values) for number, values in enumerate(VALUES)]


def wide(workers):
    """Of a rule that takes its time with each bar."""
    search = searching(kind="optimisation", trials=60, workers=workers)
    search["space"] = {"htf_ema": {"least": 2, "most": 13}}
    return started(**search, rule="mtf", until_at=FROM + timedelta(hours=20))


def trials(run):
    return list(run.trials.order_by("number").values_list("number", "values", "figures", "score"))


@pytest.mark.walk
@pytest.mark.django_db(transaction=True)
def test_workers_make_the_trials_of_a_search_and_one_of_them_is_killed(tmp_path):
    logs = [tmp_path / f"{name}.log" for name in ("one", "two")]
    with worker_of("centre.searches", logs[0]) as one, worker_of("centre.searches", logs[1]):
        wait_for(lambda: all(b"ready" in log.read_bytes() for log in logs), what="both workers")
        far = wide("queue")
        working = threading.Thread(target=work_and_leave, args=(far,))
        working.start()
        wait_for(lambda: far.trials.count() >= 1, what="a trial")
        os.killpg(one.pid, signal.SIGKILL)
        working.join(timeout=60)
        assert not working.is_alive()
        far.refresh_from_db()
        assert (far.status, far.problem) == ("done", "")
        made = [log.read_text().count("backtests.search") for log in logs]
        assert min(made) > 0

        stopped = wide("queue")
        working = threading.Thread(target=work_and_leave, args=(stopped,))
        working.start()
        wait_for(lambda: stopped.trials.count() >= 1, what="a trial")
        services.stop_run(run=stopped, now=timezone.now())
        working.join(timeout=20)
        assert not working.is_alive()
        assert 1 <= stopped.trials.count() < 12
    here = wide("here")
    services.work(run_id=here.pk)
    assert len(trials(here)) == 12
    assert trials(far) == trials(here)


def work_and_leave(run):
    services.work(run_id=run.pk)
    connection.close()


def test_what_nobody_tells_of_is_made_here():
    sent = []
    afar = Afar(sent.append, Queue(), silent_seconds=0)
    made = list(afar.evaluate(study())(ASKED))
    assert [trial.number for trial in made] == list(range(10))
    assert [len(parcel.chunk["trials"]) for parcel in sent[0]] == [4, 4, 2]


def test_of_what_is_told_twice_or_of_another_search_nothing_is_taken():
    said = Queue()
    here = study()
    told = {each.number: here.trial(each) for each in ASKED}

    def send(parcels):
        first = parcels[0]
        said.put(Sign("of another", [told[0], told[1]]))
        for parcel in [first, *parcels]:
            numbers = [each["number"] for each in parcel.chunk["trials"]]
            said.put(Sign(parcel.tag, [told[number] for number in numbers]))

    made = list(Afar(send, said).evaluate(here)(ASKED))
    assert made == list(told.values())


@pytest.mark.django_db
def test_where_nobody_answers_a_search_is_made_here_or_refused(monkeypatch):
    monkeypatch.setattr(jobs, "MAY_ANSWER_SECONDS", 0)
    monkeypatch.setattr(jobs, "MUST_ANSWER_SECONDS", 0)
    asked = []
    for workers in ("auto", "queue"):
        run = started(**searching(kind="optimisation", workers=workers))
        job = job_of(claim(run_id=run.pk, now=timezone.now()))
        if workers == "auto":
            assert afar_of(job, asked.append, Queue()) is None
        else:
            with pytest.raises(BadParameters, match="no search worker answers"):
                afar_of(job, asked.append, Queue())
    assert [type(each) for each in asked] == [Asking, Asking]


@pytest.mark.django_db
def test_a_chunk_of_a_run_that_is_not_worked_on_any_more_is_let_be(monkeypatch):
    def no_queue(name):
        raise AssertionError(name)

    monkeypatch.setattr(makers, "queue_named", no_queue)
    run = started(**searching(kind="optimisation"))
    chunk = {"run_id": run.pk, "replies": "x", "tag": "t", "chunk": {}}
    makers.make_chunk(**chunk, worker="")
    claimed = claim(run_id=run.pk, now=timezone.now())
    makers.make_chunk(**chunk, worker="somebody before")
    # On a host that has other candles it is not made, and its run makes it.
    claimed.digest = "another"
    claimed.save()
    with pytest.raises(BadCandles, match="other candles"):
        makers.make_chunk(**chunk, worker=claimed.worker)


def test_chunks_are_told_apart_by_the_bars_that_they_are_of():
    sent = []
    whole = study()
    afar = Afar(sent.extend, Queue(), silent_seconds=0)
    for part in (whole.part(0, 300), whole.part(100, 400)):
        list(afar.evaluate(part)(ASKED[:1]))
    assert len({parcel.tag for parcel in sent}) == 2
    assert [parcel.chunk for parcel in sent] == [
        *chunks_of(whole.part(0, 300), ASKED[:1], 4),
        *chunks_of(whole.part(100, 400), ASKED[:1], 4),
    ]
