"""What beat names of venues."""

from celery import shared_task
from django.utils import timezone

from apps.venues import feeding


@shared_task(name="venues.fetch_candles")
def fetch_candles() -> None:
    feeding.fetch_due(now=timezone.now())
