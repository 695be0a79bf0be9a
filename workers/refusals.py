"""What becomes of a message that is not what it claims to be.

The app names in `message_refuser` who keeps it: the centre a row, a node a file and
a word to the centre. Either way the message counts as done. Where it cannot be
kept, because the database is away, it goes back to its queue.
"""

import hashlib
import logging
import time

from celery import Celery
from celery.utils.imports import symbol_by_name

log = logging.getLogger(__name__)
# Before a message that could not be kept is tried again.
PAUSE_SECONDS = 1.0


class NotKept(Exception):
    """Nobody could keep the message; whoever holds it gives it back."""


def refuse(app: Celery, *, queue: str, reason: str, body: bytes) -> None:
    told = printable(reason)[:500]
    log.warning("refused a message on %s: %s", printable(queue)[:64], told[:200])
    keep = symbol_by_name(app.conf.message_refuser)
    try:
        keep(queue=printable(queue), reason=told, body=body)
    except Exception as error:
        log.error("a refused message is not kept: %r", error)
        time.sleep(PAUSE_SECONDS)
        raise NotKept(str(error)) from error


def printable(text: str) -> str:
    """The text without what a database or a terminal would choke on."""
    known = text.encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in known)


def bytes_of(body: object) -> bytes:
    """A body as it is kept; half a sign is told as what it is."""
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "backslashreplace")


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:64]


def preview(body: bytes) -> str:
    return printable(body[:300].decode("utf-8", "backslashreplace"))[:300]
