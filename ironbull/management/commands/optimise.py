"""`manage.py optimise ma_cross --seek fast_ma=3:20 --from 2026-01-01 --to 2026-02-01`

Ctrl-C stops it cleanly; `manage.py optimise resume RUN` goes on with what was tried.
"""

import json

from django.core.management.base import CommandError
from django.utils import timezone

from apps.backtests.models import Run
from apps.backtests.services import retry_run, start_run
from apps.core.commands import HouseCommand, Subject
from engine.optimise import FIGURES, METHODS
from engine.strategies import LIBRARY
from ironbull.management import runs

# Options that are the search's own words.
SEARCH = (
    *("method", "trials", "objective", "least_trades", "seed", "patience", "budget_seconds"),
    *("held_back", "train_bars", "test_bars", "anchored", "workers"),
)


class Command(HouseCommand):
    help = "Search for a strategy's parameters, or go on with a search that was stopped."
    subject = Subject.TRY
    examples = """
        optimise ma_cross --seek fast_ma=3:20 --from 2026-01-01 --to 2026-02-01
        optimise resume 3f9a --json
    """

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="STRATEGY|resume")
        for code in LIBRARY:
            one = verbs.add_parser(code, help="search for its parameters")
            runs.add_arguments(one)
            add_search(one)
        resume = verbs.add_parser("resume", help="go on with a search that was stopped or failed")
        resume.add_argument("run")
        runs.add_outputs(resume)

    def handle(self, *, verb, **options):
        if verb == "resume":
            run = runs.run_named(options["run"])
            retry_run(run=run, now=timezone.now(), is_announced=False)
        else:
            kind = Run.Kind.WALK_FORWARD if options["walk_forward"] else Run.Kind.OPTIMISATION
            search = {name: options[name] for name in SEARCH if options[name] is not None}
            space = space_of(options["seek"])
            asked = runs.asked_of(options, rule=verb)
            asked["params"] = {
                name: value for name, value in asked["params"].items() if name not in space
            }
            run = start_run(kind=kind, space=space, search=search, **asked)
            if options["queue"]:
                runs.tell_queued(self, run)
                return
        runs.tell(self, runs.follow(run, self.bar), options)


def add_search(parser):
    parser.add_argument(
        "--seek",
        action="append",
        default=[],
        metavar="NAME=LEAST:MOST[:STEP]",
        help="or NAME=VALUE,VALUE; repeat; without it, every parameter within its bounds",
    )
    parser.add_argument("--method", choices=list(METHODS))
    parser.add_argument("--objective", choices=list(FIGURES))
    for name in ("trials", "least_trades", "seed", "patience", "budget_seconds"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument(
        "--workers",
        choices=["auto", "here", "queue"],
        help="who makes the trials: search workers where there are any, nobody else, or only they",
    )
    parser.add_argument("--held-back", type=float, metavar="SHARE")
    parser.add_argument("--walk-forward", action="store_true")
    for name in ("train_bars", "test_bars"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument("--anchored", action="store_true", default=None)


def space_of(wishes):
    space = {}
    for name, wish in map(wish_of, wishes):
        if name in space:
            raise CommandError(f"--seek {name}: it is named twice")
        space[name] = wish
    return space


def wish_of(text):
    """`fast_ma=3:20:1` as where it is sought, `fast_ma=5,10` as what is tried."""
    name, is_pair, told = text.partition("=")
    try:
        if not is_pair:
            return name, {}
        if ":" in told:
            bounds = [json.loads(each) for each in told.split(":")]
            names = ("least", "most", "step")[: max(2, len(bounds))]
            return name, dict(zip(names, bounds, strict=True))
    except ValueError:
        raise CommandError(f"--seek {text}: write it as NAME=LEAST:MOST[:STEP]") from None
    if not told:
        raise CommandError(f"--seek {text}: write it as NAME=VALUE,VALUE")
    return name, {"choices": [runs.value_of(each) for each in told.split(",")]}
