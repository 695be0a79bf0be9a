"""Signs of life of the queues, and the nightly counting through."""

from celery import shared_task
from django.utils import timezone

from apps.monitoring import services
from apps.monitoring.services.pulses import probed


@shared_task(name="monitoring.probe")
def probe(queue: str, sent_at_ms: int) -> None:
    probed(queue=queue, sent_at_ms=sent_at_ms, now=timezone.now())


@shared_task(name="monitoring.verify")
def verify() -> None:
    services.verify(what="ledger")
    services.verify(what="audit")


@shared_task(name="monitoring.prune_alerts")
def prune_alerts() -> None:
    services.prune_alerts(now=timezone.now())
    services.prune_chats(now=timezone.now())
