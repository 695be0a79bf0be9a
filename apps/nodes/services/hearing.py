"""What nodes say of themselves, and that they fell silent."""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core import audit
from apps.core.deadlocks import retried
from apps.nodes.models import Node
from engine.messages import Heartbeat

log = logging.getLogger(__name__)

LARGEST_OFFSET_MS = 2**31 - 1


def record_heartbeat(*, node: Node, heartbeat: Heartbeat, now: datetime) -> None:
    """Note that the node lived at the time it says; only its newest heartbeat counts.

    A heartbeat is as old as its sender says: one that lay in a queue, or is played
    back, keeps nobody alive. A node whose clock is ahead lives now, not later.
    """
    now_ms = int(now.timestamp() * 1000)
    offset_ms = heartbeat.clock_ms - now_ms
    told_at = datetime.fromtimestamp(min(heartbeat.clock_ms, now_ms) / 1000, UTC)
    newer = Q(last_heartbeat_at__isnull=True) | Q(last_heartbeat_at__lt=told_at)
    Node.objects.filter(newer, pk=node.pk).exclude(status=Node.Status.REVOKED).update(
        last_heartbeat_at=told_at,
        clock_offset_ms=max(-LARGEST_OFFSET_MS, min(offset_ms, LARGEST_OFFSET_MS)),
        version=heartbeat.version,
        running=min(heartbeat.running, LARGEST_OFFSET_MS),
        load_percent=min(heartbeat.load_percent, LARGEST_OFFSET_MS),
        venues=heartbeat.venues,
    )


def watch_nodes(*, now: datetime) -> None:
    """Raise an alert once when a node falls silent, and say once that it is back."""
    heard_since = now - timedelta(seconds=settings.NODE_SILENT_SECONDS)
    watched = Node.objects.exclude(status__in=Node.NOT_TRUSTED).order_by("pk")
    for node in watched.filter(silent_at=None, last_heartbeat_at__lt=heard_since):
        note_silence(node=node, heard_since=heard_since, now=now)
    for node in watched.filter(silent_at__isnull=False, last_heartbeat_at__gte=heard_since):
        note_return(node=node, heard_since=heard_since, now=now)


@retried
@transaction.atomic
def note_silence(*, node: Node, heard_since: datetime, now: datetime) -> None:
    # Asked again where it is written: a heartbeat or another watch may have come between.
    silent = Node.objects.filter(pk=node.pk, silent_at=None, last_heartbeat_at__lt=heard_since)
    if silent.update(silent_at=now):
        log.error("node %s is silent since %s", node, node.last_heartbeat_at)
        heard = {"last_heartbeat_at": node.last_heartbeat_at, "running": node.running}
        audit.record("node.offline", node, before=heard)


@retried
@transaction.atomic
def note_return(*, node: Node, heard_since: datetime, now: datetime) -> None:
    back = Node.objects.filter(
        pk=node.pk, silent_at__isnull=False, last_heartbeat_at__gte=heard_since
    )
    if back.update(silent_at=None):
        log.warning("node %s is heard again", node)
        audit.record("node.online", node, before={"silent_at": node.silent_at}, after={"at": now})
