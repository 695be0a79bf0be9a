"""How a node becomes known: a one-time code, keys made on its host, and a person who compares.

The code says that the keys come from whom it was given to; the fingerprint says that
nobody changed them on the way. Before it is confirmed a node is given nothing, and
nothing that it says is believed.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import CryptoError

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, NotFound
from apps.core.states import move
from apps.nodes.envelopes import CENTRE
from apps.nodes.models import Node
from engine import envelope

KEY_BYTES = 32
CODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
# How long somebody may take to walk over to the host.
JOIN_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Registered:
    node: Node
    # Told once: only its hash is kept.
    one_time_code: str = field(repr=False)


@retried
@transaction.atomic
def enroll_node(*, code: str, name: str, seal_key: str, verify_key: str) -> Node:
    """Make a node known by its public keys, by somebody who saw them made on its host."""
    check_name(code, name)
    check_keys(seal_key, verify_key)
    known = {"seal_key": seal_key, "verify_key": verify_key}
    node = create(code=code, name=name.strip(), **known)
    audit.record("node.enrolled", node, after={"code": code, **known})
    return node


@retried
@transaction.atomic
def register_node(*, code: str, name: str, now: datetime) -> Registered:
    """Expect a node, and make the code that it joins with; again, until it is confirmed.

    A new code ends the one before it, and forgets the keys that had come with that.
    """
    check_name(code, name)
    one_time_code = secrets.token_hex(20)
    expected = {
        "name": name.strip(),
        "join_hash": hash_of(one_time_code),
        "join_until": now + JOIN_WITHIN,
    }
    node = Node.objects.select_for_update().filter(code=code).first()
    if node is None:
        node = create(code=code, status=Node.Status.PENDING, **expected)
    elif node.status == Node.Status.PENDING:
        Node.objects.filter(pk=node.pk).update(**expected, seal_key="", verify_key="")
        node.refresh_from_db()
    else:
        raise Conflict(f"a node {code} is enrolled already", field="code")
    audit.record("node.registered", node, after={"code": code, "join_until": node.join_until})
    return Registered(node, one_time_code)


@retried
@transaction.atomic
def join_node(
    *, code: str, one_time_code: str, seal_key: str, verify_key: str, now: datetime
) -> Node:
    """Take the public keys of a node that was expected; the code is used up by it."""
    check_keys(seal_key, verify_key)
    node = Node.objects.select_for_update().filter(code=code).first()
    if node is None:
        raise NotFound(f"no node {code[:32]} is expected", field="code")
    if not node.join_hash:
        raise Conflict(f"node {code} has joined already", status=node.status)
    if not hmac.compare_digest(node.join_hash, hash_of(one_time_code.strip())):
        raise BadInput(f"this is not the one-time code of node {code}", field="one_time_code")
    if node.status != Node.Status.PENDING:
        raise Conflict(f"node {code} is {node.status}", status=node.status)
    if node.join_until < now:
        raise Conflict("the one-time code has expired: register the node again", node=code)
    node.seal_key, node.verify_key = seal_key, verify_key
    node.join_hash, node.join_until = "", None
    node.save(update_fields=["seal_key", "verify_key", "join_hash", "join_until"])
    known = {"seal_key": seal_key, "verify_key": verify_key, "fingerprint": node.fingerprint}
    audit.record("node.joined", node, after=known)
    return node


@retried
@transaction.atomic
def confirm_node(*, node: Node, fingerprint: str) -> None:
    """Let a node begin, by somebody who read this fingerprint on its host.

    It is asked for and not merely shown: keys that came after somebody looked have another.
    """
    fresh = Node.objects.select_for_update().get(pk=node.pk)
    if fresh.status != Node.Status.PENDING:
        raise Conflict(f"node {fresh} is {fresh.status}", status=fresh.status)
    if not fresh.verify_key:
        raise Conflict(f"node {fresh} has not joined yet", status=fresh.status)
    told = "".join(fingerprint.split()).lower()
    # As bytes: what somebody typed may be anything.
    if not hmac.compare_digest(told.encode(), fresh.fingerprint.encode()):
        raise BadInput("this is not the fingerprint of the keys that came", field="fingerprint")
    moves = {Node.Status.PENDING: {Node.Status.ACTIVE}}
    move(node, to=Node.Status.ACTIVE, allowed=moves)
    audit.record("node.confirmed", node, after={"fingerprint": node.fingerprint})


@retried
@transaction.atomic
def rename_node(*, node: Node, name: str) -> None:
    check_name(node.code, name)
    before = Node.objects.select_for_update().get(pk=node.pk).name
    node.name = name.strip()
    if node.name != before:
        node.save(update_fields=["name"])
        audit.record("node.renamed", node, before={"name": before}, after={"name": node.name})


def create(**values) -> Node:
    try:
        with transaction.atomic():
            return Node.objects.create(**values)
    except IntegrityError as error:
        raise Conflict(f"a node {values['code']} is enrolled already", field="code") from error


def hash_of(one_time_code: str) -> str:
    """A plain hash does: the code is 160 random bits, which nobody guesses."""
    return hashlib.sha256(one_time_code.encode()).hexdigest()


def check_name(code: str, name: str) -> None:
    if not CODE.fullmatch(code) or code == CENTRE:
        raise BadInput(
            "a node's code is 1 to 32 small letters, digits and inner dashes, and not 'centre'",
            field="code",
        )
    if not 1 <= len(name.strip()) <= 100:
        raise BadInput("a node's name is 1 to 100 characters", field="name")


def check_keys(seal_key: str, verify_key: str) -> None:
    check_seal_key(seal_key)
    check_verify_key(verify_key)


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
