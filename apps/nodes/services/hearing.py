"""What nodes say of themselves."""

from datetime import UTC, datetime

from django.db.models import Q

from apps.nodes.models import Node
from engine.messages import Heartbeat

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
