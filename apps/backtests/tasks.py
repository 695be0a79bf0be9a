"""Doors of the room: do the run that is named, and name again what was left."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.backtests import services


# Taken from the broker at once: a run lasts longer than a message may go unanswered, and one
# whose worker died is found by the sweep.
@shared_task(name="backtests.work", acks_late=False)
def work(run_id: UUID) -> None:
    services.work(run_id=run_id)


# Taken at once too: what a dead worker leaves is made by the run's own process.
@shared_task(name="backtests.search", acks_late=False)
def search(run_id: UUID, worker: str, replies: str, tag: str, chunk: dict[str, object]) -> None:
    services.make_chunk(run_id=run_id, worker=worker, replies=replies, tag=tag, chunk=chunk)


@shared_task(name="backtests.drop_reports")
def drop_reports() -> None:
    services.drop_reports(now=timezone.now())


@shared_task(name="backtests.sweep")
def sweep() -> None:
    services.sweep(now=timezone.now())
