"""`manage.py candles …`: the candles that backtests run on, fetched, imported, listed, checked.

What was stored until it was stopped stays, and the same command goes on from there.
"""

import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import STOPPED_BY_HAND, HouseCommand, Subject, add_json
from apps.venues.market import bar_source, candle_store
from apps.venues.models import Venue
from engine.candle import TIMEFRAMES, seconds
from engine.errors import BadCandles, EngineError
from engine.market import FaultyCandles, Findings, Gap, Repair, Stored, read_csv, read_parquet
from engine.market.fetching import Progress, fetch, last_settled

# On a terminal one line changes; in a file each one is another line.
TELL_EVERY_SECONDS = {True: 0.2, False: 10.0}
HEADINGS = ("venue", "symbol", "timeframe", "first", "last", "bars", "gaps", "missing")


def instant(text: str) -> int:
    """Epoch seconds of a day or a time; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day and no time, as in 2024-01-31") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


class Command(HouseCommand):
    help = "Fetch, import, list or check the candles that backtests run on."
    subject = Subject.TRY
    examples = """
        candles fetch binance BTC/USDT ETH/USDT --since 2024-01-01
        candles import binance BTC/USDT bars.csv.gz
        candles list --json
        candles check binance
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="verb", required=True)
        fetch = commands.add_parser("fetch", help="ask a venue for what is missing")
        fetch.add_argument("venue", choices=Venue.values)
        fetch.add_argument("symbols", nargs="+", metavar="symbol", help="as in BTC/USDT")
        fetch.add_argument("--timeframe", default="1m", choices=TIMEFRAMES)
        fetch.add_argument(
            "--since",
            type=instant,
            help="from this day or time on, holes included; without it, on from what is stored",
        )
        fetch.add_argument("--until", type=instant, help="up to then; without it, up to now")
        load = commands.add_parser("import", help="take the candles of a CSV or Parquet file")
        load.add_argument("venue", choices=Venue.values, help="where they are from")
        load.add_argument("symbol", help="as in BTC/USDT")
        load.add_argument("file", type=Path, help="*.csv, *.csv.gz or *.parquet")
        load.add_argument("--timeframe", choices=TIMEFRAMES, help="refuse any other one")
        load.add_argument("--repair", nargs="+", default=[], choices=[str(one) for one in Repair])
        load.add_argument("--gaps", action="store_true", help="take them although bars are missing")
        load.add_argument("--replace", action="store_true", help="where other bars are stored")
        told = commands.add_parser("list", help="what is stored")
        add_json(told)
        check = commands.add_parser("check", help="read everything again, and name every gap")
        check.add_argument("venue", nargs="?")
        check.add_argument("symbol", nargs="?")
        add_json(check)

    def handle(self, *, verb, **asked):
        try:
            getattr(self, f"{verb}_candles")(**asked)
        except FaultyCandles as refused:
            self.tell_findings(refused.findings)
            raise CommandError("refused: see above") from refused
        except (EngineError, OSError) as refused:
            raise CommandError(told_of(refused)) from refused
        except KeyboardInterrupt:
            raise CommandError(
                "stopped; the same command goes on from here", returncode=STOPPED_BY_HAND
            ) from None

    def fetch_candles(self, *, venue, symbols, timeframe, since, until, **_options):
        store, source = candle_store(), bar_source(venue)
        now = timezone.now().timestamp()
        until = min(until or now, last_settled(timeframe, now))
        for symbol in symbols:
            series = (venue, symbol, timeframe)
            if since is None and series not in store.series():
                raise CommandError(f"nothing of {' '.join(series)} is stored: say --since")
            first = store.stored(*series).last + seconds(timeframe) if since is None else since
            pages = fetch(store, source, *series, since=first, until=until)
            self.show(f"{venue} {symbol} {timeframe}", pages)

    def show(self, name: str, pages: Iterator[Progress]) -> None:
        started = told_at = time.monotonic()
        is_terminal, page = self.stdout.isatty(), None
        for page in pages:
            now = time.monotonic()
            if now - told_at >= TELL_EVERY_SECONDS[is_terminal]:
                told_at = now
                ending = "\r" if is_terminal else "\n"
                self.stdout.write(progress_line(name, page, now - started), ending=ending)
                self.stdout.flush()
        if page is None:
            self.stdout.write(f"{name}: nothing is missing")
            return
        self.stdout.write(progress_line(name, page, time.monotonic() - started))
        if page.added < page.asked:
            self.stdout.write(f"{name}: the venue has not told {page.asked - page.added:,} bars")

    def import_candles(self, *, venue, symbol, file, timeframe, repair, gaps, replace, **_options):
        read = read_parquet if file.suffix == ".parquet" else read_csv
        found = read(file, timeframe, now=timezone.now().timestamp(), repair=set(repair))
        if found.findings and not gaps:
            raise FaultyCandles(found.findings)
        self.tell_findings(found.findings)
        done = candle_store().put_all(venue, symbol, found.stretches, replace=replace)
        self.stdout.write(
            f"{done.added:,} bars are new, {done.same:,} were there, {done.replaced:,} replaced"
        )

    def list_candles(self, **_options):
        stored = candle_store().list()
        if self.as_json:
            self.tell_json([asdict(one) for one in stored])
        else:
            self.tell(HEADINGS, [line_of(one) for one in stored])

    def check_candles(self, *, venue, symbol, **_options):
        store, now = candle_store(), timezone.now().timestamp()
        wanted = [
            one for one in store.series() if venue in (None, one[0]) and symbol in (None, one[1])
        ]
        if (venue or symbol) and not wanted:
            raise CommandError("nothing of this is stored")
        faults, told = 0, []
        for place, series in enumerate(wanted):
            self.bar.show(place, len(wanted), " ".join(series))
            found = list(self.faults_of(store, series, now))
            faults += len(found)
            told += [(*series, line) for line in found or ["sound"]]
        self.bar.end()
        self.tell(["venue", "symbol", "timeframe", "state"], told)
        if faults:
            raise CommandError(f"{faults} faults in {len(wanted)} series")

    def faults_of(self, store, series, now) -> Iterator[str]:
        try:
            store.verify(*series)
            pieces = store.stretches(*series)
        except BadCandles as refused:
            yield told_of(refused)
            return
        if pieces[-1].closed_at > now:
            yield f"bars until {shown(pieces[-1].closed_at)}, which is not over"
        yield from map(gap_line, store.gaps(*series))

    def tell_findings(self, findings: Findings) -> None:
        for finding in findings:
            self.stdout.write(str(finding))
        for fault, count in findings.counts.items():
            self.stdout.write(f"{count:>8,}  {fault}")
        for repair, count in findings.repaired.items():
            self.stdout.write(f"{count:>8,}  mended: {repair}")


def told_of(error: EngineError | OSError) -> str:
    if isinstance(error, OSError):
        return str(error)
    context = ", ".join(f"{name} {value}" for name, value in error.context.items())
    return f"{error.message} ({context})" if context else error.message


def progress_line(name: str, page: Progress, passed: float) -> str:
    rate = page.asked / max(passed, 0.001)
    share = page.asked / (page.asked + page.left)
    left = time.strftime("%H:%M:%S", time.gmtime(page.left / rate))
    return (
        f"{name}: {page.added:,} bars, {share:.0%}, until {shown(page.until)}, "
        f"{rate:,.0f} bars a second, {left} left"
    )


def gap_line(gap: Gap) -> str:
    return f"{gap.bars:,} bars are missing from {shown(gap.start)} to {shown(gap.end)}"


def shown(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def line_of(stored: Stored) -> list[object]:
    return [
        getattr(stored, name) if name not in ("first", "last") else shown(getattr(stored, name))
        for name in HEADINGS
    ]
