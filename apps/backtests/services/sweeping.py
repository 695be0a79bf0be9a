"""The sweep: runs whose worker died go back into the queue, and those that wait are named again."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.backtests.models import Run
from apps.core.later import publish
from apps.core.states import move

# A worker tells every second that it lives.
SILENT = timedelta(seconds=15)
NAME_AGAIN_SECONDS = 30
# A run that has cost so many workers their lives is not given to another.
MOST_TRIES = 3
TAKE = 100


def sweep(*, now: datetime) -> None:
    take_up(now=now)
    for run_id in due(now=now):
        publish("backtests.work", {"run_id": str(run_id)}, expires_seconds=NAME_AGAIN_SECONDS)


@transaction.atomic
def take_up(*, now: datetime) -> None:
    orphans = Run.objects.across_tenants().select_for_update(skip_locked=True)
    orphans = orphans.filter(status=Run.Status.RUNNING, alive_at__lt=now - SILENT)
    for run in orphans.order_by("pk")[:TAKE]:
        if run.tries < MOST_TRIES:
            move(run, to=Run.Status.QUEUED, allowed=Run.MOVES, worker="", alive_at=now - WAITED)
        else:
            problem = f"its worker died {run.tries} times"
            over = {"worker": "", "problem": problem, "finished_at": now}
            move(run, to=Run.Status.FAILED, allowed=Run.MOVES, **over)


WAITED = timedelta(seconds=NAME_AGAIN_SECONDS)


@transaction.atomic
def due(*, now: datetime) -> list[object]:
    """Runs whose message may be lost; each gets its next date first."""
    rows = Run.objects.across_tenants()
    waiting = rows.select_for_update(skip_locked=True).filter(
        status=Run.Status.QUEUED, alive_at__lte=now - WAITED
    )
    keys = list(waiting.order_by("pk").values_list("pk", flat=True)[:TAKE])
    rows.filter(pk__in=keys).update(alive_at=now)
    return keys
