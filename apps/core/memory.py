"""What the platform remembers for a while, shared by all its processes: nonces and counters.

Nothing here is the truth: what must outlive it is kept in the database by whoever needs it.
It costs no write to the database. Where the broker is a Redis it lives there; on the embedded
default it is a file beside the database, which nobody waits for the disk to keep.
"""

import hashlib
import logging
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Protocol

import lmdb
import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis.exceptions import NoScriptError

from apps.core.errors import Busy

log = logging.getLogger(__name__)

PREFIX = "ironbull:memory:"


class Verdict(Enum):
    ADMITTED = auto()
    # What the caller knew is older than what others know; look again.
    STALE = auto()
    # This nonce was admitted before.
    REPLAYED = auto()
    # A counter is not remembered; begin it with `remember`, and ask again.
    BLANK = auto()
    # A counter is at its limit.
    FULL = auto()


@dataclass(frozen=True, slots=True)
class Counter:
    """Something counted: at its limit nothing more is admitted, and a limit of zero is none."""

    name: str
    limit: int
    # For how long it is remembered once it began.
    seconds: int


@dataclass(frozen=True, slots=True)
class Admission:
    verdict: Verdict
    # The counter that the verdict is about.
    counter: Counter | None = None
    # What the counters stand at, in the caller's order.
    at: Sequence[int] = ()


def fresh_stamp() -> int:
    # Never one that was there before, even where everything was forgotten meanwhile.
    return secrets.randbits(60)


class Memory(Protocol):
    def admit(
        self,
        *,
        version: tuple[str, int],
        nonce: str | None,
        nonce_seconds: int,
        counters: Sequence[Counter],
    ) -> Admission:
        """Remember the nonce and count one more on every counter, all at once or nothing."""

    def remember(self, name: str, value: int, *, seconds: int) -> None:
        """Begin with a value, unless something is remembered already."""

    def read(self, names: Sequence[str]) -> dict[str, int]:
        """What is remembered of these."""

    def stamp(self, name: str) -> None:
        """Remember that something changed: from now on, whoever knows it as it was is STALE."""


ADMIT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'STALE'} end
if KEYS[2] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then return {'REPLAYED'} end
local at = {}
for i = 3, #KEYS do
  local value = redis.call('GET', KEYS[i])
  if not value then return {'BLANK', i - 3} end
  local limit = tonumber(ARGV[i])
  if limit > 0 and tonumber(value) >= limit then return {'FULL', i - 3} end
