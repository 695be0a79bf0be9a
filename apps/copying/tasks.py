"""What beat names."""

from celery import shared_task
from django.utils import timezone

from apps.copying import services


@shared_task(name="copying.copy")
def copy() -> None:
    services.copy(now=timezone.now())
