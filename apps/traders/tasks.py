"""What beat names for traders, and the turn of each."""

from celery import shared_task
from django.utils import timezone

from apps.core.later import publish
from apps.traders import services
from apps.traders.selectors import due

# A turn that waits longer is named again.
WORTH_SECONDS = 5


@shared_task(name="traders.wake")
def wake() -> None:
    """Name every trader whose turn it is; each takes it by itself."""
    now = timezone.now()
    services.start_by_themselves(now=now)
    services.cancel_resting(now=now)
    for trader_id in due(now):
        publish("traders.take_turn", {"trader_id": trader_id}, expires_seconds=WORTH_SECONDS)


# Taken from the broker at once: what a dead worker leaves behind is found by its lease.
@shared_task(name="traders.take_turn", acks_late=False)
def take_turn(trader_id: int) -> None:
    services.take_turn(trader_id=trader_id)


@shared_task(name="traders.look")
def look() -> None:
    services.look(now=timezone.now())


@shared_task(name="traders.share_out")
def share_out() -> None:
    services.share_out_due(now=timezone.now())


@shared_task(name="traders.prune")
def prune() -> None:
    services.prune(now=timezone.now())
