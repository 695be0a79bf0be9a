"""What the arena tells at this moment: imported rows and public traders' own, remembered briefly.

Where the database does not answer, the files that were exported last are told instead. One thread
reads anew, the others are told what was so a moment ago.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.arena.errors import MixedSet, NothingToTell
from apps.arena.published.folder import read_set
from apps.arena.published.reading import plain_name
from apps.arena.published.shapes import SHAPES, Kind
from apps.arena.selectors import AWAY, Line, imported_lines, own_lines

log = logging.getLogger(__name__)
SHORT, MEDIUM, LONG = 10, 60, 300
SECONDS = {
    Kind.PRICES: SHORT,
    Kind.POSITIONS: SHORT,
    Kind.ACCOUNTS: SHORT,
    Kind.TRADES: SHORT,
    Kind.LEADERBOARD: MEDIUM,
    Kind.CONVERSATIONS: MEDIUM,
    Kind.ANALYTICS: LONG,
    Kind.MODEL_ANALYTICS: LONG,
    Kind.INCEPTION: LONG,
}
# How soon the database is asked again after it did not answer.
AWAY_SECONDS = 5


@dataclass(frozen=True)
class Told:
    """The rows of one kind, and when prices among them are of; from files while nobody answers."""

    lines: Sequence[Line]
    is_from_files: bool = False


class Remembered:
    """A value that is read anew once it is too old, by one thread at a time."""

    def __init__(self, read: Callable[[], tuple[Any, int]]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._value: Any = None
        self._until = -inf

    def value(self) -> Any:
        if time.monotonic() < self._until:
            return self._value
        if not self._lock.acquire(blocking=self._value is None):
            return self._value
        try:
            if time.monotonic() >= self._until:
                self._value, seconds = self._read()
                self._until = time.monotonic() + seconds
            return self._value
        finally:
            self._lock.release()

    def forget(self) -> None:
        self._until, self._value = -inf, None


def told(kind: Kind) -> Told:
    """The rows of one kind, as old as its cache lets them be."""
    return REMEMBERED[kind].value()


def read_kind(kind: Kind) -> tuple[Told, int]:
    try:
        lines = [*imported_lines(kind), *own_lines(kind, now=timezone.now())]
    except AWAY as error:
        log.warning("the arena is told from files: %s", error)
        # A broken line is not kept for the next request.
        connection.close_if_unusable_or_obsolete()
        return Told(exported_lines(kind), is_from_files=True), AWAY_SECONDS
    return Told(lines), SECONDS[kind]


def exported_lines(kind: Kind) -> list[Line]:
    try:
        _manifest, files = read_set(settings.ARENA_EXPORT)
    except MixedSet as error:
        raise NothingToTell("the database is away, and nothing was exported") from error
    shape = SHAPES[kind]
    found: list[Line] = []
    for name, content in files.items():
        if plain_name(name) != kind:
            continue
        rows = msgspec.json.decode(content, type=dict[str, msgspec.Raw])[shape.envelope]
        if shape.is_map:
            texts = list(msgspec.json.decode(rows, type=dict[str, msgspec.Raw]).values())
        elif bytes(rows).startswith(b"["):
            texts = msgspec.json.decode(rows, type=list[msgspec.Raw])
        else:
            texts = [rows]
        found += [Line.of(kind, bytes(text)) for text in texts]
    return found


def forget_all() -> None:
    """What was remembered is read anew; for tests, and after an import."""
    for remembered in REMEMBERED.values():
        remembered.forget()


def reader(kind: Kind) -> Callable[[], tuple[Told, int]]:
    return lambda: read_kind(kind)


REMEMBERED = {kind: Remembered(reader(kind)) for kind in Kind}
