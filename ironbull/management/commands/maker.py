"""`manage.py maker …`: market makers commanded, and tried without a venue.

    maker list
    maker start 7        also stop, halt, and release

    maker paper                                     the published experiment
    maker replay FILE --symbol ETH/USDT --tick 0.01 --step 0.001
    maker simulate --seed 7 --seconds 600

`--sweep gamma=0.05,0.1,0.2` tries every combination of what is told so; `--html` keeps what it
came to as a page, `--json` tells it to a program.
"""

import json
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec
from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json
from apps.market_making.models import Maker
from apps.market_making.selectors import last_session
from apps.market_making.services import (
    give_up_maker,
    halt_maker,
    release_maker,
    start_maker,
    stop_maker,
)
from engine.instrument import Instrument
from engine.making.forms import PRESETS, preset
from engine.making.paper import closed_form, compare, sure
from engine.making.params import MakerParams, changed
from engine.making.replaying.binance import read_binance
from engine.making.replaying.made import Making, made_market
from engine.making.replaying.mids import read_mids
from engine.making.replaying.page import figures_of, plain, replay_page, sweep_page
from engine.making.replaying.replay import Replay, Terms
from engine.making.replaying.sweep import sweep

FIGURES = ("spread", "profit", "profit_deviation", "inventory", "inventory_deviation")
HEADINGS = [
    "gamma",
    "quotes",
    "paths of",
    "spread",
    "profit",
    "its dev.",
    "held",
    "its dev.",
    "sure",
]
MAKERS = [
    *("maker", "tenant", "account", "symbol", "version", "state", "node"),
    *("holds", "equity", "profit", "fills", "because"),
]
VERBS = {
    "start": start_maker,
    "stop": stop_maker,
    "halt": halt_maker,
    "release": release_maker,
    "give-up": give_up_maker,
}
SWEPT = ("pnl_traded", "fee_total", "fills", "volume", "wear_per_10k", "drawdown_deepest")
NS_A_MS = 1_000_000


