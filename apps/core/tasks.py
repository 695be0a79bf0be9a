"""Doors of the room: forget what was kept for a while."""

from celery import shared_task
from django.utils import timezone

from apps.core import idempotency


@shared_task(name="core.prune_keys")
def prune_keys() -> None:
    idempotency.prune_keys(now=timezone.now())
