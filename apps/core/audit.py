"""The audit trail: who, what, before, after, from where; chained, so that a change shows.

Each entry's hash covers its content and the hash before it, under a key that is
not in the database. A chain cannot show by itself that its end was cut off together
with its head: `anchors.py` keeps the end of the chain in a file outside the database.
"""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from apps.core.deadlocks import retried
from apps.core.models import AuditEntry, AuditHead


@dataclass(frozen=True, slots=True)
class Actor:
    name: str = "system"
    source: str = ""


PAGE = 2000
NOTHING = "0" * 64
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


def who() -> str:
    """Whose doing it is."""
    return _actor.get().name


def record(action: str, subject, *, before=None, after=None, tenant=None) -> AuditEntry:
    """Append one entry; it commits or rolls back with the change that it tells of.

    Appending locks the end of the chain until the commit: a service records last, after
    it has locked the rows it changes, so that two services cannot wait for each other.
    """
    return record_each(action, [subject], before=before, after=after, tenant=tenant)[0]


@retried
@transaction.atomic
def record_each(
    action: str, subjects: Sequence, *, before=None, after=None, tenant=None
) -> list[AuditEntry]:
    """Append an entry for each of these rows, to all of which the same was done."""
    head = AuditHead.objects.select_for_update().get_or_create(pk=1)[0]
    actor = _actor.get()
    entries = []
    for subject in subjects:
        entry = AuditEntry(
            number=head.number + 1,
            at=timezone.now(),
            actor=actor.name[:100],
            source=actor.source[:64],
            action=action,
            subject=name_of(subject),
            tenant_id=tenant.pk if tenant else getattr(subject, "tenant_id", None),
            before=plain(before),
            after=plain(after),
            previous_hash=head.hash,
        )
        entry.hash = hash_of(entry)
        head.number, head.hash = entry.number, entry.hash
        entries.append(entry)
    AuditEntry.objects.bulk_create(entries)
    head.save(update_fields=["number", "hash"])
    return entries


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

    def __str__(self) -> str:
        return f"entry {self.number}: {self.what}"


def entries(after: int = 0) -> Iterator[AuditEntry]:
    """The trail from its beginning, a page at a time: it may be longer than memory."""
    while page := list(AuditEntry.objects.filter(number__gt=after).order_by("number")[:PAGE]):
        yield from page
        after = page[-1].number


def find_breach(*, watch: Callable[[int], object] = bool) -> Breach | None:
    """The first place where the chain does not hold, or None. Others may append meanwhile."""
    head = AuditHead.objects.filter(pk=1).first() or AuditHead()
    number, previous_hash = 0, NOTHING
    for entry in entries():
        if entry.number != number + 1:
            return Breach(number + 1, "the entry is missing")
        if entry.previous_hash != previous_hash or entry.hash != hash_of(entry):
            return Breach(entry.number, "the entry was changed")
        number, previous_hash = entry.number, entry.hash
        watch(number)
        if number == head.number and previous_hash != head.hash:
            return Breach(number, "the end of the chain does not name this entry")
    if number < head.number:
        return Breach(number + 1, f"entries are missing at the end, up to {head.number}")
    now = AuditHead.objects.filter(pk=1).first() or AuditHead()
    if now.number < number:
        return Breach(now.number + 1, "the end of the chain was set back before this entry")
    return None
