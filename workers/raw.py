"""A message as it lies at the broker, before anybody believes a word of it.

Whatever can be pushed onto a queue comes out of here as something that kombu can
carry to the consumer. What is no message is wrapped into one that says so, and the
consumer refuses it with that reason.
"""

import base64
import uuid
from typing import Any, Literal

import msgspec
from kombu.utils.json import dumps, loads

UNREADABLE = "application/x-unreadable"
# Deep nesting exhausts the parser's stack; kombu's own types fail in any of the other ways.
UNSOUND = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Place(msgspec.Struct):
    exchange: str
    routing_key: str


class Properties(msgspec.Struct):
    delivery_tag: str
    delivery_info: Place
    body_encoding: Literal["base64"] | None = None
    priority: int | None = None


class Raw(msgspec.Struct):
    """What kombu needs to find in a message; what else it carries is of no interest here."""

    properties: Properties
    body: str
    headers: dict[str, Any] | None = None
    content_type: str | None = msgspec.field(name="content-type", default=None)
    content_encoding: str | None = msgspec.field(name="content-encoding", default=None)


def read(item: bytes | str, *, queue: str) -> dict[str, Any]:
    """The message that was taken from the queue, or one that tells why it is none."""
    try:
        message: dict[str, Any] = loads(item.decode() if isinstance(item, bytes) else item)
        sound = msgspec.convert(message, Raw)
        if "compression" in (sound.headers or {}):
            raise ValueError("a compressed body is not unpacked here")
        if sound.properties.body_encoding:
            base64.b64decode(sound.body, validate=True)
    except UNSOUND as error:
        return wrapped(item, reason=f"no message: {error}", queue=queue)
    message["headers"] = sound.headers or {}
    # Where it was taken from is known; where it claims to be from does not matter.
    message["properties"]["delivery_info"] |= {"exchange": "", "routing_key": queue}
    return message


def wrapped(item: bytes | str, *, reason: str, queue: str) -> dict[str, Any]:
    content = item if isinstance(item, bytes) else item.encode("utf-8", "backslashreplace")
    return {
        "body": base64.b64encode(content).decode(),
        "content-type": UNREADABLE,
        "content-encoding": "binary",
        "headers": {"reason": reason.encode("ascii", "backslashreplace").decode()},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
        },
    }


def packed(message: dict[str, Any]) -> bytes:
    """The message as bytes again, for a transport that wants to parse it by itself."""
    text: str = dumps(message)
    return text.encode()
