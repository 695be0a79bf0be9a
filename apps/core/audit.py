"""The audit trail: who, what, before, after, from where; chained, so that a change shows.

Each entry's hash covers its content and the hash before it, under a key that is
not in the database.
"""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from apps.core.models import AuditEntry, AuditHead


@dataclass(frozen=True, slots=True)
class Actor:
    name: str = "system"
    source: str = ""


SYSTEM = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


@contextlib.contextmanager
def acting(name: str, *, source: str = "") -> Iterator[None]:
    """Everything recorded inside is this actor's doing."""
    token = _actor.set(Actor(name, source))
    try:
        yield
    finally:
        _actor.reset(token)


@transaction.atomic
def record(action: str, subject, *, before=None, after=None, tenant=None) -> AuditEntry:
    """Append one entry; it commits or rolls back with the change that it tells of."""
    head = AuditHead.objects.select_for_update().get_or_create(pk=1)[0]
    actor = _actor.get()
    entry = AuditEntry(
        number=head.number + 1,
        at=timezone.now(),
        actor=actor.name,
        source=actor.source,
        action=action,
        subject=name_of(subject),
        tenant=tenant or getattr(subject, "tenant", None),
        before=plain(before),
        after=plain(after),
        previous_hash=head.hash,
    )
    entry.hash = hash_of(entry)
    entry.save(force_insert=True)
    AuditHead.objects.filter(pk=head.pk).update(number=entry.number, hash=entry.hash)
    return entry


def name_of(subject) -> str:
    return subject if isinstance(subject, str) else f"{subject._meta.label_lower}:{subject.pk}"


def plain(value):
    """The value as the database will give it back, so that its hash can be recomputed."""
    return None if value is None else json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def hash_of(entry: AuditEntry) -> str:
    content = json.dumps(
        [
            entry.number,
            # Microseconds travel through every database; a time zone does not.
            entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
            entry.actor,
            entry.source,
            entry.action,
            entry.subject,
            entry.tenant_id,
            entry.before,
            entry.after,
            entry.previous_hash,
        ],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hmac.new(settings.AUDIT_KEY, content.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Breach:
    number: int
    what: str


def find_breach() -> Breach | None:
    """The first place where the chain does not hold, or None."""
    expected_number, previous_hash = 1, "0" * 64
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=2000):
        if entry.number != expected_number:
            return Breach(expected_number, "the entry is missing")
        if entry.previous_hash != previous_hash or entry.hash != hash_of(entry):
            return Breach(entry.number, "the entry was changed")
        expected_number, previous_hash = entry.number + 1, entry.hash
    head = AuditHead.objects.filter(pk=1).first()
    told = head.number if head else 0
    if told != expected_number - 1 or (head and head.hash != previous_hash):
        return Breach(expected_number, "entries are missing at the end")
    return None
