"""What the venues say of accounts and their keys, asked now through the accounts' nodes.

Nothing is placed and nothing is changed. The margin mode is told of what is held: an opening
order brings its own.
"""

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json, records
from apps.orders.services import ask_states
from apps.venues.models import Instrument
from engine.messages import number
from ironbull.management.reading import add_choice, answered, chosen_accounts, is_silent

HEADINGS = [
    *("account", "venue", "node", "trades", "withdraws", "positions", "margin", "clock ms"),
    "state",
]
MINIMUMS = ["venue", "symbol", "tick", "step", "minimum", "minimum notional", "last price"]
TOLD = {True: "yes", False: "no", None: "not told"}
MODES = {True: "hedged", False: "one-way", None: "not told"}


class Command(HouseCommand):
    help = "Check keys, modes, clock and minimums of venue accounts, through their nodes."
    subject = Subject.NODES
    examples = """
        venue_check --account 17
        venue_check --venue okx --json
    """

    def add_arguments(self, parser):
        add_choice(parser)
        add_json(parser)

    def handle(self, *, account, venue, wait, **options):
        rows = chosen_accounts(account, venue)
        asked_at = timezone.now()
        chosen = list(rows.values_list("pk", flat=True))
        asked = ask_states(now=asked_at, account_ids=chosen, with_rights=True)
        self.say(f"Asked for {asked} of {len(chosen)} accounts, through their nodes.")
        told = answered(rows, asked_at, seconds=wait if asked else 0, say=self.say)
        states = [state_of(row, asked_at) for row in told]
        lines = [[*line(row), state] for row, state in zip(told, states, strict=True)]
        least = minimums({row.venue for row in told})
        if self.as_json:
            named = {"accounts": (HEADINGS, lines), "minimums": (MINIMUMS, least)}
            self.tell_json({name: records(*rows) for name, rows in named.items()})
        else:
            self.tell(HEADINGS, lines)
            self.say("")
            self.tell(MINIMUMS, least)
        unfit = sum(state != "fit" for state in states)
        if unfit:
            raise CommandError(f"{unfit} of {len(told)} accounts are not fit to trade")


def line(row):
    return [
        row.pk,
        row.venue,
        row.node.code if row.node else "",
        TOLD[row.can_trade],
        TOLD[row.can_withdraw],
        MODES[row.is_hedged],
        " ".join(f"{side}:{mode}" for side, mode in row.margins.items()),
        "" if row.clock_offset_ms is None else row.clock_offset_ms,
    ]


def state_of(row, asked_at):
    if is_silent(row, asked_at):
        return "no answer" if row.node else "no node holds it"
    return row.read_error or row.check_error or row.key_refusal or "fit"


def minimums(venues):
    return [
        [
            *(row.venue, row.symbol),
            *map(number, (row.tick, row.step, row.min_quantity, row.min_notional)),
            "" if row.last_price is None else number(row.last_price),
        ]
        for row in Instrument.objects.filter(venue__in=venues).order_by("venue", "symbol")
    ]
