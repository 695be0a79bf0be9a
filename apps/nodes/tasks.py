"""What nodes send of themselves: that they live, and what they refused."""

from celery import shared_task
from django.utils import timezone

from apps.core.services import keep_refusal
from apps.nodes.envelopes import open_from_node
from apps.nodes.services import record_heartbeat, watch_nodes
from engine.messages import Heartbeat, Refusal


@shared_task(name="nodes.heartbeat")
def heartbeat(envelope: str) -> None:
    node, told = open_from_node(envelope, Heartbeat)
    record_heartbeat(node=node, heartbeat=told, now=timezone.now())


@shared_task(name="nodes.watch")
def watch() -> None:
    watch_nodes(now=timezone.now())


@shared_task(name="nodes.refusal")
def refusal(envelope: str) -> None:
    node, told = open_from_node(envelope, Refusal)
    keep_refusal(queue=node.queue, reason=told.reason, digest=told.digest, preview=told.preview)