class Command(HouseCommand):
    help = "Command market makers, or try one on what was recorded, or on what is made up."
    subject = Subject.TRADE
    examples = """
        maker list --json
        maker start 7
        maker halt 7 --reason "news at two"
        maker simulate --seed 7 --seconds 600 --html made.html
        maker replay mids.csv --sweep gamma=0.05,0.1,0.2 --json
    """

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="verb", required=True)
        add_json(commands.add_parser("list", help="every maker, and what it does"))
        for name, text in (
            ("start", "have it begin on the node of its account"),
            ("stop", "have it take its orders away and close what it holds"),
            ("halt", "the same, and a person has to release it"),
            ("release", "let a halted one be started again"),
            ("give-up", "halt it without its node, which is gone"),
        ):
            one = commands.add_parser(name, help=text)
            one.add_argument("maker", type=int, help="its number, as in the list")
            add_json(one)
            if name in ("halt", "release", "give-up"):
                one.add_argument("--reason", default="")
        paper = commands.add_parser("paper", help="the published table, and ours beside it")
        paper.add_argument("--paths", type=int, default=1000, help="1000, as published")
        paper.add_argument("--seed", type=int, default=7)
        add_json(paper)
        replay = commands.add_parser("replay", help="the maker on a recorded market")
        replay.add_argument("file", type=Path)
        replay.add_argument("--format", choices=["binance", "mids"], help="by the file's ending")
        replay.add_argument(
            "--feed-ms", type=float, default=1, help="how late the soonest of its news was seen"
        )
        replay.add_argument(
            "--without-best", action="store_true", help="leave out best prices between depths"
        )
        simulate = commands.add_parser("simulate", help="the maker on a market made of a seed")
        for one in fields(Making):
            kind = {int: int, float: float, Decimal: decimal}[one.type]
            default = None if one.name == "seed" else one.default
            simulate.add_argument(
                f"--{one.name.replace('_', '-')}",
                dest=f"made_{one.name}",
                type=kind,
                default=1 if default is None else default,
            )
        for verb in (replay, simulate):
            add_common(verb)

    def handle(self, *, verb, **options):
        tried = {"paper": self.paper, "replay": self.replay, "simulate": self.simulate}
        if verb in tried:
            tried[verb](options)
        else:
            self.command(verb, options)

    def command(self, verb, options):
        """What is asked of a maker, and then the table of them all."""
        if verb != "list":
            maker = Maker.objects.across_tenants().filter(pk=options["maker"]).first()
            if maker is None:
                raise CommandError(f"there is no maker {options['maker']}")
            about = {"reason": options["reason"]} if "reason" in options else {}
            with acting("manage.py maker"):
                VERBS[verb](maker=maker, now=timezone.now(), **about)
        makers = Maker.objects.across_tenants().select_related("venue_account__node")
        self.tell(MAKERS, [line_of(maker) for maker in makers.order_by("pk")])

    def replay(self, options):
        path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} is no file")
        written = options["format"] or ("mids" if path.suffix == ".csv" else "binance")
        instrument = instrument_of(options)
        if written == "mids":
            recording = read_mids(path, instrument)
        else:
            recording = read_binance(
                path,
                instrument,
                latency_ns=round(options["feed_ms"] * NS_A_MS),
                with_best=not options["without_best"],
            )
        told = f"{recording.lines:,} lines, {len(recording):,} rows"
        if recording.left_out:
            told += f", {recording.left_out:,} of them too far away to keep"
        self.stderr.write(told)
        self.run(recording, options, f"Replay of {path.name}")

    def simulate(self, options):
        making = Making(**{one.name: options[f"made_{one.name}"] for one in fields(Making)})
        recording = made_market(instrument_of(options), making)
        self.run(recording, options, f"Market of seed {making.seed}")

    def run(self, recording, options, title):
        # Before an hour's work, not after it.
        if options["html"] and not options["html"].parent.is_dir():
            raise CommandError(f"html: there is no directory {options['html'].parent}")
        params, terms = params_of(options), terms_of(options)
        asked = dict(map(swept, options["sweep"]))
        if asked:
            self.sweep(recording, params, terms, asked, options, title)
            return
        outcome = Replay(recording, params, terms).run(self.progress(options))
        told = figures_of(outcome)
        self.keep(options["html"], lambda: replay_page(outcome, title, options["language"]))
        if self.as_json:
            self.tell_json(json_of(all_of(outcome)))
            return
        self.tell(["figure", "value"], [(n, plain(v)) for n, v in told.items()])
        for alert in outcome.alerts:
            facts = " ".join(f"{name}={value}" for name, value in alert.facts.items())
            self.say(f"{alert.level}: {alert.kind} {facts}".rstrip())
        self.say(f"in the end {outcome.state}")

    def sweep(self, recording, params, terms, asked, options, title):
        trials = sweep(recording, params, terms, asked, self.progress(options))
        rows = []
        for trial in trials:
            told = figures_of(trial.outcome)
            rows.append([*map(str, trial.values.values()), *(plain(told[name]) for name in SWEPT)])
        self.keep(options["html"], lambda: sweep_page(trials, title, options["language"]))
        if self.as_json:
            told = [{**one.values, **json_of(figures_of(one.outcome))} for one in trials]
            self.tell_json(told)
        else:
            self.tell([*asked, *SWEPT], rows)

    def progress(self, options):
        if options["quiet"]:
            return None
        return lambda share: self.bar.show(int(share * 100), 100, "%")

    def keep(self, path, made):
        if path:
            path.write_text(made())
            self.stderr.write(f"kept as {path}")

    def paper(self, options):
        paths, seed = options["paths"], options["seed"]
        rows = list(compare(paths=paths, seed=seed))
        lines = []
        for row in rows:
            told = [f"{row.published.gamma:g}", row.published.name]
            lines.append([*told, "theirs", *figures(row.published), ""])
            lines.append([*told, "ours", *figures(row.ours), liked(row.ours, row.published.gamma)])
            if not row.published.is_symmetric:
                closed = closed_form(row.published.gamma, paths=paths, seed=seed)
                own = [told[0], "closed form", "ours", *figures(closed)]
                lines.append([*own, liked(closed, row.published.gamma)])
        self.tell(HEADINGS, lines)
        self.say("\nsure: the certain profit that is liked as much, at this gamma.")
        self.say("Counted exactly, without drawing paths:")
        for row in rows[::2]:
            gamma = row.published.gamma
            by_paper, closed = sure(gamma)
            told = f"the paper's formula {by_paper:.4f}, the closed form {closed:.4f}"
            self.say(f"  gamma {gamma:g}: {told}")


