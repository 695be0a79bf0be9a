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


@shared_task(name="backtests.sweep")
def sweep() -> None:
    services.sweep(now=timezone.now())
