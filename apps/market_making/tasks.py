"""What nodes tell of makers, and what beat names for them."""

from celery import shared_task
from django.utils import timezone

from apps.market_making import services


@shared_task(name="market_making.record_report")
def record_report(envelope: str) -> None:
    services.record_report(envelope=envelope, now=timezone.now())


@shared_task(name="market_making.renew_leases")
def renew_leases() -> None:
    services.renew_leases(now=timezone.now())


@shared_task(name="market_making.prune")
def prune() -> None:
    services.prune(now=timezone.now())
