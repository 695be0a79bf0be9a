"""The broker of the embedded default: a kombu transport over one SQLite file.

A message is a row. Whoever takes it holds it by a lease, renewed while it is in
hand, so that a long task is delivered once and a dead holder's messages return.
After too many tries, or when it cannot be read, a message goes to the table
`dead`, where an operator finds it. It serves one machine; production uses Redis.
"""

import logging
import os
import sqlite3
import threading
import time
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
create index if not exists message_queue on message(queue, free_at, id);
create table if not exists binding(
  exchange text, routing_key text, pattern text, queue text,
  primary key (exchange, routing_key, pattern, queue));
create table if not exists dead(
  id integer primary key, queue text, payload text, reason text, died_at real);
"""


class Held(NamedTuple):
    """A message in hand: its row, and the try in which it was taken."""

    row: int
    tries: int


class Binding(NamedTuple):
    routing_key: str
    pattern: str
    queue: str


class Opened(NamedTuple):
    database: sqlite3.Connection
    inode: int


class Connections(threading.local):
    """A connection for each thread; a forked child opens its own."""

    def __init__(self) -> None:
        self.by_path: dict[tuple[int, str], Opened] = {}

    def to(self, path: str) -> sqlite3.Connection:
        key = (os.getpid(), path)
        if key not in self.by_path:
            database = connect(path)
            self.by_path[key] = Opened(database, inode(path))
        elif inode(path) != self.by_path[key].inode:
            # What is open here is nobody else's any more; its rows are not those of the new file.
            self.by_path.pop(key).database.close()
            raise sqlite3.OperationalError(f"{path} was removed")
        return self.by_path[key].database


def inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def connect(path: str) -> sqlite3.Connection:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch(mode=0o600)
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=normal")
    database.executescript(SCHEMA)
    return database


connections = Connections()


class QoS(virtual.QoS):
    """Acknowledging deletes the row; giving back frees it for the next."""

    restore_at_shutdown = True

    def ack(self, delivery_tag: str) -> None:
        self.channel.done(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self.channel.give_back(delivery_tag)
        else:
            self.channel.done(delivery_tag)
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
        self.looked: dict[str, tuple[int, int, float]] = {}
        self.closing = threading.Event()
        self.renewing: threading.Thread | None = None

    @property
    def path(self) -> str:
        return "/" + str(self.connection.client.virtual_host or "").lstrip("/")

    @property
    def database(self) -> sqlite3.Connection:
        return connections.to(self.path)

    def done(self, delivery_tag: str) -> None:
        held = self.held.pop(delivery_tag, None)
        if held is not None:
            self.database.execute("delete from message where id=?", (held.row,))

    def give_back(self, delivery_tag: str, *, tries: int = 0) -> None:
        held = self.held.pop(delivery_tag, None)
        if held is not None:
            # Unless the lease ran out and another holds it now, who has one try more.
            self.database.execute(
                "update message set free_at=0, tries=tries+? where id=? and tries=?",
                (tries, held.row, held.tries),
            )

    def close(self) -> None:
        self.closing.set()
        super().close()

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        self.database.execute(
            "insert into message(queue, payload, put_at) values(?, ?, ?)",
            (queue, dumps(message), time.time()),
        )

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        database, now = self.database, time.time()
        if self._nothing_new(database, queue, now):
            raise Empty
        while True:
            rows = database.execute(
                "update message set free_at=?, tries=tries+1 where id=("
                "  select id from message where queue=? and free_at<=? order by id limit 1)"
                " returning id, payload, tries",
                (now + self.lease, queue, now),
            ).fetchall()
            if not rows:
                self.looked[queue] = (*self._version(database), now)
                raise Empty
            row, payload, tries = rows[0]
            if tries <= MOST_TRIES:
                break
            self._bury(row, f"delivered {MOST_TRIES} times and never finished")
        message = raw.read(payload, queue=queue)
        # A tag of our own: two rows may carry the same one.
        tag = message["properties"]["delivery_tag"] = f"{row}.{tries}"
        message["properties"]["delivery_info"]["redelivered"] = tries > 1
        self.held[tag] = Held(row, tries)
        self._keep_renewing()
        return message

    def _bury(self, row: int, reason: str) -> None:
        with self.database as database:
            database.execute("begin immediate")
            database.execute(
                "insert or ignore into dead"
                " select id, queue, payload, ?, ? from message where id=?",
                (reason, time.time(), row),
            )
            database.execute("delete from message where id=?", (row,))

    def _version(self, database: sqlite3.Connection) -> tuple[int, int]:
        others = database.execute("pragma data_version").fetchone()[0]
        return int(others), database.total_changes

    def _nothing_new(self, database: sqlite3.Connection, queue: str, now: float) -> bool:
        """Whether nobody wrote since the last look, which found nothing less than a second ago."""
        looked = self.looked.get(queue)
        if looked is None or now - looked[2] > 1:
            return False
        return self._version(database) == looked[:2]

    def _keep_renewing(self) -> None:
        if self.renewing is None or not self.renewing.is_alive():
            self.renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
            self.renewing.start()

    def _renew(self) -> None:
        """Until the channel closes; a file that is locked for long is asked again."""
        while not self.closing.wait(self.lease / 3):
            until = time.time() + self.lease
            rows = [(until, held.row, held.tries) for held in list(self.held.values())]
            try:
                self.database.executemany(
                    "update message set free_at=? where id=? and tries=?", rows
                )
            except sqlite3.OperationalError as error:
                log.warning("%d leases are not renewed: %s", len(rows), error)

    def _size(self, queue: str) -> int:
        counted = self.database.execute("select count(*) from message where queue=?", (queue,))
        return int(counted.fetchone()[0])

    def _purge(self, queue: str) -> int:
        return self.database.execute("delete from message where queue=?", (queue,)).rowcount

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return True

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self.database.execute(
            "insert or ignore into binding values(?, ?, ?, ?)",
            (exchange, routing_key or "", pattern or "", queue or ""),
        )

    def get_table(self, exchange: str) -> list[Binding]:
        rows = self.database.execute(
            "select routing_key, pattern, queue from binding where exchange=?", (exchange,)
        )
        return [Binding(*row) for row in rows]

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        self.database.execute("delete from binding where queue=?", (queue,))

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
    rows = connections.to(path).execute("select queue, count(*) from message group by queue")
    return dict(rows.fetchall())
