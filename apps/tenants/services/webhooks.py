"""Tenants' servers are told what happened: an event is kept in the transaction that caused it,
with a delivery for every endpoint that listens.

An event is delivered at least once, in no promised order; its id is the same each time.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, Window
from django.db.models.functions import RowNumber

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.core.later import later
from apps.core.states import change_status, move
from apps.core.waits import wait_before_next
from apps.tenants.events import EVENTS, NAMES
from apps.tenants.models import Delivery, Endpoint, Event, Tenant
from apps.tenants.targets import Unreachable, checked_target, post

# Tried again after these many seconds, each wait twice the one before: 25 hours at the least.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30, 3 * 3600
MOST_ATTEMPTS = 17
# What one turn sends, and of that to one endpoint: a slow one holds nobody else up for long.
A_TURN, OF_AN_ENDPOINT = 16, 4
# One turn at a time in a process: while endpoints are slow, its other threads do other work.
TURN = threading.Lock()
# How long a delivery that was taken up is left to whoever took it.
LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
MOST_EVENTS = 50
S = Delivery.Status
SECRET = Endpoint._meta.get_field("secret")


@dataclass(frozen=True, slots=True)
class Opened:
    """An endpoint, and the secret that nobody is told again."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent for a delivery, and what became of it."""

    delivery: Delivery
    url: str
    headers: dict[str, str]
    body: bytes


@retried
@transaction.atomic
def create_endpoint(*, tenant: Tenant, url: str, events: Sequence[str] = ()) -> Opened:
    """Let a tenant's server hear these events, or all of them; its secret is told once."""
    checked_target(url)
    events = checked_events(events)
    secret = secrets.token_hex(32)
    endpoint = Endpoint(tenant=tenant, url=url, events=events)
    SECRET.seal(endpoint, secret)
    endpoint.save()
    audit.record("endpoint.created", endpoint, after={"url": url, "events": events})
    return Opened(endpoint, secret)


@retried
@transaction.atomic
def rotate_endpoint_secret(*, endpoint: Endpoint) -> Opened:
    """A new secret, told once; what is sent from now on is signed with it alone."""
    secret = secrets.token_hex(32)
    SECRET.seal(endpoint, secret)
    endpoint.save(update_fields=["secret"])
    audit.record("endpoint.secret_rotated", endpoint)
    return Opened(endpoint, secret)


def pause_endpoint(*, endpoint: Endpoint) -> None:
    """Keep nothing more for it, and send it nothing until it is resumed."""
    change_status(endpoint, to=Endpoint.Status.PAUSED, action="endpoint.paused")


def resume_endpoint(*, endpoint: Endpoint) -> None:
    change_status(endpoint, to=Endpoint.Status.ACTIVE, action="endpoint.resumed")


def checked_events(events: Sequence[str]) -> list[str]:
    words = [str(event).strip() for event in events]
    if len(words) > MOST_EVENTS:
        raise BadInput(f"an endpoint names at most {MOST_EVENTS} events", field="events")
    for word in words:
        if word not in EVENTS and word not in NAMES:
            noun = word.partition(".")[0]
            known = ", ".join(EVENTS.get(noun, EVENTS))
            raise BadInput(f"{word!r} is no event; known are {known}"[:300], field="events")
    return words


def tell(*, tenant_id: int, name: str, about: dict[str, object]) -> None:
    """Owe an event to a tenant's endpoints; it commits or rolls back with what it tells of.

    `name` is `noun.verb`, as "withdrawal.approved"; `about` is JSON, amounts as text.
    """
    tell_many([Event(tenant_id=tenant_id, name=name, about=about)])


def tell_many(events: Iterable[Event]) -> None:
    """The same for many at once; what nobody listens to is not kept."""
    events = list(events)
    if not events:
        return
    if unknown := {event.name for event in events} - NAMES:
        raise ValueError(f"nobody can ask for {sorted(unknown)}: see apps/tenants/events.py")
    listening = defaultdict(list)
    active = Endpoint.objects.across_tenants().filter(status=Endpoint.Status.ACTIVE)
    for endpoint in active.filter(tenant__in={event.tenant_id for event in events}):
        listening[endpoint.tenant_id].append(endpoint)
    deliveries = [
        Delivery(tenant_id=event.tenant_id, event=event, endpoint=endpoint)
        for event in events
        for endpoint in listening[event.tenant_id]
        if listens(endpoint, event.name)
    ]
    if not deliveries:
        return
    heard = {delivery.event_id for delivery in deliveries}
    Event.objects.across_tenants().bulk_create([event for event in events if event.pk in heard])
    Delivery.objects.across_tenants().bulk_create(deliveries)
    later("tenants.deliver")


def listens(endpoint: Endpoint, name: str) -> bool:
    """Whether an endpoint wants an event: all of them, one noun's, or this one."""
    noun, _dot, _verb = name.partition(".")
    return not endpoint.events or name in endpoint.events or noun in endpoint.events


