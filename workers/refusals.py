"""What becomes of a message that is not what it claims to be.

The app names in `message_refuser` who keeps it: the centre a row, a node a file and
a word to the centre. Either way the message counts as done.
"""

import hashlib

from celery import Celery
from celery.utils.imports import symbol_by_name


def refuse(app: Celery, *, queue: str, reason: str, body: bytes) -> None:
    symbol_by_name(app.conf.message_refuser)(queue=queue, reason=reason[:500], body=body)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:64]


def preview(body: bytes) -> str:
    return body[:300].decode("utf-8", "backslashreplace")[:300]
