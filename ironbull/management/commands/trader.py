"""`manage.py trader …`: AI traders made, commanded, replayed, taken out and in.

trader list
trader create FILE --account 7       a trader as a JSON file tells it
trader start CODE                    also stop, pause and decide-now
trader replay CODE                   its records, read and judged again; 1 where they differ
trader export CODE FILE
trader import FILE --account 7       with all that it has decided
trader compare DUEL                  two prompts, and how sure their difference is
"""

from itertools import islice
from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json
from apps.traders import services
from apps.traders.models import Duel, Trader
from apps.traders.selectors import Arm, books_of, compared, head_of, journal_of
from apps.venues.models import VenueAccount
from engine.deciding.errors import ChangedRecord
from engine.deciding.journal import read
from engine.deciding.record import Decided, replay
from engine.messages import number
from engine.report.bootstrap import LEAST

HEADINGS = [
    *("trader", "tenant", "account", "state", "decisions", "equity", "holds", "spent today"),
    "because",
]
VERBS = {
    "start": services.start_trader,
    "stop": services.stop_trader,
    "pause": services.pause_trader,
    "decide-now": services.decide_now,
}


class Command(HouseCommand):
    help = "Make, command, replay, export and import AI traders."
    subject = Subject.TRADE
    examples = """
        trader list --json
        trader create trader.json --account 7
        trader start momentum
        trader replay momentum --limit 100
        trader compare short-or-long
        trader export momentum momentum.json
    """

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="verb", required=True)
        commands.add_parser("list", help="every trader, and how it does")
        for name, text in (
            ("start", "have it decide from now on"),
            ("stop", "have it decide nothing; what it holds stays"),
            ("pause", "the same, for a while"),
            ("decide-now", "make it due at once"),
            ("replay", "read and judge its recorded answers again"),
            ("export", "write it with its whole record into a file"),
        ):
            one = commands.add_parser(name, help=text)
            one.add_argument("trader", help="its code")
            if name == "replay":
                one.add_argument("--limit", type=int, help="the last so many records")
            if name == "export":
                one.add_argument("file", type=Path)
        one = commands.add_parser("compare", help="two prompts, and how sure their difference is")
        one.add_argument("duel", help="its name")
        for name, text in (("create", "as a file tells it"), ("import", "and its whole record")):
            one = commands.add_parser(name, help=text)
            one.add_argument("file", type=Path)
            one.add_argument("--account", type=int, required=True, help="a venue account's number")
        for verb in commands.choices.values():
            add_json(verb)

    def handle(self, *, verb, **options):
        try:
            with acting("manage.py trader"):
                self.do(verb, options)
        except OSError as error:
            raise CommandError(str(error)) from error

    def do(self, verb, options):
        now = timezone.now()
        if verb == "list":
            self.list(now)
        elif verb in ("create", "import"):
            self.take_in(verb, options, now)
        elif verb == "compare":
            self.compare(options["duel"])
        elif verb == "replay":
            self.replay(self.trader(options), options["limit"])
        elif verb == "export":
            size = services.export_trader(trader=self.trader(options), path=options["file"])
            file = options["file"]
            self.tell_result(f"{file}: {size} bytes", file=str(file), bytes=size)
        else:
            trader = VERBS[verb](trader=self.trader(options), now=now)
            self.tell_trader(trader)

    def tell_trader(self, trader):
        self.tell_result(
            f"{trader.code}: {trader.status}, {trader.decided} decisions",
            trader=trader.code,
            status=trader.status,
            decisions=trader.decided,
        )

    def trader(self, options):
        found = Trader.objects.across_tenants().filter(code=options["trader"]).first()
        if found is None:
            raise CommandError(f"there is no trader {options['trader']}")
        return found

    def list(self, now):
        rows = Trader.objects.across_tenants().select_related("tenant", "venue_account")
        traders = list(rows.order_by("code"))
        books = books_of(traders, now=now)
        lines = [
            [
                trader.code,
                trader.tenant.name,
                str(trader.venue_account_id),
                trader.status + (" (shadow)" if trader.is_shadow else ""),
                str(trader.decided),
                number(round(books[trader.pk].equity, 2)),
                str(len(books[trader.pk].held)),
                number(sum(trader.spendings.filter(day=now.date()).values_list("cost", flat=True))),
                trader.reason or trader.skipped_because,
            ]
            for trader in traders
        ]
        self.tell(HEADINGS, lines)

    def take_in(self, verb, options, now):
        account = VenueAccount.objects.across_tenants().filter(pk=options["account"]).first()
        if account is None:
            raise CommandError(f"there is no venue account {options['account']}")
        told = services.read_told(options["file"].read_bytes())
        is_known = Trader.objects.across_tenants().filter(code=told.code).exists()
        if verb == "create":
            if is_known:
                raise CommandError(f"there is a trader {told.code}: import changes nothing of it")
            told.records, told.samples, told.shades, told.began_at = [], [], [], None
        trader = services.import_trader(account=account, told=told, now=now)
        self.tell_trader(trader)

    def compare(self, name):
        duels = Duel.objects.across_tenants().filter(name=name)
        if not duels:
            raise CommandError(f"there is no duel {name}")
        for duel in duels:
            told = compared(duel)
            lines = [
                [figure, *(str(getattr(arm, figure)) for arm in (told.first, told.second))]
                for figure in Arm.__slots__
            ]
            self.tell([str(duel.tenant), "A", "B"], lines)
            found = told.difference
            sure = f"fewer than {LEAST} trades each say nothing yet"
            if found:
                low, high = found.interval.low, found.interval.high
                sure = f"B over A: {found.mean:+.4f} % a trade ({low:+.4f} to {high:+.4f}), "
                sure += f"by chance in {100 * found.by_chance:.1f} of 100"
            self.say(sure)

    def replay(self, trader, limit):
        entries = read(journal_of(trader), head=head_of(trader))
        try:
            decided = [entry.record for entry in entries if isinstance(entry.record, Decided)]
        except ChangedRecord as error:
            where = f"after line {error.context['after']} " if "after" in error.context else ""
            raise CommandError(f"its journal {where}{error.message}") from error
        if limit:
            decided = list(islice(decided, max(len(decided) - limit, 0), None))
        differences = []
        for place, record in enumerate(decided):
            self.bar.show(place, len(decided))
            differences += replay(record)
        self.bar.end()
        names = ("decision_id", "what", "recorded", "replayed")
        lines = [[getattr(one, name) for name in names] for one in differences]
        if lines or self.as_json:
            self.tell(["decision", "what", "recorded", "replayed"], lines)
        if differences:
            raise CommandError(f"{len(differences)} differences in {len(decided)} decisions")
        self.say(f"{len(decided)} decisions, the same verdicts")
