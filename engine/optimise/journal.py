"""What a search has done so far: written down trial by trial, so that a death loses none."""

import os
from pathlib import Path
from typing import Any, Protocol

import msgspec

from engine.errors import BadParameters
from engine.optimise.trial import Trial


class Journal(Protocol):
    """Where a search writes; a table of rows is as good as a file."""

    def begin(self, search: dict[str, Any]) -> list[Trial]:
        """The trials already done; BadParameters where they are those of another search."""

    def add(self, trial: Trial) -> None:
        """Keep a trial; when this returns, no death loses it."""


class Unwritten:
    """Of a search that dies with its process."""

    def begin(self, search: dict[str, Any]) -> list[Trial]:
        return []

    def add(self, trial: Trial) -> None:
        pass


class FileJournal:
    """One JSON line for the search, then one a trial; one writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, search: dict[str, Any]) -> list[Trial]:
        told = msgspec.json.encode(search)
        lines = self._whole_lines()
        if not lines:
            self._append(told)
            return []
        check_same(msgspec.json.decode(lines[0]), msgspec.json.decode(told))
        return [msgspec.json.decode(line, type=Trial) for line in lines[1:]]

    def add(self, trial: Trial) -> None:
        self._append(msgspec.json.encode(trial))

    def _whole_lines(self) -> list[bytes]:
        """A line that a death cut short is taken away."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)
        return content[:whole].splitlines()

    def _append(self, line: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())


def check_same(written: dict[str, Any], search: dict[str, Any]) -> None:
    for name in written.keys() | search.keys():
        if written.get(name) != search.get(name):
            raise BadParameters("the journal is of another search", field=name)
