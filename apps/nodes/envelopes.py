"""Envelopes between the centre and its nodes: whose key signs, and whose signature counts."""

import base64

from django.conf import settings
from nacl.signing import SigningKey, VerifyKey

from apps.nodes.models import Node
from engine import envelope
from engine.envelope import M
from engine.errors import MessageRefused
from engine.messages import Message

# The centre signs under this name, so no node has it.
CENTRE = "centre"


def centre_verify_key() -> str:
    """What a node checks the centre's signatures with; its host is given it when it joins."""
    signing = SigningKey(settings.CENTRE_SIGNING_KEY)
    return base64.b64encode(bytes(signing.verify_key)).decode()


def sign_to(node: Node, message: Message) -> str:
    """The message as it leaves for this node, signed by the centre."""
    key = SigningKey(settings.CENTRE_SIGNING_KEY)
    return envelope.sign(message, sender=CENTRE, receiver=node.code, key=key)


def open_from_node(text: str, expected: type[M]) -> tuple[Node, M]:
    """Who sent it and what it says; nothing is believed before the signature holds."""
    claimed, payload, signature = envelope.read(text, receiver=CENTRE)
    node = Node.objects.filter(code=claimed.sender).first()
    if node is None:
        raise MessageRefused("no such node is enrolled", sender=claimed.sender[:64])
    if node.status in Node.NOT_TRUSTED:
        raise MessageRefused(f"the node is {node.status}", sender=node.code)
    key = VerifyKey(base64.b64decode(node.verify_key))
    return node, envelope.verify(claimed, payload, signature, key=key, expected=expected)
