"""Close positions at the market: shows which, asks, sends a ticket for each, and waits for its end.

Each is a ticket like any other: the centre's workers and the accounts' nodes have to run.
"""

import time
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json, table
from apps.core.errors import DomainError
from apps.orders.models import Ticket
from apps.orders.services import Part, close_positions, draft_close
from apps.positions.selectors import held
from engine.messages import number
from engine.order import OrderStatus
from ironbull.management.asking import confirm, tenant_named
from ironbull.management.reading import seconds

LOOK_EVERY_SECONDS = 0.5
HEADINGS = ["account", "venue", "member", "symbol", "direction", "quantity", "state"]


class Command(HouseCommand):
    help = "Close open positions of a tenant, a member, an account or a symbol."
    subject = Subject.TRADE
    examples = """
        close_positions --tenant Acme --dry-run --json
        close_positions --account 17 --symbol BTC/USDT --share 50
    """

    def add_arguments(self, parser):
        parser.add_argument("--tenant", help="its id or its name")
        parser.add_argument("--member", help="an e-mail")
        parser.add_argument("--account", type=int, action="append", help="its id; repeat")
        parser.add_argument("--symbol", help="as in BTC/USDT")
        parser.add_argument("--all", action="store_true", help="without any of those: everything")
        parser.add_argument(
            "--share",
            type=share,
            metavar="PERCENT",
            help="of each position; without it, all of it",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="show, and close nothing")
        parser.add_argument(
            "--wait",
            type=seconds,
            default=60,
            metavar="SECONDS",
            help="for the ends of the tickets",
        )
        add_json(parser)

    def handle(self, *, tenant, member, account, symbol, share, yes, dry_run, wait, **options):
        part = Part(share_percent=share)
        which = {
            name: value
            for name, value in (
                ("venue_account__member__email", member),
                ("venue_account__in", account),
                ("symbol", symbol),
            )
            if value
        }
        if bool(which or tenant) == options["all"]:
            raise CommandError("name --tenant, --member, --account or --symbol; or else --all")
        chosen = list(held(tenant_named(tenant) if tenant else None, **which))
        if not chosen:
            raise CommandError("there is no such open position")
        told = [[*about(row), would_be(row, part)] for row in chosen]
        if dry_run:
            self.tell(HEADINGS, told)
            return
        self.say(table(HEADINGS, told))
        how = f"{number(share)}% of {len(chosen)}" if share else str(len(chosen))
        confirm(self, f"{how} positions will be closed at the market.", yes=yes)
        with acting("manage.py close_positions"):
            closings = close_positions(positions=chosen, now=timezone.now(), part=part)
        self.wait([one.ticket.pk for one in closings if one.ticket], wait)
        self.tell_ends(closings)

    def wait(self, keys, seconds):
        ends_at = time.monotonic() + seconds
        waiting = Ticket.objects.across_tenants().filter(pk__in=keys, status__in=Ticket.IN_FLIGHT)
        left = len(keys)
        while left and time.monotonic() < ends_at:
            time.sleep(LOOK_EVERY_SECONDS)
            if (now_left := waiting.count()) != left:
                left = now_left
                self.say(f"{len(keys) - left} of {len(keys)} are done")

    def tell_ends(self, closings):
        ends = [end_of(one) for one in closings]
        lines = [[*about(one.position), end] for one, end in zip(closings, ends, strict=True)]
        self.tell(HEADINGS, lines)
        open_still = sum(not end.startswith("closed") for end in ends)
        if open_still:
            raise CommandError(f"{open_still} of {len(ends)} are not closed: see above")


def about(position):
    account = position.venue_account
    return [
        account.pk,
        account.venue,
        account.member.email,
        position.symbol,
        position.direction,
        number(position.quantity),
    ]


def would_be(position, part):
    try:
        draft = draft_close(position=position, now=timezone.now(), part=part)
    except DomainError as refused:
        return f"refused: {refused.message}"
    is_whole = draft.quantity == position.quantity
    return "to be closed" if is_whole else f"{number(draft.quantity)} to be closed"


def share(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is no number") from None
    if not (value.is_finite() and 0 < value <= 100):
        raise ArgumentTypeError(f"{text} is no share: above 0, and at most 100")
    return value


def end_of(closing):
    if closing.ticket is None:
        return f"refused: {closing.refused_because}"
    ticket = Ticket.objects.across_tenants().get(pk=closing.ticket.pk)
    order = ticket.orders.order_by("-generation").first()
    if order.status == OrderStatus.FILLED:
        return f"closed at {number(order.average_price)}"
    if order.filled:
        return f"{number(order.filled)} of {number(order.quantity)} closed: {order.reason}"
    return f"{ticket.status}: {order.reason}" if order.reason else ticket.status
