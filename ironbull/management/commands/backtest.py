"""`manage.py backtest ema_cross --symbol BTC/USDT --from 2026-01-01 --to 2026-02-01`

Beside the strategies it knows: `list`, `show`, `compare`, and `check`, which proves of each
strategy that it does not look ahead.
"""

from datetime import timedelta

from django.core.management.base import CommandError
from django.utils import timezone

from apps.backtests.models import Run
from apps.backtests.selectors import candles_of, compared
from apps.backtests.services import start_run
from apps.core.commands import HouseCommand, Subject, add_json
from apps.venues.models import Venue
from engine.backtest import check
from engine.candle import TIMEFRAMES, seconds
from engine.strategies import LIBRARY
from ironbull.management import runs

LISTED = 20
# Bars on which a strategy is asked again, and those beyond its first answer.
CHECKED, BEYOND = 100, 600


class Command(HouseCommand):
    help = "Run a strategy on candles that are past; list, show, compare and check."
    subject = Subject.TRY
    examples = """
        backtest list --status done --json
        backtest ma_cross --symbol BTC/USDT --from 2026-01-01 --to 2026-02-01 --html report.html
        backtest show 3f9a
        backtest check ma_cross
    """

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="STRATEGY|VERB")
        for code in LIBRARY:
            runs.add_arguments(verbs.add_parser(code, help="run this strategy"))
        listing = verbs.add_parser("list", help="the latest runs")
        listing.add_argument("--status", choices=Run.Status.values)
        listing.add_argument("--count", type=runs.above_zero, default=LISTED)
        add_json(listing)
        show = verbs.add_parser("show", help="one run, by its id or the end of it")
        show.add_argument("run")
        runs.add_outputs(show)
        compare = verbs.add_parser("compare", help="several runs side by side")
        compare.add_argument("run", nargs="+")
        add_json(compare)
        checked = verbs.add_parser("check", help="whether strategies look ahead")
        checked.add_argument("strategy", nargs="*", type=runs.rule, metavar="STRATEGY")
        checked.add_argument("--venue", choices=Venue.values, default=Venue.PAPER)
        checked.add_argument("--symbol", default="BTC/USDT")
        checked.add_argument("--timeframe", choices=list(TIMEFRAMES), default="15m")
        checked.add_argument("--to", dest="until_at", type=runs.moment, metavar="DATE")
        add_json(checked)

    def handle(self, *, verb, **options):
        verbs = {"list": self.list, "show": self.show, "compare": self.compare}
        if verb in LIBRARY:
            self.run(verb, options)
        else:
            {**verbs, "check": self.check_ahead}[verb](options)

    def run(self, rule, options):
        run = start_run(kind=Run.Kind.BACKTEST, **runs.asked_of(options, rule=rule))
        if options["queue"]:
            runs.tell_queued(self, run)
            return
        runs.tell(self, runs.follow(run, self.bar), options)

    def list(self, options):
        rows = Run.objects.across_tenants().order_by("-pk")
        if options["status"]:
            rows = rows.filter(status=options["status"])
        found = rows[: options["count"]]
        if self.as_json:
            self.tell_json([runs.plain(run) for run in found])
            return
        lines = [
            (str(run.pk), run.kind, str(run), run.status, f"{run.percent} %", run.asked_by)
            for run in found
        ]
        self.tell(["id", "kind", "run", "status", "done", "asked by"], lines)

    def show(self, options):
        runs.tell(self, runs.run_named(options["run"]), options)

    def compare(self, options):
        found = [runs.run_named(key) for key in options["run"]]
        if self.as_json:
            self.tell_json([runs.plain(run) for run in found])
            return
        lines = [(name, *map(runs.figure, values)) for name, values in compared(found)]
        self.tell(["figure", *(str(run.pk)[-12:] for run in found)], lines)

    def check_ahead(self, options):
        """Each strategy with its defaults, asked again on candles that were cut."""
        until = options["until_at"] or timezone.now()
        lines, ahead = [], []
        chosen = options["strategy"] or list(LIBRARY)
        for code in chosen:
            self.bar.show(len(lines), len(chosen), code)
            strategy = LIBRARY[code]
            params = strategy.read_params({})
            bars = strategy.candles_needed(params) + BEYOND
            span = timedelta(seconds=bars * seconds(options["timeframe"]))
            candles = candles_of(
                Run(
                    venue=options["venue"],
                    symbols=[options["symbol"]],
                    timeframe=options["timeframe"],
                    from_at=until - span,
                    until_at=until,
                )
            )
            told = check(strategy, candles[options["symbol"]], params, bars=CHECKED)
            lines.append((code, told.bars, len(told.looked_ahead), len(told.unsettled)))
            ahead += [] if told.is_sound else [code]
        self.tell(["strategy", "bars", "looks ahead", "unsettled"], lines)
        if ahead:
            raise CommandError(f"these look ahead: {', '.join(ahead)}")
