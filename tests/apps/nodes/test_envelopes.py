"""What a node says is believed by its signature; the rest is kept as refused."""

import pytest
from django.utils import timezone
from nacl.signing import SigningKey

from apps.core.models import RefusedMessage
from apps.nodes import tasks
from apps.nodes.envelopes import open_from_node, sign_to
from apps.nodes.models import Node
from engine import envelope
from engine.errors import MessageRefused
from engine.messages import Heartbeat, Refusal
from tests.factories import NodeFactory

pytestmark = pytest.mark.django_db


def heartbeat():
    return Heartbeat(version="1", clock_ms=int(timezone.now().timestamp() * 1000), running=0)


def signed(node, message, **changes):
    told = {"sender": node.code, "receiver": "centre", "key": node.sign_private}
    return envelope.sign(message, **(told | changes))


def test_what_the_centre_signs_opens_at_that_node_only(settings):
    node = NodeFactory()
    text = sign_to(node, heartbeat())
    centre = SigningKey(settings.CENTRE_SIGNING_KEY).verify_key
    parts = envelope.read(text, receiver=node.code)
    assert envelope.verify(*parts, key=centre, expected=Heartbeat).version == "1"
    with pytest.raises(MessageRefused):
        envelope.read(text, receiver="another")


def test_a_node_is_known_by_its_signature():
    node = NodeFactory()
    message = heartbeat()
    assert open_from_node(signed(node, message), Heartbeat) == (node, message)


def test_a_paused_node_is_still_heard():
    node = NodeFactory(status=Node.Status.PAUSED)
    tasks.heartbeat.run(signed(node, heartbeat()))
    node.refresh_from_db()
    assert node.last_heartbeat_at is not None


@pytest.mark.parametrize(
    ("case", "forge"),
    [
        ("a node nobody enrolled", lambda node: signed(node, heartbeat(), sender="ghost")),
        ("another key", lambda node: signed(node, heartbeat(), key=SigningKey.generate())),
        ("another node's name", lambda node: signed(NodeFactory(), heartbeat(), sender=node.code)),
        ("another receiver", lambda node: signed(node, heartbeat(), receiver=node.code)),
        ("a changed byte", lambda node: "A" + signed(node, heartbeat())[1:]),
        ("another kind of message", lambda node: signed(node, refusal_of("x"))),
        ("the centre's own message", lambda node: sign_to(node, heartbeat())),
        ("no text", lambda node: None),
        ("nothing", lambda node: ""),
        ("too long", lambda node: "A" * 200_000),
    ],
)
def test_a_forged_heartbeat_is_refused_and_wakes_nobody(case, forge):
    node = NodeFactory()
    with pytest.raises(MessageRefused):
        tasks.heartbeat.run(forge(node))
    assert not Node.objects.exclude(last_heartbeat_at=None).exists()


def test_a_revoked_node_is_refused():
    node = NodeFactory(status=Node.Status.REVOKED)
    for task, message in ((tasks.heartbeat, heartbeat()), (tasks.refusal, refusal_of("late"))):
        with pytest.raises(MessageRefused, match="revoked"):
            task.run(signed(node, message))
    assert not RefusedMessage.objects.exists()
    node.refresh_from_db()
    assert node.last_heartbeat_at is None


def refusal_of(reason):
    return Refusal(queue="node.x", reason=reason, digest="d" * 64, preview="half a mess")


def test_what_a_node_refused_is_kept_under_its_queue_and_counted():
    node = NodeFactory()
    for _time in range(2):
        tasks.refusal.run(signed(node, refusal_of("the message is truncated")))
    kept = RefusedMessage.objects.get()
    assert (kept.queue, kept.reason) == (node.queue, "the message is truncated")
    assert (kept.preview, kept.times) == ("half a mess", 2)