def line_of(maker):
    session = last_session(maker)
    told = session.figures if session else {}
    return [
        maker.pk,
        maker.tenant_id,
        str(maker.venue_account),
        maker.symbol,
        maker.version,
        session.status if session else "idle",
        session.node.code if session else "",
        *(told.get(name, "") for name in ("inventory", "equity", "pnl_total", "fills")),
        session.reason if session else "",
    ]


def add_common(parser):
    parser.add_argument("--symbol", default="ETH/USDT")
    parser.add_argument("--tick", type=decimal, default=Decimal("0.01"))
    parser.add_argument("--step", type=decimal, default=Decimal("0.001"))
    parser.add_argument("--min-quantity", type=decimal, help="the step, where it is not told")
    parser.add_argument("--min-notional", type=decimal, default=Decimal(5))
    parser.add_argument("--preset", choices=sorted(PRESETS), help="a venue's parameters")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter"
    )
    parser.add_argument(
        "--sweep", action="append", default=[], metavar="NAME=V1,V2", help="several, each in turn"
    )
    defaults = Terms()
    for one in fields(Terms):
        value = getattr(defaults, one.name)
        kind = decimal if isinstance(value, Decimal) else float
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, default=value)
    parser.add_argument("--html", type=Path)
    add_json(parser)
    parser.add_argument("--language", choices=["en", "zh-hans"], default="en")
    parser.add_argument("--quiet", action="store_true", help="without progress")


def decimal(written):
    try:
        return Decimal(written)
    except InvalidOperation as error:
        raise ValueError(written) from error


def instrument_of(options):
    return Instrument(
        symbol=options["symbol"],
        tick=options["tick"],
        step=options["step"],
        min_quantity=options["min_quantity"] or options["step"],
        min_notional=options["min_notional"],
    )


def params_of(options):
    base = preset(options["preset"], options["symbol"]) if options["preset"] else MakerParams()
    return changed(base, **dict(map(told, options["set"])))


def terms_of(options):
    return Terms(**{one.name: options[one.name] for one in fields(Terms)})


def told(written):
    name, _, value = written.partition("=")
    return name, value_of(value)


def swept(written):
    name, _, values = written.partition("=")
    return name, [value_of(each) for each in values.split(",")]


def value_of(written):
    try:
        return json.loads(written)
    except json.JSONDecodeError:
        return written


def json_of(value):
    return json.loads(msgspec.json.encode(value))


def all_of(outcome):
    """Everything but the series, in an order that is always the same."""
    return {
        "figures": figures_of(outcome),
        "state": outcome.state,
        "params": outcome.params,
        "terms": outcome.terms,
        "deals": outcome.deals,
        "moves": outcome.moves,
        "alerts": outcome.alerts,
    }


def figures(told) -> list[str]:
    return [f"{getattr(told, name):.2f}" for name in FIGURES]


def liked(outcome, gamma: float) -> str:
    return f"{outcome.certainty_equivalent(gamma):.2f}"
