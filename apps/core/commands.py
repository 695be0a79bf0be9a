"""What every command shares: help with examples, tables, JSON, progress, exit codes.

A command ends with 0 when it is done; with 1 when it was refused, or what it looked at is not
right; with 2 when it was called wrongly; with 130 when Ctrl-C stopped it.
"""

import argparse
import json
import re
import time
from collections.abc import Sequence
from enum import StrEnum

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.core.serializers.json import DjangoJSONEncoder

from apps.core.errors import DomainError
from engine.errors import EngineError

STOPPED_BY_HAND = 130
CODES = "exit codes: 0 done; 1 refused, or something is not right; 2 called wrongly; 130 Ctrl-C"
WIDTH = 30
# On a terminal one line changes; elsewhere each one is another line.
TELL_EVERY_SECONDS = {True: 0.1, False: 10.0}

Row = Sequence[object]


class Subject(StrEnum):
    """What a command is about: the help is sorted by it."""

    START = "Set up and run"
    TRADE = "Trade"
    TRY = "Candles, backtests and trials"
    MONEY = "Points and levels"
    NODES = "Nodes and venues"
    WATCH = "Watch and verify"
    CARE = "Look after the installation"


class Formatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's own options last, and examples as they are typed."""


class HouseCommand(BaseCommand):
    subject: Subject
    # A call a line, as it is typed behind manage.py.
    examples: str
    as_json = False

    def create_parser(self, prog_name, subcommand, **kwargs):
        lines = (f"  manage.py {line.strip()}" for line in self.examples.strip().splitlines())
        epilog = "\n".join(["examples:", *lines, "", CODES])
        return super().create_parser(
            prog_name, subcommand, epilog=epilog, formatter_class=Formatter, **kwargs
        )

    def execute(self, *args, **options):
        self.as_json = bool(options.get("json"))
        self.bar = Bar(self)
        try:
            return super().execute(*args, **options)
        except (DomainError, EngineError) as error:
            raise CommandError(told_of(error)) from error
        except KeyboardInterrupt:
            raise CommandError("stopped", returncode=STOPPED_BY_HAND) from None
        finally:
            self.bar.end()

    def say(self, text: str) -> None:
        """A line for people; where a program reads, it stands beside what that is told."""
        if self.as_json:
            self.stderr.write(text, str)
        else:
            self.stdout.write(text)
            self.stdout.flush()

    def tell(self, headings: Sequence[str], rows: Sequence[Row]) -> None:
        """Rows as a table, or as a list of objects."""
        if self.as_json:
            self.tell_json(records(headings, rows))
        else:
            self.stdout.write(table(headings, rows))

    def tell_result(self, text: str, **figures: object) -> None:
        """What it came to: a line for people, or the figures in it for a program."""
        if self.as_json:
            self.tell_json(figures)
        else:
            self.stdout.write(text)

    def tell_json(self, value: object) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: what it tells, as JSON")


def told_of(error: DomainError | EngineError) -> str:
    """A refusal in one line, with its field."""
    field = error.context.get("field")
    return error.message if field is None else f"{field}: {error.message}"


def records(headings: Sequence[str], rows: Sequence[Row]) -> list[dict[str, object]]:
    names = [re.sub(r"\W+", "_", heading.lower()).strip("_") for heading in headings]
    return [dict(zip(names, row, strict=True)) for row in rows]


def table(headings: Sequence[str], rows: Sequence[Row]) -> str:
    """Columns as wide as what stands in them; numbers to the right."""
    lines = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    kinds = [{type(row[place]) for row in rows} for place in range(len(headings))]

    def shown(cells: Sequence[str]) -> str:
        columns = zip(cells, widths, kinds, strict=True)
        padded = (
            cell.rjust(width) if kind == {int} else cell.ljust(width)
            for cell, width, kind in columns
        )
        return "  ".join(padded).rstrip()

    rule = ["-" * width for width in widths]
    return "\n".join(map(shown, [lines[0], rule, *lines[1:]]))


class Bar:
    """How far long work is: beside what is told, so that this can be read by a program."""

    def __init__(self, command: BaseCommand) -> None:
        self.command = command
        self.told_at = time.monotonic()
        self.is_open = False

    def show(self, done: int, total: int, note: str = "") -> None:
        out, now = self.command.stderr, time.monotonic()
        is_terminal = out.isatty()
        if now - self.told_at < TELL_EVERY_SECONDS[is_terminal] and done < total:
            return
        self.told_at = now
        line = f"{done:,} / {total:,}  {note}".rstrip()
        if is_terminal:
            full = WIDTH * done // max(total, 1)
            out.write(f"\r[{'#' * full:{WIDTH}}] {line}\x1b[K", str, ending="")
            out.flush()
            self.is_open = True
        elif done < total:
            out.write(line, str)

    def end(self) -> None:
        if self.is_open:
            self.command.stderr.write("", str)
            self.is_open = False
