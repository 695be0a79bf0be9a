"""Nodes: enrolled once by sound keys, alive by their own newest heartbeat, revoked for good."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.nodes.services import (
    enroll_node,
    pause_node,
    record_heartbeat,
    resume_node,
    revoke_node,
)
from engine.messages import Heartbeat
from tests.factories import NodeFactory, to_text

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def sound(**changes):
    asked = {
        "code": "tokyo-1",
        "name": "Tokyo",
        "seal_key": to_text(PrivateKey.generate().public_key),
        "verify_key": to_text(SigningKey.generate().verify_key),
    }
    return asked | changes


def beat(at=NOW, **changes):
    told = {"version": "1.2", "clock_ms": int(at.timestamp() * 1000), "running": 3}
    return Heartbeat(**(told | changes))


def test_an_enrolled_node_is_active_and_audited_but_not_yet_alive():
    node = enroll_node(**sound())
    assert node.status == Node.Status.ACTIVE
    assert list(alive_nodes(NOW)) == []
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("node.enrolled", f"nodes.node:{node.pk}")


@pytest.mark.parametrize(
    ("case", "field", "value"),
    [
        ("no code", "code", ""),
        ("a capital letter", "code", "Tokyo"),
        ("a dot, which parts queue names", "code", "tokyo.1"),
        ("a dash at the end", "code", "tokyo-"),
        ("a line break", "code", "tokyo\n"),
        ("too long", "code", "a" * 33),
        ("the centre's own name", "code", "centre"),
        ("no name", "name", " "),
        ("not base64", "seal_key", "?" * 44),
        ("not even ASCII", "seal_key", "ключ"),
        ("too short", "seal_key", base64.b64encode(bytes(31)).decode()),
        ("a key to which nothing can be sealed", "seal_key", base64.b64encode(bytes(32)).decode()),
        ("not base64", "verify_key", "?" * 44),
        ("too long", "verify_key", base64.b64encode(bytes(33)).decode()),
        ("no point of the curve", "verify_key", base64.b64encode(bytes(32)).decode()),
    ],
)
def test_unsound_input_is_refused_by_its_field(case, field, value):
    with pytest.raises(BadInput) as refused:
        enroll_node(**sound(**{field: value}))
    assert refused.value.context["field"] == field
    assert not Node.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_code_is_enrolled_once():
    first = enroll_node(**sound())
    with pytest.raises(Conflict, match="tokyo-1"):
        enroll_node(**sound(name="Somebody else"))
    assert [(node.pk, node.name) for node in Node.objects.all()] == [(first.pk, "Tokyo")]
    assert AuditEntry.objects.count() == 1


def test_pausing_and_resuming_are_audited_and_decide_on_life():
    node = NodeFactory(last_heartbeat_at=NOW)
    assert list(alive_nodes(NOW)) == [node]
    pause_node(node=node)
    assert list(alive_nodes(NOW)) == []
    resume_node(node=node)
    assert list(alive_nodes(NOW)) == [node]
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert list(actions) == ["node.paused", "node.resumed"]


def test_a_revoked_node_never_comes_back():
    node = NodeFactory(last_heartbeat_at=NOW)
    revoke_node(node=node)
    for verb in (resume_node, pause_node, revoke_node):
        with pytest.raises(Conflict):
            verb(node=node)
    record_heartbeat(node=node, heartbeat=beat(NOW + timedelta(seconds=1)), now=NOW)
    node.refresh_from_db()
    assert (node.status, node.last_heartbeat_at) == (Node.Status.REVOKED, NOW)
    assert AuditEntry.objects.count() == 1


def test_a_heartbeat_tells_life_version_load_and_clock():
    node = NodeFactory()
    later = NOW + timedelta(milliseconds=250)
    record_heartbeat(node=node, heartbeat=beat(NOW), now=later)
    node.refresh_from_db()
    assert (node.version, node.running) == ("1.2", 3)
    assert (node.last_heartbeat_at, node.clock_offset_ms) == (NOW, -250)
    assert list(alive_nodes(later)) == [node]


def test_an_older_heartbeat_changes_nothing():
    node = NodeFactory()
    record_heartbeat(node=node, heartbeat=beat(NOW), now=NOW)
    older = beat(NOW - timedelta(seconds=30), version="0.9", running=9)
    record_heartbeat(node=node, heartbeat=older, now=NOW + timedelta(seconds=5))
    node.refresh_from_db()
    assert (node.last_heartbeat_at, node.version, node.running) == (NOW, "1.2", 3)


def test_a_heartbeat_that_lay_in_a_queue_keeps_nobody_alive(settings):
    settings.NODE_SILENT_SECONDS = 45
    node = NodeFactory()
    record_heartbeat(node=node, heartbeat=beat(NOW), now=NOW + timedelta(hours=1))
    assert list(alive_nodes(NOW + timedelta(hours=1))) == []


@pytest.mark.parametrize(("silent_seconds", "alive"), [(0, True), (45, True), (46, False)])
def test_a_node_lives_as_long_as_it_was_heard_of_lately(settings, silent_seconds, alive):
    settings.NODE_SILENT_SECONDS = 45
    node = NodeFactory(last_heartbeat_at=NOW)
    found = alive_nodes(NOW + timedelta(seconds=silent_seconds))
    assert list(found) == ([node] if alive else [])


def test_a_clock_far_ahead_lives_now_and_shows():
    node = NodeFactory()
    record_heartbeat(node=node, heartbeat=beat(clock_ms=1 << 53, running=1 << 40), now=NOW)
    node.refresh_from_db()
    assert node.last_heartbeat_at == NOW
    assert node.clock_offset_ms == node.running == 2**31 - 1
