"""The MariaDB and Redis that a test run may use: named, found running, or started for it.

A server of our own is started in a temporary directory on a free port and stopped
at the end. A running one is asked only for databases whose names begin with `test_`.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

try:
    import MySQLdb
except ImportError:
    MySQLdb = None

# An ordinary user's PATH often leaves out where Debian keeps its servers.
PLACES = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
START_SECONDS = 60


@dataclass(frozen=True)
class Offer:
    """An address, or why there is none and what would change that."""

    address: str | None
    reason: str


class Refused(Exception):
    """A named server cannot be used; the run stops rather than pass without it."""


def mariadb(stack: ExitStack, environment: Mapping[str, str]) -> Offer:
    named = environment.get("TEST_DATABASE_URL")
    if named and "test" not in urlparse(named).path:
        raise Refused("TEST_DATABASE_URL must name a database with `test` in its name")
    if MySQLdb is None:
        if named:
            raise Refused("TEST_DATABASE_URL is set, but mysqlclient could not be installed")
        return Offer(
            None,
            "mysqlclient is not installed: `apt-get install default-libmysqlclient-dev pkg-config "
            "build-essential python3-dev`, then `make test`",
        )
    if named:
        return Offer(named, "named by TEST_DATABASE_URL")
    # Our own before a running one: it need not wait for the disk.
    if shutil.which("mariadbd", path=PLACES):
        server = stack.enter_context(own_mariadb())
        return Offer(f"mysql://root@127.0.0.1:{server.port}/test_ironbull", "started for this run")
    if mariadb_answers(3306):
        return Offer("mysql://root@127.0.0.1:3306/test_ironbull", "found on 127.0.0.1:3306")
    return Offer(
        None,
        "there is no MariaDB: `apt-get install mariadb-server`, or name one, as in "
        "`TEST_DATABASE_URL=mysql://user:password@host/test_ironbull make test`",
    )


def redis(stack: ExitStack, environment: Mapping[str, str]) -> Offer:
    named = environment.get("TEST_BROKER_URL")
    if named:
        return Offer(named, "named by TEST_BROKER_URL")
    # Our own before a running one: what somebody else keeps in it is not ours to flush.
    if shutil.which("redis-server", path=PLACES):
        server = stack.enter_context(own_redis())
        return Offer(f"redis://127.0.0.1:{server.port}/0", "started for this run")
    if redis_answers(6379):
        return Offer("redis://127.0.0.1:6379/15", "found on 127.0.0.1:6379, database 15")
    return Offer(
        None,
        "there is no Redis: `apt-get install redis-server`, or name one, as in "
        "`TEST_BROKER_URL=redis://host:6379/15 make test`",
    )


class Server:
    """A server of our own on a port of this host; it may be killed and started again."""

    def __init__(
        self, command: list[str], port: int, log: Path, answers: Callable[[int], bool]
    ) -> None:
        self.command, self.port, self.log = command, port, log
        self.answers = answers

    def start(self) -> None:
        with self.log.open("ab") as out:
            # In a session of its own, so that Ctrl-C reaches the tests before their servers.
            self.process = subprocess.Popen(
                self.command, stdout=out, stderr=out, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")
                raise Refused(f"{self.command[0]} did not start: {said[-500:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def own_mariadb() -> Iterator[Server]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ironbull-mariadb-") as home:
        data = Path(home, "data")
        # As root the server must be told that it is meant.
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [
                *(program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", *user),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ],
            check=True,
            capture_output=True,
        )
        command = [
            *(program("mariadbd"), "--no-defaults", f"--datadir={data}", *user),
            *(f"--socket={home}/mariadb.sock", f"--pid-file={home}/mariadb.pid"),
            # Of a shared one a server that starts sweeps away what others are using.
            f"--tmpdir={home}",
            *("--bind-address=127.0.0.1", f"--port={port}"),
            # What is written outlives the process, but not a crash of the machine.
            *("--innodb-flush-log-at-trx-commit=2", "--loose-innodb-flush-method=nosync"),
            *("--innodb-buffer-pool-size=128M", "--character-set-server=utf8mb4"),
        ]
        with running(Server(command, port, Path(home, "log"), mariadb_answers)) as server:
            yield server


@contextmanager
def own_redis() -> Iterator[Server]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ironbull-redis-") as home:
        command = [
            *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"),
            *("--dir", home, "--save", "", "--appendonly", "no"),
        ]
        with running(Server(command, port, Path(home, "log"), redis_answers)) as server:
            yield server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def mariadb_answers(port: int) -> bool:
    try:
        MySQLdb.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2).close()
    except MySQLdb.Error:
        return False
    return True


def redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name: str) -> str:
    found = shutil.which(name, path=PLACES)
    if not found:
        raise Refused(f"{name} is not installed beside its server")
    return found
