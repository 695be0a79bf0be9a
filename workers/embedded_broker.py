"""The broker of the embedded default: a kombu transport over one SQLite file.

A message is a row. Whoever takes it holds it by a lease, renewed while it is in
hand, so that a long task is delivered once and a dead holder's messages return.
After too many tries a message goes to the table `dead`, and word of it to whoever
keeps refused messages. It serves one machine; production uses Redis.
"""

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

from kombu.transport import virtual
from kombu.utils.json import dumps

from workers import raw

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
MOST_TRIES = 10
IDLE_SECONDS = 0.02
SCHEMA = """
create table if not exists message(
  id integer primary key autoincrement, queue text not null, payload text not null,
  free_at real not null default 0, tries integer not null default 0, put_at real not null);
create index if not exists message_in_order on message(queue, id);
create table if not exists binding(
  exchange text, routing_key text, pattern text, queue text,
  primary key (exchange, routing_key, pattern, queue));
create table if not exists dead(
  id integer primary key, queue text, payload text, reason text, died_at real);
"""
TAKE = """
update message set free_at=?, tries=tries+1
where id=(select id from message where queue=? and free_at<=? order by id limit 1)
returning id, payload, tries
"""


class Held(NamedTuple):
    """A message in hand: its row, and the try in which it was taken."""

    row: int
    tries: int


class Binding(NamedTuple):
    routing_key: str
    pattern: str
    queue: str


class Database(sqlite3.Connection):
    """A connection, and the file that it opened."""

    inode: int


class Connections(threading.local):
    """A connection for each thread; a forked child opens its own.

    SQLite keeps its locks for the whole process, in memory that a child inherits: one
    forked in the middle of a statement would wait for ever for a lock that nobody holds.
    So statements run under `quiet`, which a fork waits for, and the child first closes
    what it inherited.
    """

    quiet = threading.RLock()
    opened: weakref.WeakSet[Database] = weakref.WeakSet()

    def __init__(self) -> None:
        self.by_path: dict[str, Database] = {}

    def to(self, path: str) -> Database:
        if path not in self.by_path:
            self.by_path[path] = connect(path)
            self.opened.add(self.by_path[path])
        elif inode(path) != self.by_path[path].inode:
            # What is open here is nobody else's any more; its rows are not those of the new file.
            self.by_path.pop(path).close()
            raise sqlite3.OperationalError(f"{path} was removed")
        return self.by_path[path]

    def run(self, path: str, statement: str, *parameters: Any) -> list[Any]:
        with self.quiet:
            return self.to(path).execute(statement, parameters).fetchall()

    def after_fork_in_child(self) -> None:
        for database in list(self.opened):
            database.close()
        self.opened.clear()
        self.by_path.clear()
        self.quiet.release()


def inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def connect(path: str) -> Database:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch(mode=0o600)
    # A forked child closes from its one thread what other threads had opened.
    database = sqlite3.connect(
        path, timeout=30, isolation_level=None, check_same_thread=False, factory=Database
    )
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=normal")
    database.executescript(SCHEMA)
    database.inode = inode(path)
    return database


connections = Connections()
os.register_at_fork(
    before=connections.quiet.acquire,
    after_in_parent=connections.quiet.release,
    after_in_child=connections.after_fork_in_child,
)


