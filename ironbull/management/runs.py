"""What the commands of backtests and searches share: how they are asked, shown and written."""

import argparse
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from apps.backtests.files import file_of
from apps.backtests.jobs import Progress, Tried
from apps.backtests.models import Run
from apps.backtests.selectors import best_params
from apps.backtests.services import stop_run, work
from apps.core.commands import STOPPED_BY_HAND, Bar, HouseCommand, add_json
from apps.tenants.models import Tenant
from apps.venues.models import Venue
from engine.candle import TIMEFRAMES
from engine.strategies import LIBRARY, strategy_named

FILES = {
    "csv": "trades",
    "parquet": "trades",
    "html": "report as a page",
    "search": "search as a page",
}


def add_arguments(parser) -> None:
    """What every run is told."""
    parser.add_argument("--venue", choices=Venue.values, default=Venue.PAPER)
    parser.add_argument(
        "--symbol", action="append", metavar="BASE/QUOTE", help="BTC/USDT; repeat for more"
    )
    parser.add_argument("--timeframe", choices=list(TIMEFRAMES), default="15m")
    parser.add_argument("--from", dest="from_at", type=moment, required=True, metavar="DATE")
    parser.add_argument("--to", dest="until_at", type=moment, required=True, metavar="DATE")
    parser.add_argument("--preset", help="a named set of the strategy's parameters")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter; repeat"
    )
    parser.add_argument(
        "--term", action="append", default=[], metavar="NAME=VALUE", help="as leverage=10; repeat"
    )
    parser.add_argument("--tenant", type=int, help="whose run it is; without it the platform's")
    parser.add_argument("--queue", action="store_true", help="leave it to the workers")
    add_outputs(parser)


def add_outputs(parser) -> None:
    parser.add_argument("--csv", type=new_file, metavar="FILE", help="write its trades")
    parser.add_argument("--parquet", type=new_file, metavar="FILE", help="write its trades")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write its report as a page")
    parser.add_argument(
        "--search", type=new_file, metavar="FILE", help="write its search as a page"
    )
    add_json(parser)


def new_file(text: str) -> Path:
    """A file that can be written, asked before anything is run for it."""
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def moment(text: str) -> datetime:
    """A date or a moment, in UTC where it names no zone."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def values_of(pairs: list[str], *, option: str) -> dict[str, object]:
    """`fast_ma=5` as a name and a value; what is no JSON is text."""
    found: dict[str, object] = {}
    for pair in pairs:
        name, is_pair, text = pair.partition("=")
        if not is_pair:
            raise CommandError(f"{option} {pair}: write it as NAME=VALUE")
        found[name] = value_of(text)
    return found


def value_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def above_zero(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return count


def rule(text: str) -> str:
    """A strategy's code; `choices` would refuse that none is named."""
    if text not in LIBRARY:
        raise argparse.ArgumentTypeError(f"unknown strategy {text}; known are {', '.join(LIBRARY)}")
    return text


def asked_of(options: Mapping[str, object], *, rule: str) -> dict[str, object]:
    """What `start_run` takes, of a command's options."""
    return {
        "tenant": tenant_of(options["tenant"]),
        "asked_by": "command",
        "now": timezone.now(),
        "rule": rule,
        "params": params_of(rule, options),
        "terms": values_of(options["term"], option="--term"),
        "venue": options["venue"],
        "symbols": options["symbol"] or ["BTC/USDT"],
        "timeframe": options["timeframe"],
        "from_at": options["from_at"],
        "until_at": options["until_at"],
        "is_announced": options["queue"],
    }


def tenant_of(key: int | None) -> Tenant | None:
    if key is None:
        return None
    found = Tenant.objects.filter(pk=key).first()
    if found is None:
        raise CommandError(f"--tenant: there is no tenant {key}")
    return found


def params_of(rule: str, options: Mapping[str, object]) -> dict[str, object]:
    strategy, preset = strategy_named(rule), options["preset"]
    if preset and preset not in strategy.presets:
        known = ", ".join(strategy.presets) or "none"
        raise CommandError(f"--preset: {rule} has no preset {preset}; it has {known}")
    return {**strategy.presets.get(preset, {}), **values_of(options["set"], option="--set")}


def follow(run: Run, bar: Bar) -> Run:
    """Work on it here, show how far it is, and stop it with Ctrl-C."""
    best: float | None = None

    def watch(said: object) -> None:
        nonlocal best
        if isinstance(said, Tried) and said.score is not None:
            best = said.score if best is None else max(best, said.score)
        if isinstance(said, Progress):
            bar.show(said.done, said.total, "" if best is None else f"best {best:.4g}")

    try:
        work(run_id=run.pk, watch=watch)
    except KeyboardInterrupt:
        bar.end()
        run.refresh_from_db()
        stop_run(run=run, now=timezone.now())
        raise CommandError(f"stopped: {run.pk}", returncode=STOPPED_BY_HAND) from None
    bar.end()
    run.refresh_from_db()
    if run.status == Run.Status.QUEUED:
        raise CommandError(f"its tenant has as many runs going as it may; {run.pk} waits")
    if run.status != Run.Status.DONE:
        raise CommandError(f"{run.status}: {run.problem or run.pk}")
    return run


def run_named(key: str) -> Run:
    """A run by its id, or by the end of it."""
    found = [run for run in Run.objects.across_tenants() if str(run.pk).endswith(key.lower())]
    if len(found) != 1:
        raise CommandError(f"{key}: {'no run ends' if not found else 'several runs end'} so")
    return found[0]


def tell_queued(command: HouseCommand, run: Run) -> None:
    if command.as_json:
        command.tell_json(plain(run))
    else:
        command.stdout.write(f"Queued: {run.pk}")


def tell(command: HouseCommand, run: Run, options: Mapping[str, object]) -> None:
    """The figures on the terminal, or everything as JSON; and the files that were asked for."""
    for name in FILES:
        if options[name]:
            content = file_of(run, name).content
            try:
                options[name].write_bytes(content)
            except OSError as error:
                raise CommandError(f"--{name}: {error}; the run is kept: {run.pk}") from error
    if command.as_json:
        command.tell_json(plain(run))
        return
    span = f"{run.from_at:%Y-%m-%d %H:%M} to {run.until_at:%Y-%m-%d %H:%M}"
    told = f"{run.get_kind_display()} of {run}, {span}: {run.status}"
    command.stdout.write(f"{told}. Its id is {run.pk}")
    lines = [(name, figure(value)) for name, value in run.figures.items()]
    lines += [(f"best {name}", value) for name, value in (run.findings.get("best") or {}).items()]
    lines += [("doubt", each) for each in run.findings.get("judgement", {}).get("doubts", [])]
    command.tell(["figure", "value"], lines)


def figure(value: object) -> object:
    return "-" if value is None else f"{value:.6g}"


def plain(run: Run) -> dict[str, object]:
    names = ("id", "kind", "rule", "venue", "symbols", "timeframe", "from_at", "until_at")
    told = {name: getattr(run, name) for name in (*names, "digest", "status", "figures")}
    return told | {"params": best_params(run), "findings": run.findings}
