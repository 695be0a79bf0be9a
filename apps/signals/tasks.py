"""What beat names when bars close."""

from celery import shared_task
from django.utils import timezone

from apps.signals import services


@shared_task(name="signals.scan")
def scan() -> None:
    services.scan(now=timezone.now())
