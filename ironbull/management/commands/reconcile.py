"""Have accounts read back from their venues, now, and show what differs from the books.

It asks through the accounts' nodes and waits for their answers. Nothing is traded
and no book is changed: a difference is shown here, on the account's page, and stops
the account from opening until it is gone or a person clears it.
"""

import time

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.orders.services import ask_states
from apps.venues.models import Venue, VenueAccount
from engine.messages import number

LOOK_EVERY_SECONDS = 0.5


class Command(BaseCommand):
    help = "Read venue accounts back through their nodes and compare them with the books."

    def add_arguments(self, parser):
        parser.add_argument("--account", type=int, action="append", help="only this one; repeat")
        parser.add_argument("--venue", choices=Venue.values)
        parser.add_argument(
            "--wait", type=int, default=30, metavar="SECONDS", help="for the nodes' answers"
        )

    def handle(self, *, account, venue, wait, **options):
        rows = VenueAccount.objects.across_tenants().exclude(key_hint="")
        rows = rows.select_related("member", "node").order_by("pk")
        if account:
            rows = rows.filter(pk__in=account)
        if venue:
            rows = rows.filter(venue=venue)
        chosen = list(rows.values_list("pk", flat=True))
        if not chosen or (account and len(chosen) < len(set(account))):
            raise CommandError("there is no such account with keys")
        asked_at = timezone.now()
        asked = ask_states(now=asked_at, account_ids=chosen)
        self.stdout.write(f"Asked for {asked} of {len(chosen)} accounts, through their nodes.")
        self.wait(rows, asked_at, wait if asked else 0)
        self.tell(list(rows), asked_at)

    def wait(self, rows, asked_at, seconds):
        ends_at = time.monotonic() + seconds
        while any(is_silent(row, asked_at) for row in rows.all()) and time.monotonic() < ends_at:
            time.sleep(LOOK_EVERY_SECONDS)

    def tell(self, rows, asked_at):
        self.stdout.write(f"{'account':>8}  {'venue':12} {'member':28} {'equity':>16}  state")
        for row in rows:
            self.stdout.write(
                f"{row.pk:>8}  {row.venue:12} {row.member.email[:28]:28} "
                f"{number(row.equity):>16}  {state_of(row, asked_at)}"
            )
        drifting = [row for row in rows if row.drift]
        silent = [row for row in rows if is_silent(row, asked_at) or row.read_error]
        if drifting or silent:
            raise CommandError(f"{len(drifting)} drift, {len(silent)} could not be read")


def is_silent(row, asked_at):
    """Whether the answer to this asking is not known yet; an error is an answer."""
    if row.read_error and row.asked_at and row.asked_at >= asked_at:
        return False
    # The node tells the moment in whole milliseconds.
    return row.read_at is None or row.read_at < asked_at.replace(
        microsecond=asked_at.microsecond // 1000 * 1000
    )


def state_of(row, asked_at):
    if is_silent(row, asked_at):
        return f"no answer; is node {row.node} alive?" if row.node else "no node holds it"
    if row.read_error:
        return f"not read: {row.read_error}"
    if not row.drift:
        return "as the books say"
    told = "; ".join(
        f"{side}: {at_venue} at the venue, {in_books} in the books"
        for side, (at_venue, in_books) in row.drift.items()
    )
    return f"{told}{'' if row.is_drifting else ' (cleared)'}"
