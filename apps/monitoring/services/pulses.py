"""Signs of life: of beat, and of whoever takes from each queue."""

from datetime import UTC, datetime, timedelta

from apps.core.later import publish
from apps.monitoring.checks.machine import queues
from apps.monitoring.models import Pulse

# A probe that did not come through by then is lost, and another is sent.
LOST = timedelta(minutes=15)


def pulse(*, name: str, at: datetime) -> None:
    """Something was alive at this moment; a later pulse that came earlier stays."""
    made = Pulse.objects.get_or_create(name=name, defaults={"at": at})[1]
    if not made:
        Pulse.objects.filter(name=name, at__lt=at).update(at=at)


def send_probes(*, now: datetime, sent: dict[str, datetime]) -> None:
    """Put a small task into every queue: when it is done tells how long a task waits there.

    `sent` is kept by the caller from one time to the next: where a probe is under way there is
    no other, so that a queue that nobody takes from does not fill with them.
    """
    known = dict(Pulse.objects.values_list("name", "at"))
    # Whole milliseconds, as it will come back.
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    for queue in queues():
        before = sent.get(queue)
        if queue not in known:
            # From now on it is waited for.
            pulse(name=queue, at=at - timedelta(milliseconds=1))
        elif before and known[queue] < before and now - before < LOST:
            continue
        sent[queue] = at
        kwargs: dict[str, object] = {
            "queue": queue,
            "sent_at_ms": round(at.timestamp() * 1000),
        }
        publish("monitoring.probe", kwargs, queue=queue)


def probed(*, queue: str, sent_at_ms: int, now: datetime) -> None:
    """A probe came through. What it claims to know of the future counts as now."""
    if queue in queues():
        pulse(name=queue, at=min(datetime.fromtimestamp(sent_at_ms / 1000, UTC), now))
