"""Have accounts read back from their venues, now, and show what differs from the books.

It asks through the accounts' nodes and waits for their answers. Nothing is traded
and no book is changed: a difference is shown here, on the account's page, and stops
the account from opening until it is gone or a person clears it.
"""

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from apps.orders.services import ask_states
from engine.messages import number
from ironbull.management.reading import add_choice, answered, chosen_accounts, is_silent

HEADINGS = ["account", "venue", "member", "equity", "state"]


class Command(HouseCommand):
    help = "Read venue accounts back through their nodes and compare them with the books."
    subject = Subject.NODES
    examples = """
        reconcile
        reconcile --account 17 --wait 60 --json
    """

    def add_arguments(self, parser):
        add_choice(parser)
        add_json(parser)

    def handle(self, *, account, venue, wait, **options):
        rows = chosen_accounts(account, venue)
        chosen = list(rows.values_list("pk", flat=True))
        asked_at = timezone.now()
        asked = ask_states(now=asked_at, account_ids=chosen)
        self.say(f"Asked for {asked} of {len(chosen)} accounts, through their nodes.")
        told = answered(rows, asked_at, seconds=wait if asked else 0, say=self.say)
        self.tell_states(told, asked_at)

    def tell_states(self, rows, asked_at):
        lines = [
            [row.pk, row.venue, row.member.email, number(row.equity), state_of(row, asked_at)]
            for row in rows
        ]
        self.tell(HEADINGS, lines)
        drifting = [row for row in rows if row.drift]
        silent = [row for row in rows if is_silent(row, asked_at) or row.read_error]
        if drifting or silent:
            raise CommandError(f"{len(drifting)} drift, {len(silent)} could not be read")


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
