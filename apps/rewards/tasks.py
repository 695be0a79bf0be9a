"""Doors of the room: settle what is named, name again what was left, and count the levels."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.rewards import services


@shared_task(name="rewards.settle")
def settle(close_ids: list[UUID]) -> None:
    services.settle_closes(close_ids=close_ids)


@shared_task(name="rewards.sweep")
def sweep() -> None:
    services.sweep(now=timezone.now())


@shared_task(name="rewards.recompute_levels")
def recompute_levels() -> None:
    services.recompute_all_levels(now=timezone.now())
