"""`manage.py optimise ma_cross --seek fast_ma=3:20 --from 2026-01-01 --to 2026-02-01`

Ctrl-C stops it cleanly; `manage.py optimise resume RUN` goes on with what was tried.
"""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.backtests.models import Run
from apps.backtests.services import retry_run, start_run
from engine.optimise import FIGURES, METHODS
from engine.strategies import LIBRARY
from ironbull.management import runs

# Options that are the search's own words.
SEARCH = (
    *("method", "trials", "objective", "least_trades", "seed", "patience", "budget_seconds"),
    *("held_back", "train_bars", "test_bars", "anchored", "workers"),
)


class Command(BaseCommand):
    help = "Search for a strategy's parameters, or go on with a search that was stopped."

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
            with runs.refusals():
                retry_run(run=run, now=timezone.now(), is_announced=False)
        else:
            kind = Run.Kind.WALK_FORWARD if options["walk_forward"] else Run.Kind.OPTIMISATION
            search = {name: options[name] for name in SEARCH if options[name] is not None}
            space = dict(map(wish_of, options["seek"]))
            with runs.refusals():
                asked = runs.asked_of(options, rule=verb)
                asked["params"] = {
                    name: value for name, value in asked["params"].items() if name not in space
                }
                run = start_run(kind=kind, space=space, search=search, **asked)
            if options["queue"]:
                self.stdout.write(f"Queued: {run.pk}")
                return
        runs.tell(self, runs.follow(run), options)


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


def wish_of(text):
    """`fast_ma=3:20:1` as where it is sought, `fast_ma=5,10` as what is tried."""
    name, is_pair, told = text.partition("=")
    try:
        if not is_pair:
            return name, {}
        if ":" in told:
            bounds = map(json.loads, told.split(":"))
            return name, dict(zip(("least", "most", "step"), bounds, strict=False))
        return name, {"choices": json.loads(f"[{told}]")}
    except ValueError:
        raise CommandError(f"--seek {text}: write it as NAME=LEAST:MOST[:STEP]") from None
