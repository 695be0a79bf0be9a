"""The verbs of nodes: how one becomes known, what it may do, and how it is heard."""

from apps.nodes.services.hearing import record_heartbeat, watch_nodes
from apps.nodes.services.registering import (
    Registered,
    confirm_node,
    enroll_node,
    join_node,
    register_node,
    rename_node,
)
from apps.nodes.services.standing import (
    drain_node,
    note_drained,
    pause_node,
    resume_node,
    revoke_node,
)

__all__ = [
    "Registered",
    "confirm_node",
    "drain_node",
    "enroll_node",
    "join_node",
    "note_drained",
    "pause_node",
    "record_heartbeat",
    "register_node",
    "rename_node",
    "resume_node",
    "revoke_node",
    "watch_nodes",
]
