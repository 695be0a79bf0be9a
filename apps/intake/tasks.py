"""What beat names."""

from celery import shared_task
from django.utils import timezone

from apps.intake.services import forget_incoming


@shared_task(name="intake.prune")
def prune() -> int:
    return forget_incoming(now=timezone.now())
