"""Doors of the console: make the file that was asked for, and name again what was left."""

from celery import shared_task
from django.utils import timezone

from apps.console import exporting


# Taken from the broker at once: a large list takes longer than a message may go unanswered, and
# one whose worker died is found by the sweep.
@shared_task(name="console.export", acks_late=False)
def export(export_id: int) -> None:
    exporting.work(export_id=export_id)


@shared_task(name="console.sweep")
def sweep() -> None:
    exporting.sweep(now=timezone.now())
