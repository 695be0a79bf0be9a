"""Nodes are enrolled, paused, resumed, revoked and heard of."""

import base64
import binascii
import re
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import CryptoError

from apps.core import audit
from apps.core.errors import BadInput, Conflict
from apps.core.states import move
from apps.nodes.envelopes import CENTRE
from apps.nodes.models import Node
from engine import envelope
from engine.messages import Heartbeat

KEY_BYTES = 32
CODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
LARGEST_OFFSET_MS = 2**31 - 1


@transaction.atomic
def enroll_node(*, code: str, name: str, seal_key: str, verify_key: str) -> Node:
    """Make a node known by its public keys; the private ones never leave its host."""
    if not CODE.fullmatch(code) or code == CENTRE:
        raise BadInput(
            "a node's code is 1 to 32 small letters, digits and inner dashes, and not 'centre'",
            field="code",
        )
    if not 1 <= len(name.strip()) <= 100:
        raise BadInput("a node's name is 1 to 100 characters", field="name")
    check_seal_key(seal_key)
    check_verify_key(verify_key)
    try:
        with transaction.atomic():
            node = Node.objects.create(
                code=code, name=name.strip(), seal_key=seal_key, verify_key=verify_key
            )
    except IntegrityError as error:
        raise Conflict(f"a node {code} is enrolled already", field="code") from error
    audit.record(
        "node.enrolled", node, after={"code": code, "seal_key": seal_key, "verify_key": verify_key}
    )
    return node


def check_seal_key(text: str) -> None:
    key = key_bytes(text, field="seal_key")
    try:
        envelope.seal(b"", to=key)
    except CryptoError as error:
        raise BadInput("nothing can be sealed to this key", field="seal_key") from error


def check_verify_key(text: str) -> None:
    if not crypto_core_ed25519_is_valid_point(key_bytes(text, field="verify_key")):
        raise BadInput("this is not an Ed25519 public key", field="verify_key")


def key_bytes(text: str, *, field: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("a key is base64", field=field) from error
    if len(key) != KEY_BYTES:
        raise BadInput(f"a key is {KEY_BYTES} bytes, this one {len(key)}", field=field)
    return key


def pause_node(*, node: Node) -> None:
    """Give the node no new tickets; what it has in hand goes on."""
    change_status(node, to=Node.Status.PAUSED, action="node.paused")


def resume_node(*, node: Node) -> None:
    change_status(node, to=Node.Status.ACTIVE, action="node.resumed")


def revoke_node(*, node: Node) -> None:
    """Believe the node no more and seal nothing to it, for good."""
    change_status(node, to=Node.Status.REVOKED, action="node.revoked")


@transaction.atomic
def change_status(node: Node, *, to: str, action: str) -> None:
    move(node, to=to, allowed=Node.MOVES)
    audit.record(action, node, after={"status": to})


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
    )
