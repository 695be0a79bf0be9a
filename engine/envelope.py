"""How a message is signed and a secret sealed on the way between centre and node.

The signature (Ed25519) covers the exact bytes that travel, so nothing is
serialised twice; it is checked before anything is parsed. Secrets inside are
sealed (X25519) to the one node that needs them.
"""

import base64
import binascii
import hashlib
import time
from typing import TypeVar

import msgspec
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as aead_seal,
)
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

from engine.errors import MessageRefused
from engine.ids import uuid7
from engine.messages import KIND_OF, MAX_BYTES, VERSION, Message

M = TypeVar("M", bound=Message)

NONCE_BYTES = 24
NOT_OURS = "the credentials are not sealed to this node"


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    kind: str
    message_id: str
    sender: str
    receiver: str
    sent_at_ms: int
    body: str


def sign(message: Message, *, sender: str, receiver: str, key: SigningKey) -> str:
    """`payload.signature`, both base64; the payload is the envelope's exact bytes."""
    envelope = Envelope(
        v=VERSION,
        kind=KIND_OF[type(message)],
        message_id=str(uuid7()),
        sender=sender,
        receiver=receiver,
        sent_at_ms=time.time_ns() // 1_000_000,
        body=msgspec.json.encode(message).decode(),
    )
    payload = msgspec.json.encode(envelope)
    signature = key.sign(payload).signature
    return f"{base64.b64encode(payload).decode()}.{base64.b64encode(signature).decode()}"


def read(text: object, *, receiver: str) -> tuple[Envelope, bytes, bytes]:
    """The envelope as it claims to be, with its payload and signature, not yet verified."""
    if not isinstance(text, str):
        raise MessageRefused(f"the message is a {type(text).__name__}, not text")
    if len(text) > MAX_BYTES * 2:
        raise MessageRefused(f"the message is longer than {MAX_BYTES} bytes")
    head, dot, tail = text.partition(".")
    try:
        payload = base64.b64decode(head, validate=True)
        signature = base64.b64decode(tail, validate=True)
        if not dot or len(signature) != 64:
            raise MessageRefused("the message is truncated or carries no signature")
        envelope = msgspec.json.decode(payload, type=Envelope)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise MessageRefused(f"the message is not an envelope: {error}") from error
    if envelope.v != VERSION:
        raise MessageRefused(f"version {envelope.v} is not spoken here", spoken=VERSION)
    if envelope.receiver != receiver:
        raise MessageRefused(f"the message is for {envelope.receiver}", receiver=receiver)
    return envelope, payload, signature


def verify(
    envelope: Envelope, payload: bytes, signature: bytes, *, key: VerifyKey, expected: type[M]
) -> M:
    """The message inside, once its signature holds and its fields are sound."""
    try:
        key.verify(payload, signature)
    except BadSignatureError as error:
        raise MessageRefused(f"the signature is not {envelope.sender}'s") from error
    if KIND_OF[expected] != envelope.kind:
        raise MessageRefused(f"{envelope.kind!r} does not belong on this queue")
    try:
        return msgspec.json.decode(envelope.body, type=expected)
    except msgspec.DecodeError as error:
        raise MessageRefused(f"the {envelope.kind} message is unsound: {error}") from error


def seal(secret: bytes, *, to: bytes) -> str:
    """A secret that only the holder of the private key behind `to` can open."""
    return base64.b64encode(SealedBox(PublicKey(to)).encrypt(secret)).decode()


def unseal(sealed: str, *, key: PrivateKey) -> bytes:
    try:
        return SealedBox(key).decrypt(base64.b64decode(sealed, validate=True))
    except (CryptoError, binascii.Error, ValueError) as error:
        raise MessageRefused(NOT_OURS) from error


def new_key(*, to: bytes) -> tuple[bytes, str]:
    """A key for the secrets of one message, and the same sealed to whoever may open those."""
    key = random(32)
    return key, seal(key, to=to)


def seal_under(key: bytes, secret: bytes, *, place: str) -> str:
    """A secret that opens under the message's key, and in this one place of it."""
    nonce = random(NONCE_BYTES)
    return base64.b64encode(nonce + aead_seal(secret, place.encode(), nonce, key)).decode()


def unseal_under(key: bytes, sealed: str, *, place: str) -> bytes:
    try:
        raw = base64.b64decode(sealed, validate=True)
        return aead_open(raw[NONCE_BYTES:], place.encode(), raw[:NONCE_BYTES], key)
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise MessageRefused(NOT_OURS) from error


def fingerprint(node: str, seal_key: bytes, verify_key: bytes) -> str:
    """What people compare, on the node's host and at the centre, before its keys are trusted."""
    digest = hashlib.sha256(f"ib1|{node}|".encode() + seal_key + verify_key).hexdigest()
    return "-".join(digest[start : start + 4] for start in range(0, 32, 4))


def client_order_id(*, account: str, ticket_id: str, generation: int) -> str:
    """One name per try at a venue; letters and digits only, which every venue takes."""
    cause = f"ib1|{account}|{ticket_id}|{generation}".encode()
    digest = hashlib.sha256(cause).digest()
    return "ib" + base64.b32encode(digest[:15]).decode().lower()
