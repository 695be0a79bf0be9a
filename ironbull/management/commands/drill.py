"""A small round trip with real money at a real venue, or with play money at the paper exchange.

The keys come from the environment: DRILL_API_KEY, DRILL_API_SECRET and DRILL_PASSPHRASE. An account
that is bound here is not drilled with: what it holds would differ from the books.
"""

import os
import re
import signal
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.errors import BadInput
from apps.venues.credentials import Credentials, check
from engine.errors import EngineError
from engine.messages import Margin
from engine.signal import Direction
from engine.venues import DIALECTS, open_venue
from engine.venues.drill import Drill

PAPER = re.compile(r"http://127\.0\.0\.1:[1-9][0-9]{0,4}")
# It is a small round trip, and a real one.
LONGEST_DELAY = 3600
LARGEST_NOTIONAL = 100_000
SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")


class Command(HouseCommand):
    help = "Open, protect and close a small position at a venue; tells each request's outcome."
    subject = Subject.NODES
    examples = """
        drill --venue gate --dry-run
        drill --venue binance --notional 10 --dual --real --yes
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--venue", required=True, choices=sorted(DIALECTS))
        parser.add_argument("--symbol", default="BTC/USDT")
        parser.add_argument("--notional", default="10", help="in USDT, of each direction")
        parser.add_argument("--leverage", type=int, default=2)
        parser.add_argument("--isolated", action="store_true", help="isolated margin, not cross")
        parser.add_argument(
            "--dual", action="store_true", help="long and short; puts the account in hedge mode"
        )
        parser.add_argument(
            "--delay", type=int, default=0, metavar="SECONDS", help="before it closes"
        )
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--stop-target-only", action="store_true", help="only protect what is held"
        )
        instead.add_argument("--close", action="store_true", help="only close what is held")
        instead.add_argument("--cancel-orders", action="store_true", help="only cancel our orders")
        instead.add_argument("--dry-run", action="store_true", help="only ask questions")
        parser.add_argument("--paper", metavar="URL", help="trade at this paper exchange instead")
        parser.add_argument("--real", action="store_true", help="this is real money")
        parser.add_argument("--yes", action="store_true", help="this is meant")
        add_json(parser)

    def handle(self, *, venue, symbol, notional, leverage, paper, delay, **asked):
        refuse_odd(symbol=symbol, leverage=leverage, paper=paper, delay=delay)
        if not asked["dry_run"] and not (asked["yes"] and (asked["real"] or paper)):
            raise CommandError("it places orders: say --real --yes (at the paper exchange, --yes)")
        worth = amount(notional)
        drill = Drill(
            name=venue,
            venue=opened(venue, paper),
            symbol=symbol,
            tell=lambda step: self.say(f"{step.request}: {step.outcome}"),
            notional=worth,
            leverage=leverage,
            margin=Margin.ISOLATED if asked["isolated"] else Margin.CROSS,
            dual=asked["dual"],
        )
        left = []
        try:
            with stopped_like_ctrl_c():
                self.run(drill, delay, **asked)
        except EngineError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:
            raise CommandError("stopped before its end") from None
        finally:
            left = self.tell_all(drill)
        if left and not asked["dry_run"] and not asked["stop_target_only"]:
            raise CommandError(f"left open at {venue}: {'; '.join(left)}")
        if not all(step.is_good for step in drill.steps):
            raise CommandError("not every request was answered as it should be: see above")

    def run(
        self, drill, delay, *, dual, stop_target_only, close, cancel_orders, dry_run, **_others
    ):
        drill.look()
        if stop_target_only:
            drill.protect()
        elif close:
            drill.close()
        elif cancel_orders:
            drill.cancel_orders()
        elif not dry_run:
            directions = list(Direction) if dual else [Direction.LONG]
            drill.round_trip(directions, delay_seconds=delay)

    def tell_all(self, drill):
        """The table of what was asked, and what is at the venue now."""
        lines = [[step.request, step.outcome] for step in drill.steps]
        self.say("")
        self.tell(["request", "outcome"], lines)
        try:
            left = drill.left()
        except EngineError as error:
            left = [f"nobody knows what: {error.message}"]
        self.say(f"At {drill.name} now: {'; '.join(left) or 'nothing'}")
        return left


@contextmanager
def stopped_like_ctrl_c():
    """Whatever stops it, a terminal that is shut too, what was opened is closed."""
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refuse_odd(*, symbol, leverage, paper, delay):
    if not SYMBOL.fullmatch(symbol):
        raise CommandError(f"--symbol: {symbol} is no symbol, as in BTC/USDT")
    if not 1 <= leverage <= 125:
        raise CommandError("--leverage: 1 to 125")
    if not 0 <= delay <= LONGEST_DELAY:
        raise CommandError(f"--delay: 0 to {LONGEST_DELAY} seconds")
    if paper and not PAPER.fullmatch(paper):
        raise CommandError("--paper: an address of this host, as in http://127.0.0.1:9000")


def amount(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not (value.is_finite() and 0 < value <= LARGEST_NOTIONAL):
        raise CommandError(f"--notional: {text} is no amount above zero, up to {LARGEST_NOTIONAL}")
    return value


def opened(venue, paper):
    names = ("DRILL_API_KEY", "DRILL_API_SECRET", "DRILL_PASSPHRASE")
    credentials = Credentials(*(os.environ.get(name, "") for name in names))
    try:
        check(credentials, venue=venue)
        return open_venue(venue, credentials, base_url=paper)
    except BadInput as refused:
        raise CommandError(f"DRILL_{refused.context['field'].upper()}: {refused.message}") from None
    except EngineError as refused:
        raise CommandError(refused.message) from None
    except ImportError as missing:
        raise CommandError(f"a node's libraries are not installed here: {missing.name}") from None
