"""What the platform remembers for a while, shared by all its processes: nonces and counters.

Nothing here is the truth: what must outlive it is kept in the database by whoever needs it.
It costs no write to the database. Where the broker is a Redis it lives there; on the embedded
default it is a file beside the database, which nobody waits for the disk to keep.
"""

import hashlib
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Protocol

import redis
from django.conf import settings
from django.db import transaction
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


NOW = "cast(strftime('%s', 'now') as integer)"
FOR_EVER = 2**62
FORGET_EVERY = 50


@cache
def counting(counters: int, has_nonce: bool) -> str:
    """Remember a nonce and count one more on each counter, if nothing stands against it."""
    rows = [f"select ? as name, {NOW} + ? as until"] if has_nonce else []
    rows += ["select ? as name, 0 as until"] * counters
    known = f"exists (select 1 from memory where name = ? and until > {NOW}"  # noqa: S608
    rules = ["(select value from memory where name = ?) = ?"]
    rules += [f"not {known})"] if has_nonce else []
    rules += [f"{known} and (? = 0 or value < ?))"] * counters
    return (
        "insert into memory(name, value, until)"  # noqa: S608
        f" select name, 1, until from ({' union all '.join(rows)}) where {' and '.join(rules)}"
        # A counter goes on; a nonce that is too old begins anew.
        " on conflict(name) do update set"
        " value = case when excluded.until = 0 then memory.value + 1 else 1 end,"
        " until = case when excluded.until = 0 then memory.until else excluded.until end"
        " returning name, value"
    )


class FileMemory:
    """One small SQLite file without a wait for the disk; a connection for each thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.here = threading.local()

    @property
    def line(self) -> sqlite3.Connection:
        line = getattr(self.here, "line", None)
        if line is None:
            line = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            line.execute("pragma journal_mode=wal")
            line.execute("pragma synchronous=off")
            line.execute(
                "create table if not exists memory(name text primary key,"
                " value integer not null, until integer not null) without rowid"
            )
            line.execute("create index if not exists memory_until on memory(until)")
            self.here.line = line
        return line

    def admit(
        self,
        *,
        version: tuple[str, int],
        nonce: str | None,
        nonce_seconds: int,
        counters: Sequence[Counter],
    ) -> Admission:
        while True:
            at = self.count(version, nonce, nonce_seconds, counters)
            if at:
                return Admission(Verdict.ADMITTED, at=[at[counter.name] for counter in counters])
            refused = self.why_not(version, nonce, counters)
            if refused:
                return refused
            if not (nonce or counters):
                return Admission(Verdict.ADMITTED)
            # What stood against it has gone meanwhile.

    def count(
        self,
        version: tuple[str, int],
        nonce: str | None,
        nonce_seconds: int,
        counters: Sequence[Counter],
    ) -> dict[str, int]:
        """In one statement: what each name stands at now, or nothing, and nothing was done."""
        if not counters and not nonce:
            return {}
        values: list[object] = [nonce, nonce_seconds] if nonce else []
        values += [counter.name for counter in counters]
        values += [*version, *([nonce] if nonce else [])]
        for counter in counters:
            values += [counter.name, counter.limit, counter.limit]
        found = dict(self.ask(counting(len(counters), nonce is not None), values).fetchall())
        if found and nonce:
            self.forget_some()
        return found

    def ask(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self.line.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise Busy("the platform's memory is held by somebody; try again") from error

    def why_not(
        self, version: tuple[str, int], nonce: str | None, counters: Sequence[Counter]
    ) -> Admission | None:
        name, number = version
        asked = [name, *([nonce] if nonce else []), *(counter.name for counter in counters)]
        found = self.read(asked)
        if found.get(name) != number:
            return Admission(Verdict.STALE)
        if nonce in found:
            return Admission(Verdict.REPLAYED)
        for counter in counters:
            if counter.name not in found:
                return Admission(Verdict.BLANK, counter)
            if 0 < counter.limit <= found[counter.name]:
                return Admission(Verdict.FULL, counter)
        return None

    def forget_some(self) -> None:
        """What is too old goes as new things come: now and then, and more than came since."""
        self.here.came = getattr(self.here, "came", 0) + 1
        if self.here.came % FORGET_EVERY == 0:
            self.ask(
                "delete from memory where name in"  # noqa: S608
                f" (select name from memory where until <= {NOW} limit {4 * FORGET_EVERY})"
            )

    def remember(self, name: str, value: int, *, seconds: int) -> None:
        self.ask(
            f"insert into memory values(?, ?, {NOW} + ?) on conflict(name) do update"
            f" set value = excluded.value, until = excluded.until where memory.until <= {NOW}",
            (name, value, seconds),
        )

    def read(self, names: Sequence[str]) -> dict[str, int]:
        places = ",".join("?" * len(names))
        rows = self.ask(
            f"select name, value from memory where name in ({places}) and until > {NOW}",  # noqa: S608
            names,
        )
        return dict(rows.fetchall())

    def stamp(self, name: str) -> None:
        self.ask("insert or replace into memory values(?, ?, ?)", (name, fresh_stamp(), FOR_EVER))


@cache
def memory() -> Memory:
    if settings.MEMORY_URL:
        return RedisMemory(settings.MEMORY_URL)
    return FileMemory(str(settings.VAR / "memory.sqlite3"))


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