class QoS(virtual.QoS):
    """Acknowledging deletes the row; giving back frees it for the next."""

    restore_at_shutdown = True

    def ack(self, delivery_tag: str) -> None:
        with self._letting_go(delivery_tag):
            self.channel.done(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._letting_go(delivery_tag):
            if requeue:
                self.channel.give_back(delivery_tag)
            else:
                self.channel.done(delivery_tag)

    @contextmanager
    def _letting_go(self, delivery_tag: str) -> Iterator[None]:
        """Whatever becomes of the row: a worker whose hands seem full would take nothing more.

        One that could not be written is free again when its lease ends.
        """
        try:
            yield
        finally:
            super().ack(delivery_tag)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        # A holder that stops in good order has not failed at them.
        for delivery_tag in list(self._delivered):
            self.channel.give_back(delivery_tag, tries=-1)
        self._delivered.clear()

    def restore_unacked(self) -> None:
        self.restore_unacked_once()

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: a lease that ran out is free by itself."""


class Channel(virtual.Channel):
    QoS = QoS
    supports_fanout = True
    do_restore = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = self.connection.client.transport_options
        self.lease = float(options.get("lease_seconds", LEASE_SECONDS))
        # What is in hand, by delivery tag; a thread renews the leases.
        self.held: dict[str, Held] = {}
        self.looked: dict[str, tuple[tuple[int, int], float]] = {}
        self.closing = threading.Event()
        self.renewing: threading.Thread | None = None

    @property
    def path(self) -> str:
        return "/" + str(self.connection.client.virtual_host or "").lstrip("/")

    def run(self, statement: str, *parameters: Any) -> list[Any]:
        return connections.run(self.path, statement, *parameters)

    def done(self, delivery_tag: str) -> None:
        held = self.held.pop(delivery_tag, None)
        if held is not None:
            self.run("delete from message where id=?", held.row)

    def give_back(self, delivery_tag: str, *, tries: int = 0) -> None:
        held = self.held.pop(delivery_tag, None)
        if held is not None:
            # Unless the lease ran out and another holds it now, who has one try more.
            self.run(
                "update message set free_at=0, tries=tries+? where id=? and tries=?",
                *(tries, held.row, held.tries),
            )

    def close(self) -> None:
        self.closing.set()
        super().close()

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        self.run(
            "insert into message(queue, payload, put_at) values(?, ?, ?)",
            *(queue, dumps(message), time.time()),
        )

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        now = time.time()
        # Taken before the look: what is put in between counts as new.
        version = self._version()
        if self._nothing_new(queue, version, now):
            raise Empty
        rows = self.run(TAKE, now + self.lease, queue, now)
        if not rows:
            self.looked[queue] = (version, now)
            raise Empty
        row, payload, tries = rows[0]
        # A tag of our own: two rows may carry the same one.
        tag = f"{row}.{tries}"
        if tries > MOST_TRIES:
            message = self._buried(row, payload, queue=queue)
        else:
            message = raw.read(payload, queue=queue)
            self.held[tag] = Held(row, tries)
            self._keep_renewing()
        message["properties"]["delivery_tag"] = tag
        message["properties"]["delivery_info"]["redelivered"] = tries > 1
        return message

    def _buried(self, row: int, payload: bytes | str, *, queue: str) -> dict[str, Any]:
        """Bury the row; what comes out in its place only says so, and is refused."""
        reason = f"delivered {MOST_TRIES} times and never finished"
        with connections.quiet, connections.to(self.path) as database:
            database.execute("begin immediate")
            database.execute(
                "insert or ignore into dead"
                " select id, queue, payload, ?, ? from message where id=?",
                (reason, time.time(), row),
            )
            database.execute("delete from message where id=?", (row,))
        log.error("a message on %s was %s: it is in the table dead, row %d", queue, reason, row)
        return raw.wrapped(payload, reason=reason, queue=queue)

    def _version(self) -> tuple[int, int]:
        """Changes when anybody writes: others, or this connection."""
        ((others,),) = self.run("pragma data_version")
        return others, connections.to(self.path).total_changes

    def _nothing_new(self, queue: str, version: tuple[int, int], now: float) -> bool:
        """Whether nobody wrote since the last look, which found nothing less than a second ago."""
        looked = self.looked.get(queue)
        return looked is not None and now - looked[1] <= 1 and looked[0] == version

    def _keep_renewing(self) -> None:
        if self.renewing is None or not self.renewing.is_alive():
            self.renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
            self.renewing.start()

    def _renew(self) -> None:
        """Until the channel closes; a file that is locked for long is asked again."""
        while not self.closing.wait(self.lease / 3):
            try:
                for held in list(self.held.values()):
                    self.run(
                        "update message set free_at=? where id=? and tries=?",
                        *(time.time() + self.lease, held.row, held.tries),
                    )
            except sqlite3.OperationalError as error:
                log.warning("the leases of %d messages are not renewed: %s", len(self.held), error)

    def _size(self, queue: str) -> int:
        ((waiting,),) = self.run("select count(*) from message where queue=?", queue)
        return int(waiting)

    def _purge(self, queue: str) -> int:
        return len(self.run("delete from message where queue=? returning id", queue))

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return True

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self.run(
            "insert or ignore into binding values(?, ?, ?, ?)",
            *(exchange, routing_key or "", pattern or "", queue or ""),
        )

    def get_table(self, exchange: str) -> list[Binding]:
        rows = self.run(
            "select routing_key, pattern, queue from binding where exchange=?", exchange
        )
        return [Binding(*row) for row in rows]

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        self.run("delete from binding where queue=?", queue)

    def _put_fanout(
        self, exchange: str, message: dict[str, Any], routing_key: str, **kwargs: Any
    ) -> None:
        for binding in self.get_table(exchange):
            self._put(binding.queue, message)


class Transport(virtual.Transport):
    Channel = Channel
    global_state = virtual.BrokerState()
    default_port = 0
    polling_interval = IDLE_SECONDS
    driver_type = "sqlite"
    driver_name = "sqlite3"
    # A file that is locked, full, read-only or gone is a broker that is away: kombu says so
    # in its own words, senders carry on, and a worker connects again.
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.OperationalError, OSError)
    can_parse_url = False
    implements = virtual.Transport.implements.extend(
        exchange_type=frozenset(["direct", "topic", "fanout"])
    )

    @property
    def default_connection_params(self) -> dict[str, Any]:
        # A file has no host, and kombu need not warn of one that is missing.
        return {}

    def driver_version(self) -> str:
        return sqlite3.sqlite_version


def queue_depths(path: str) -> dict[str, int]:
    """How many messages wait or are in hand, by queue."""
    return dict(connections.run(path, "select queue, count(*) from message group by queue"))
