"""Verbs that belong to no noun."""

import hashlib

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.core.deadlocks import retried
from apps.core.models import RefusedMessage


def refuse_message(*, queue: str, reason: str, body: bytes) -> None:
    """Keep a message that was refused, once per content, and count how often it came."""
    keep_refusal(
        queue=queue,
        reason=reason,
        digest=hashlib.sha256(body).hexdigest(),
        preview=body[:300].decode("utf-8", "backslashreplace")[:300],
    )


@retried
def keep_refusal(*, queue: str, reason: str, digest: str, preview: str) -> None:
    if seen_again(digest):
        return
    try:
        with transaction.atomic():
            RefusedMessage.objects.create(
                queue=queue[:64], reason=reason[:500], digest=digest, preview=preview[:300]
            )
    except IntegrityError:
        seen_again(digest)


def seen_again(digest: str) -> bool:
    kept = RefusedMessage.objects.filter(digest=digest)
    return bool(kept.update(times=F("times") + 1, last_seen_at=timezone.now()))
