"""Doors of the room: forget what was kept for a while, and keep what was refused."""

from celery import shared_task
from django.db import close_old_connections
from django.utils import timezone

from apps.core import idempotency
from apps.core.services import refuse_message


@shared_task(name="core.prune_keys")
def prune_keys() -> None:
    idempotency.prune_keys(now=timezone.now())


def keep_refused(*, queue: str, reason: str, body: bytes) -> None:
    """For whoever reads a queue: its line is as old as it is, and may have ended since."""
    close_old_connections()
    refuse_message(queue=queue, reason=reason, body=body)