end
if KEYS[2] ~= '' then redis.call('SET', KEYS[2], 1, 'EX', ARGV[2]) end
for i = 3, #KEYS do at[i - 2] = redis.call('INCR', KEYS[i]) end
return {'ADMITTED', -1, unpack(at)}
"""


class RedisMemory:
    def __init__(self, address: str) -> None:
        self.redis = redis.Redis.from_url(
            address, socket_connect_timeout=2, socket_timeout=2, socket_keepalive=True
        )
        self.admitting = hashlib.sha1(ADMIT.encode()).hexdigest()  # noqa: S324 - as Redis names it

    def admit(
        self,
        *,
        version: tuple[str, int],
        nonce: str | None,
        nonce_seconds: int,
        counters: Sequence[Counter],
    ) -> Admission:
        name, number = version
        names = [PREFIX + counter.name for counter in counters]
        keys = [PREFIX + name, PREFIX + nonce if nonce else "", *names]
        limits = [counter.limit for counter in counters]
        values = [*keys, number, nonce_seconds, *limits]
        try:
            verdict, *told = self.ask(self.redis.evalsha, self.admitting, len(keys), *values)
        except NoScriptError:
            # A Redis that was started anew knows it from now on.
            verdict, *told = self.ask(self.redis.eval, ADMIT, len(keys), *values)
        verdict = Verdict[verdict.decode()]
        if verdict is Verdict.ADMITTED:
            return Admission(verdict, at=told[1:])
        return Admission(verdict, counters[told[0]] if told else None)

    def remember(self, name: str, value: int, *, seconds: int) -> None:
        self.ask(self.redis.set, PREFIX + name, value, ex=seconds, nx=True)

    def read(self, names: Sequence[str]) -> dict[str, int]:
        values = self.ask(self.redis.mget, [PREFIX + name for name in names]) if names else []
        pairs = zip(names, values, strict=True)
        return {name: int(value) for name, value in pairs if value is not None}

    def stamp(self, name: str) -> None:
        self.ask(self.redis.set, PREFIX + name, fresh_stamp())

    @staticmethod
    def ask(command, *arguments, **options):
        try:
            return command(*arguments, **options)
        except NoScriptError:
            raise
        except redis.RedisError as error:
            # Nobody is let in unseen because Redis is away.
            raise Busy("the platform's memory cannot be reached; try again") from error


FOR_EVER = 2**62
FORGET_EVERY = 50
KEPT = struct.Struct("<qq")
DEADLINE = struct.Struct(">q")


class FileMemory:
    """Pages that all processes of a host share, and a lock that a killed one does not keep: LMDB.

    Every name has a value and the second in which it is forgotten; `deadlines` has the names in
    the order of those. Nobody waits for the disk, so a host that lost its power may leave pages
    that do not fit together: the directory is named after the host's start, and begins anew.
    """

    # Room for millions of nonces; the file grows as it is needed.
    LARGEST = 4 * 2**30

    def __init__(self, directory: Path) -> None:
        place = directory / started()
        place.mkdir(parents=True, exist_ok=True)
        self.pages = lmdb.open(
            str(place), map_size=self.LARGEST, max_dbs=2, sync=False, writemap=True, readahead=False
        )
        self.values = self.pages.open_db(b"values")
        self.deadlines = self.pages.open_db(b"deadlines")
        self.came = 0

    def admit(
        self,
        *,
        version: tuple[str, int],
        nonce: str | None,
        nonce_seconds: int,
        counters: Sequence[Counter],
    ) -> Admission:
        now = int(timezone.now().timestamp())
        name, number = version
        with self.turn() as pages:
            if self.told(pages, name, now)[0] != number:
                return Admission(Verdict.STALE)
            if nonce and self.told(pages, nonce, now)[0] is not None:
                return Admission(Verdict.REPLAYED)
            found = [self.told(pages, counter.name, now) for counter in counters]
            for counter, (value, _) in zip(counters, found, strict=True):
                if value is None:
                    return Admission(Verdict.BLANK, counter)
                if 0 < counter.limit <= value:
                    return Admission(Verdict.FULL, counter)
            at = []
            for counter, (value, until) in zip(counters, found, strict=True):
                at.append(value + 1)
                pages.put(counter.name.encode(), KEPT.pack(value + 1, until))
            if nonce:
                self.keep(pages, nonce, 1, now + nonce_seconds)
                self.forget_some(pages, now)
            return Admission(Verdict.ADMITTED, at=at)

    def remember(self, name: str, value: int, *, seconds: int) -> None:
        now = int(timezone.now().timestamp())
        with self.turn() as pages:
            if self.told(pages, name, now)[0] is None:
                self.keep(pages, name, value, now + seconds)

    def read(self, names: Sequence[str]) -> dict[str, int]:
        now = int(timezone.now().timestamp())
        with self.turn(write=False) as pages:
            found = [(name, self.told(pages, name, now)[0]) for name in names]
        return {name: value for name, value in found if value is not None}

    def stamp(self, name: str) -> None:
        with self.turn() as pages:
            self.keep(pages, name, fresh_stamp(), FOR_EVER)

    @contextmanager
    def turn(self, *, write: bool = True) -> Iterator[lmdb.Transaction]:
        """One writes at a time, over all processes; what ends in an error has not happened."""
        try:
            with self.pages.begin(self.values, write=write) as pages:
                yield pages
        except lmdb.Error as error:
            raise Busy("the platform's memory has no room; try again") from error

    def told(self, pages: lmdb.Transaction, name: str, now: int) -> tuple[int | None, int]:
        kept = pages.get(name.encode())
        value, until = KEPT.unpack(kept) if kept else (None, 0)
        return (value, until) if until > now else (None, 0)

    def keep(self, pages: lmdb.Transaction, name: str, value: int, until: int) -> None:
        key = name.encode()
        pages.put(key, KEPT.pack(value, until))
        pages.put(DEADLINE.pack(until) + key, b"", db=self.deadlines)

    def forget_some(self, pages: lmdb.Transaction, now: int) -> None:
        """What is too old goes as new things come: now and then, and more than came since."""
        self.came += 1
        if self.came % FORGET_EVERY:
            return
        with pages.cursor(self.deadlines) as oldest:
            for _ in range(4 * FORGET_EVERY):
                if not oldest.first() or DEADLINE.unpack_from(oldest.key())[0] > now:
                    return
                name = oldest.key()[DEADLINE.size :]
                # It may have been remembered anew since, for longer.
                if self.told(pages, name.decode(), now)[0] is None:
                    pages.delete(name)
                oldest.delete()


def started() -> str:
    """A name for this host's start, where the host has one."""
    told = Path("/proc/sys/kernel/random/boot_id")
    return told.read_text().strip() if told.exists() else "always"


@cache
def memory() -> Memory:
    if settings.MEMORY_URL:
        return RedisMemory(settings.MEMORY_URL)
    return FileMemory(settings.VAR / "memory")


def changed(name: str) -> None:
    """Stamp a name once the surrounding transaction has committed.

    Where memory is away nobody is admitted; who knew the old state forgets it by age.
    """

    def stamp() -> None:
        try:
            memory().stamp(name)
        except Busy as error:
            log.error("the change of %s was not stamped: %s", name, error)

    transaction.on_commit(stamp)


# A connection is not shared with a child.
os.register_at_fork(after_in_child=memory.cache_clear)
