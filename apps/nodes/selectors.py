"""Questions about nodes."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from apps.nodes.models import Node


def alive_nodes(now: datetime) -> QuerySet[Node]:
    """Nodes that may be given new tickets: active, and heard of lately."""
    heard_since = now - timedelta(seconds=settings.NODE_SILENT_SECONDS)
    return Node.objects.filter(status=Node.Status.ACTIVE, last_heartbeat_at__gte=heard_since)
