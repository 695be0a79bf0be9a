"""The only place where tallies are written: a day at a time, each as its rows have it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction

from apps.tallies.models import Reach, Tally
from apps.tallies.selectors import (
    KEPT,
    Counted,
    changed_days,
    counted,
    first_day,
    kept,
    standing,
    starts_at,
)

# What was begun so long before its row is seen is found by the nightly check alone.
LAG = timedelta(minutes=10)
DAY = timedelta(days=1)


@transaction.atomic
def locked() -> Reach:
    """Nobody else counts until the commit."""
    Reach.objects.get_or_create(pk=1)
    return Reach.objects.select_for_update().get(pk=1)


def catch_up(*, now: datetime) -> Iterator[date]:
    """Count every day that may have changed since the last count, the oldest first.

    Each day is a transaction: whoever is stopped goes on with the next.
    """
    first = first_day()
    until = locked().until or starts_at(first or now.date())
    today = now.date()
    from_day = min((until - LAG).date(), today)
    for day in sorted(changed_days(until - LAG, before=from_day)):
        count_day(day)
        yield day
    day = from_day
    while day <= today:
        with transaction.atomic():
            count_day(day)
            if day == today:
                write(day, standing(), kinds=[Tally.What.EQUITY, Tally.What.DRIFT])
            Reach.objects.filter(pk=1).update(until=min(starts_at(day + DAY), now))
        yield day
        day += DAY


@transaction.atomic
def count_day(day: date) -> None:
    locked()
    write(day, counted(day), kinds=KEPT)


def write(day: date, found: Counted, *, kinds: list[str]) -> None:
    Tally.objects.filter(day=day, what__in=kinds).delete()
    Tally.objects.bulk_create(
        [
            Tally(
                day=day,
                tenant_id=key.tenant,
                what=key.what,
                which=key.which,
                count=count,
                amount=amount,
            )
            for key, (count, amount) in found.items()
        ],
        batch_size=1000,
    )


def wrong_days(*, now: datetime) -> Iterator[tuple[date, list[str]]]:
    """Every day until the last count, each with what of it is other than its rows say."""
    day, last = first_day(), locked().until
    while day and last and day <= min(last, now).date():
        with transaction.atomic():
            # A count in between would be compared with what came after it.
            locked()
            written, true = kept(day), counted(day)
        keys = sorted(written.keys() | true.keys(), key=str)
        yield (
            day,
            [
                f"{key.what} {key.which} of {key.tenant or 'everybody'}: "
                f"{written.get(key)} counted, {true.get(key)} there"
                for key in keys
                if written.get(key) != true.get(key)
            ],
        )
        day += DAY


@transaction.atomic
def forget() -> None:
    """Drop what was counted of rows that are kept: the next count begins with the first day."""
    locked()
    Tally.objects.filter(what__in=KEPT).delete()
    Reach.objects.update(until=None)
