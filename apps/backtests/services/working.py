"""One run from the queue to its end. Its work is done in a process of its own; here it is
watched, and what it tells is written down as long as the run is ours."""

import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from gzip import compress
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.backtests.jobs import Asking, Finished, Job, Progress, Refused, Said, Tried, plain
from apps.backtests.labour import Labour, told_of
from apps.backtests.models import Report, Run, Trial
from apps.backtests.searchers import Searchers
from apps.backtests.selectors import candles_of, digest_of, instruments_of, trials_of
from apps.backtests.terms import read_search, read_terms
from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.core.later import publish
from apps.core.states import move
from apps.tenants.models import Tenant
from engine.errors import BadCandles, EngineError
from engine.optimise import Trial as EngineTrial

TELL_EVERY_SECONDS = 1.0


def work(*, run_id: UUID, watch: Callable[[Said | None], object] | None = None) -> None:
    """Do a run that waits; somebody else's, and one that is over, is left alone.

    `watch` is shown everything that its process says.
    """
    run = claim(run_id=run_id, now=timezone.now())
    if run is not None:
        do(run, watch=watch)
        name_next(run)


def do(run: Run, *, watch: Callable[[Said | None], object] | None) -> None:
    try:
        job = job_of(run)
    except EngineError as error:
        fail(run, problem=told_of(error))
        return
    ends_at = time.monotonic() + settings.BACKTEST_SECONDS
    with Labour(job) as labour, Searchers(run, labour.hear) as searchers:
        for said in labour.told(every_seconds=TELL_EVERY_SECONDS):
            if time.monotonic() > ends_at:
                fail(run, problem=f"it took longer than {settings.BACKTEST_SECONDS} s")
                return
            if isinstance(said, Asking):
                searchers.send(said.parcels)
                continue
            if not take(run, said):
                return
            if watch is not None:
                watch(said)


def name_next(run: Run) -> None:
    """Its tenant's next run may have waited for this one."""
    if run.tenant_id:
        waiting = Run.objects.of(run.tenant_id).filter(status=Run.Status.QUEUED).order_by("pk")
        for key in waiting.values_list("pk", flat=True)[:1]:
            publish("backtests.work", {"run_id": str(key)})


@transaction.atomic
def claim(*, run_id: UUID, now: datetime) -> Run | None:
    run = Run.objects.across_tenants().filter(pk=run_id, status=Run.Status.QUEUED).first()
    if run is None or is_full(run):
        return None
    worker = f"{socket.gethostname()[:60]}:{secrets.token_hex(8)}"
    began = {"worker": worker, "tries": run.tries + 1, "started_at": now, "alive_at": now}
    try:
        move(run, to=Run.Status.RUNNING, allowed=Run.MOVES, **began)
    except Conflict:
        return None
    return run


def is_full(run: Run) -> bool:
    """Whether its tenant has as many runs going as it may; then it waits for one of them."""
    if run.tenant_id is None:
        return False
    Tenant.objects.select_for_update().get(pk=run.tenant_id)
    running = Run.objects.of(run.tenant_id).filter(status=Run.Status.RUNNING)
    return running.count() >= settings.BACKTESTS_RUNNING


def job_of(run: Run) -> Job:
    candles = candles_of(run)
    digest = digest_of(candles)
    if run.digest and run.digest != digest:
        raise BadCandles("the candles are not those that it was begun on: start another run")
    still_ours(run, digest=digest)
    return Job(
        kind=run.kind,
        rule=run.rule,
        params=run.params,
        terms=read_terms(run.terms),
        candles=candles,
        instruments=instruments_of(run),
        space=run.space,
        search=read_search(run.search),
        processes=settings.BACKTEST_PROCESSES,
        known=tuple(map(tried_of, trials_of(run))),
        strategy_directory=settings.STRATEGY_DIRECTORY,
    )


def tried_of(row: Trial) -> Tried:
    trial = EngineTrial(row.number, row.values, row.figures or None, row.gains, row.problem)
    return Tried(row.window, trial, score=None)


def still_ours(run: Run, **changes: object) -> bool:
    """Write, and say that we live, unless it was stopped or given to another meanwhile."""
    rows = Run.objects.across_tenants()
    ours = rows.filter(pk=run.pk, status=Run.Status.RUNNING, worker=run.worker)
    return ours.update(alive_at=timezone.now(), **changes) == 1


@retried
@transaction.atomic
def take(run: Run, said: Progress | Tried | Finished | Refused | None) -> bool:
    """Write down what its process said; False where it is not ours any more."""
    match said:
        case None:
            return still_ours(run)
        case Progress(done, total):
            return still_ours(run, done=done, total=total)
        case Refused(problem):
            return fail(run, problem=problem)
        case Finished():
            return finish(run, said)
        case Tried():
            return keep(run, said)


def finish(run: Run, said: Finished) -> bool:
    over = {"status": Run.Status.DONE, "finished_at": timezone.now()}
    is_ours = still_ours(run, figures=said.figures, findings=said.findings, **over)
    if is_ours:
        kept = {name: said_of and compress(said_of) for name, said_of in parts_of(said)}
        Report.objects.create(run=run, **kept)
    return is_ours


def parts_of(said: Finished) -> list[tuple[str, bytes | None]]:
    return [("account", said.account), ("search", said.search)]


def keep(run: Run, said: Tried) -> bool:
    trial = said.trial
    if not still_ours(run):
        return False
    Trial.objects.across_tenants().create(
        tenant_id=run.tenant_id,
        run=run,
        window=said.window,
        number=trial.number,
        values=trial.values,
        figures=plain(trial.figures or {}),
        gains=trial.gains,
        problem=trial.error[:300],
        score=None if said.score is None else Decimal(f"{said.score:.12g}"),
    )
    return True


def fail(run: Run, *, problem: str) -> bool:
    return still_ours(
        run, status=Run.Status.FAILED, problem=problem[:500], finished_at=timezone.now()
    )
