"""How commands have accounts read back through their nodes, and wait for the answers."""

import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import datetime

from django.core.management.base import CommandError
from django.db.models import QuerySet

from apps.venues.models import Venue, VenueAccount

LOOK_EVERY_SECONDS = 0.5
LONGEST_WAIT = 86_400


def add_choice(parser) -> None:
    parser.add_argument("--account", type=int, action="append", help="only this one; repeat")
    parser.add_argument("--venue", choices=Venue.values)
    parser.add_argument(
        "--wait", type=seconds, default=30, metavar="SECONDS", help="for the nodes' answers"
    )


def seconds(text: str) -> int:
    """How long a command may wait: nothing at all, and at most a day."""
    if not (text.isdecimal() and int(text) <= LONGEST_WAIT):
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {LONGEST_WAIT}")
    return int(text)


def chosen_accounts(account: list[int] | None, venue: str | None) -> QuerySet[VenueAccount]:
    """Accounts with keys, or those named; one that is not there is refused."""
    rows = VenueAccount.objects.across_tenants().exclude(key_hint="")
    rows = rows.select_related("member", "node").order_by("pk")
    if account:
        rows = rows.filter(pk__in=account)
    if venue:
        rows = rows.filter(venue=venue)
    if rows.count() < len(set(account or [0])):
        raise CommandError("there is no such account with keys")
    return rows


def answered(
    rows: QuerySet[VenueAccount], asked_at: datetime, *, seconds: int, say: Callable[[str], object]
) -> list[VenueAccount]:
    """The accounts once every one of them was told of, or after so long."""
    ends_at = time.monotonic() + seconds
    before = None
    while True:
        told = list(rows.all())
        silent = sum(is_silent(row, asked_at) for row in told)
        if silent != before:
            say(f"{len(told) - silent} of {len(told)} have answered")
            before = silent
        if not silent or time.monotonic() >= ends_at:
            return told
        time.sleep(LOOK_EVERY_SECONDS)


def is_silent(row, asked_at):
    """Whether the answer to this asking is not known yet; an error is an answer."""
    if row.read_error and row.asked_at and row.asked_at >= asked_at:
        return False
    # The node tells the moment in whole milliseconds.
    return row.read_at is None or row.read_at < asked_at.replace(
        microsecond=asked_at.microsecond // 1000 * 1000
    )
