"""What beat names: usage is copied out of memory."""

from celery import shared_task
from django.utils import timezone

from apps.quotas.services import keep_usage


@shared_task(name="quotas.keep_usage")
def keep() -> None:
    keep_usage(now=timezone.now())
