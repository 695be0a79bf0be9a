"""A node that is drained is told of when it holds nothing any more."""

from datetime import datetime, timedelta

from apps.nodes.models import Node
from apps.nodes.services import note_drained
from apps.orders.models import Ticket

T = Ticket.Status
# What still comes back to a node: a parked ticket waits for a person, and not for it.
AT_WORK = [T.PLANNED, T.SENT, T.RESTING, T.UNKNOWN]
# Tickets that were being planned when the drain began have come by then, and so has a
# heartbeat that knows of them.
SETTLE = timedelta(seconds=10)


def tell_drained(*, now: datetime) -> None:
    draining = Node.objects.filter(status=Node.Status.DRAINING, drained_at=None, running=0)
    idle = [node for node in draining.order_by("pk") if is_settled(node)]
    at_work = Ticket.objects.across_tenants().filter(node__in=idle, status__in=AT_WORK)
    busy = set(at_work.order_by().values_list("node", flat=True).distinct())
    for node in idle:
        if node.pk not in busy:
            note_drained(node=node, now=now)


def is_settled(node: Node) -> bool:
    """Whether its last word is of after its drain began; a silent node tells nothing."""
    heard = node.last_heartbeat_at
    return heard is not None and heard >= node.draining_at + SETTLE