def deliver(*, now: datetime) -> int:
    """Send what is due, a turn of it; how many were sent, well or not."""
    if not TURN.acquire(blocking=False):
        return 0
    try:
        letters = [letter_of(delivery, now) for delivery in claim(now)]
        with ThreadPoolExecutor(A_TURN) as pool:
            # The threads only send: what came of it is written here.
            for letter, (status, problem) in zip(letters, pool.map(send, letters), strict=True):
                conclude(letter.delivery, status=status, problem=problem, now=now)
    finally:
        TURN.release()
    if letters:
        # Its endpoints may be owed more.
        later("tenants.deliver")
    return len(letters)


@retried
@transaction.atomic
def claim(now: datetime) -> list[Delivery]:
    """Take up what is due, so that no other worker sends it at the same time."""
    due = Delivery.objects.across_tenants().filter(
        Q(next_at=None) | Q(next_at__lte=now),
        status=S.WAITING,
        endpoint__status=Endpoint.Status.ACTIVE,
    )
    turn = Window(RowNumber(), partition_by="endpoint", order_by=["next_at", "pk"])
    # Each endpoint's first before any's second, and drawn: no few can be ahead for ever.
    fair = due.annotate(turn=turn).filter(turn__lte=OF_AN_ENDPOINT).order_by("turn", "?")
    keys = [delivery.pk for delivery in fair[:A_TURN]]
    locked = due.filter(pk__in=keys).select_for_update(skip_locked=True).order_by("pk")
    keys = [delivery.pk for delivery in locked]
    Delivery.objects.across_tenants().filter(pk__in=keys).update(next_at=now + LEASE)
    found = Delivery.objects.across_tenants().filter(pk__in=keys)
    return list(found.select_related("event", "endpoint").order_by("pk"))


def letter_of(delivery: Delivery, now: datetime) -> Letter:
    event, endpoint = delivery.event, delivery.endpoint
    body = json.dumps(
        {
            "id": str(event.pk),
            "event": event.name,
            "at": event.created_at.isoformat(),
            "about": event.about,
        }
    ).encode()
    secret = SECRET.unseal(endpoint)
    at = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "IronBull-Webhooks/1",
        "Webhook-Id": str(event.pk),
        "Webhook-Timestamp": at,
        "Webhook-Signature": signature(secret, event_id=str(event.pk), at=at, body=body),
    }
    return Letter(delivery, endpoint.url, headers, body)


def signature(secret: str, *, event_id: str, at: str, body: bytes) -> str:
    signed = f"{event_id}.{at}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def send(letter: Letter) -> tuple[int | None, str]:
    """The status answered and what was wrong with it, if anything."""
    try:
        status, _words = post(letter.url, headers=letter.headers, body=letter.body)
    except Unreachable as error:
        return None, str(error)
    return status, "" if 200 <= status < 300 else f"answered {status}"


@retried
@transaction.atomic
def conclude(delivery: Delivery, *, status: int | None, problem: str, now: datetime) -> None:
    """Write down what came of a try: delivered, to be tried again, or given up."""
    rows = Delivery.objects.across_tenants().filter(pk=delivery.pk, status=S.WAITING)
    told = {"attempts": delivery.attempts + 1, "answered": status, "problem": problem[:300]}
    if not problem:
        rows.update(status=S.DELIVERED, delivered_at=now, next_at=None, **told)
    elif told["attempts"] >= MOST_ATTEMPTS:
        rows.update(status=S.DEAD, next_at=None, **told)
    else:
        wait = wait_before_next(
            delivery.attempts,
            first_seconds=FIRST_WAIT_SECONDS,
            longest_seconds=LONGEST_WAIT_SECONDS,
        )
        rows.update(next_at=now + wait, **told)
    if status is None:
        # Nobody there: what else it is owed does not take everybody's time now.
        soon = now + timedelta(seconds=FIRST_WAIT_SECONDS)
        others = Delivery.objects.across_tenants().filter(
            Q(next_at=None) | Q(next_at__lt=soon), endpoint=delivery.endpoint_id, status=S.WAITING
        )
        others.update(next_at=soon)


@retried
@transaction.atomic
def replay_delivery(*, delivery: Delivery) -> None:
    """Send it again, given up or delivered, as if it had never been tried."""
    before = delivery.status
    move(
        delivery,
        to=S.WAITING,
        allowed=Delivery.MOVES,
        attempts=0,
        next_at=None,
        problem="",
        answered=None,
        delivered_at=None,
    )
    audit.record("delivery.replayed", delivery, before={"status": before})
    later("tenants.deliver")


@retried
@transaction.atomic
def prune_webhooks(*, now: datetime) -> int:
    """Forget what was delivered long ago; what was given up stays until somebody has looked."""
    old = Delivery.objects.across_tenants().filter(status=S.DELIVERED, delivered_at__lt=now - KEPT)
    count, _by_model = old.delete()
    Event.objects.across_tenants().filter(deliveries=None, created_at__lt=now - KEPT).delete()
    return count
