"""The outbox: a notice is owed with the alert that it tells of, and sent until it arrives."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.states import move
from apps.core.waits import wait_before_next
from apps.monitoring.models import Alert, Channel, Notice
from apps.monitoring.senders import Letter, NotSent, letter_of, send

S = Notice.Status
A_TURN = 16
LEASE = timedelta(seconds=60)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5, 900
MOST_ATTEMPTS = 20
KEPT = timedelta(days=180)


def owe(*, alert: Alert, kind: str, channels: Iterable[Channel]) -> None:
    """One notice of a kind for each channel, however often this is asked."""
    Notice.objects.bulk_create(
        [Notice(alert=alert, channel=channel, kind=kind) for channel in channels],
        ignore_conflicts=True,
    )


def deliver(*, now: datetime) -> int:
    """Send what is due; how many were tried."""
    letters = [(notice, letter_of(notice, now)) for notice in claim(now)]
    if not letters:
        return 0
    with ThreadPoolExecutor(A_TURN) as pool:
        # The threads only send: what came of it is written here.
        problems = list(pool.map(lambda one: problem_of(one[1]), letters))
    for (notice, _letter), problem in zip(letters, problems, strict=True):
        conclude(notice, problem=problem, now=now)
    return len(letters)


def problem_of(letter: Letter) -> str:
    try:
        send(letter)
    except NotSent as error:
        return str(error) or "it was not taken"
    return ""


@retried
@transaction.atomic
def claim(now: datetime) -> list[Notice]:
    """Take up what is due, so that no other process sends it at the same time.

    That something is over is not told before that it began.
    """
    due = Notice.objects.filter(Q(next_at=None) | Q(next_at__lte=now), status=S.WAITING)
    active = list(Channel.objects.filter(status=Channel.Status.ACTIVE).values_list("pk", flat=True))
    due = due.filter(channel__in=active).order_by("pk")
    locked = due.select_for_update(skip_locked=True)[: A_TURN * 4]
    begun = Notice.objects.filter(status=S.WAITING).exclude(kind=Notice.Kind.RESOLVED)
    waiting = set(begun.values_list("alert_id", "channel_id"))
    keys = [
        notice.pk
        for notice in locked
        if notice.kind != Notice.Kind.RESOLVED
        or (notice.alert_id, notice.channel_id) not in waiting
    ][:A_TURN]
    Notice.objects.filter(pk__in=keys).update(next_at=now + LEASE)
    found = Notice.objects.filter(pk__in=keys).select_related("alert__rule", "channel")
    return list(found.order_by("pk"))


@retried
@transaction.atomic
def conclude(notice: Notice, *, problem: str, now: datetime) -> None:
    rows = Notice.objects.filter(pk=notice.pk, status=S.WAITING)
    told = {"attempts": notice.attempts + 1, "problem": problem[:300]}
    if not problem:
        rows.update(status=S.DELIVERED, delivered_at=now, next_at=None, **told)
    elif told["attempts"] >= MOST_ATTEMPTS:
        rows.update(status=S.DEAD, next_at=None, **told)
    else:
        wait = wait_before_next(
            notice.attempts, first_seconds=FIRST_WAIT_SECONDS, longest_seconds=LONGEST_WAIT_SECONDS
        )
        rows.update(next_at=now + wait, **told)


@retried
@transaction.atomic
def send_again(*, notice: Notice) -> None:
    """Try one that was given up as if it had never been tried."""
    move(notice, to=S.WAITING, allowed=Notice.MOVES, attempts=0, next_at=None, problem="")
    audit.record("alert_notice.sent_again", notice)


@retried
@transaction.atomic
def prune_alerts(*, now: datetime) -> int:
    """Forget what is over for long."""
    old = Alert.objects.filter(created_at__lt=now - KEPT).exclude(status__in=Alert.OPEN)
    keys = list(old.values_list("pk", flat=True)[:10_000])
    Notice.objects.filter(alert__in=keys).delete()
    return Alert.objects.filter(pk__in=keys).delete()[0]
