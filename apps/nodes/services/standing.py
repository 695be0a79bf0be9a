"""What a node may do: paused, drained, resumed, revoked."""

from datetime import datetime

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.states import move
from apps.nodes.models import Node

S = Node.Status
# A node is empty, or on its way there, only while it is drained.
NOT_DRAINED = {"draining_at": None, "drained_at": None}


@retried
@transaction.atomic
def pause_node(*, node: Node) -> None:
    """Give the node no new tickets; what it has in hand goes on."""
    change(node, to=S.PAUSED, action="node.paused")


@retried
@transaction.atomic
def drain_node(*, node: Node, now: datetime) -> None:
    """Give the node no new tickets, and tell when it has finished those it has."""
    change(node, to=S.DRAINING, action="node.draining", draining_at=now, drained_at=None)


@retried
@transaction.atomic
def resume_node(*, node: Node) -> None:
    """Give it new tickets again. Whoever was never confirmed is not let in this way."""
    # What may be resumed is less than what may become active.
    held_back = {S.PAUSED: {S.ACTIVE}, S.DRAINING: {S.ACTIVE}}
    change(node, to=S.ACTIVE, action="node.resumed", allowed=held_back, **NOT_DRAINED)


@retried
@transaction.atomic
def revoke_node(*, node: Node) -> None:
    """Believe the node no more and seal nothing to it, for good."""
    no_code = {"join_hash": "", "join_until": None}
    change(node, to=S.REVOKED, action="node.revoked", **no_code, **NOT_DRAINED)


def change(node: Node, *, to: str, action: str, allowed=Node.MOVES, **changes) -> None:
    before = node.status
    move(node, to=to, allowed=allowed, **changes)
    audit.record(action, node, before={"status": before}, after={"status": to})


@retried
@transaction.atomic
def note_drained(*, node: Node, now: datetime) -> None:
    """Tell once that a draining node has finished everything; nothing if it was resumed."""
    empty = Node.objects.filter(pk=node.pk, status=S.DRAINING, drained_at=None)
    if empty.update(drained_at=now):
        audit.record("node.drained", node, after={"drained_at": now})
