"""What is told is exported now and then, for while the database is away."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.arena.errors import ExportRunning
from apps.arena.services import export_files

log = logging.getLogger(__name__)


@shared_task(name="arena.export")
def export() -> None:
    try:
        export_files(folder=settings.ARENA_EXPORT, now=timezone.now())
    except ExportRunning:
        log.info("another process exports the arena; this turn is passed over")
