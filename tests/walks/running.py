"""A running house for a story: real beat, centre and node processes on the test database.

Whoever dies is started again, as an operator's supervisor would do; `kill` is
kill -9. Failpoints are armed by name. What a process loads is loaded once for all of them.
"""

import base64
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.transport.redis import Channel as RedisChannel
from nacl.signing import SigningKey

from apps.nodes.selectors import alive_nodes
from apps.nodes.services import enroll_node
from engine.venues.paper import PaperVenue
from ironbull.celery import app
from tests.walks.nursery import Child, Nursery
from workers.__main__ import node_command
from workers.keys import make_keys

ROOT = Path(__file__).resolve().parents[2]
CENTRE_QUEUES = "centre.scan,centre.dispatch,centre.reports,centre.states,centre.default"


class Running:
    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.environment = environment
        self.failpoints = directory / "failpoints"
        self.failpoints.mkdir()
        self.book = directory / "paper"
        self.deaths = 0
        self.processes: dict[str, Child] = {}
        self.nurseries: dict[str, Nursery] = {}
        self._stopping = threading.Event()
        self._watching = threading.Thread(target=self._restart_the_dead, daemon=True)

    def enroll(self, code: str = "walk"):
        """A node of this host, with keys of its own; its worker starts with `start`."""
        self.code = code
        empty_queues(code)
        public = make_keys(
            self.directory / "node.json", node=code, centre_verify=centre_verify_key()
        )
        return enroll_node(code=code, name=code, seal_key=public[0], verify_key=public[1])

    def start(self, *names: str) -> None:
        self._load(*names)
        for name in names:
            self._spawn(name)
        self._watching.start()

    def stop(self) -> None:
        self._stopping.set()
        self._watching.join()
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
        for nursery in self.nurseries.values():
            nursery.stop()

    def kill(self, name: str) -> None:
        """Kill -9; who has died this moment is killed once more, as soon as it lives again."""
        wait_for(partial(self._has_struck, name), what=f"{name} to be alive")

    def _has_struck(self, name: str) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, signal.SIGKILL)
            return True
        return False

    def fell(self, name: str) -> None:
        """Kill -9, and nobody starts it again."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def rise(self, name: str) -> None:
        self._spawn(name)

    def is_alive(self) -> bool:
        return alive_nodes(timezone.now()).filter(code=self.code).exists()

    def arm(self, failpoint: str) -> None:
        (self.failpoints / failpoint).touch()

    def has_fired(self, failpoint: str) -> bool:
        return not (self.failpoints / failpoint).exists()

    def venue(self, account_id: int) -> PaperVenue:
        """The account as the exchange itself knows it."""
        return PaperVenue(self.book, str(account_id))

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def _command(self, name: str) -> list[str]:
        celery = [sys.executable, "-m", "celery", "-A", "ironbull"]
        worker = [*celery, "worker", "--loglevel=info", "--without-mingle", "--without-gossip"]
        return {
            "beat": [*celery, "beat", "-s", str(self.directory / "beat"), "--pidfile="],
            "centre": [*worker, "-n", "centre@walk", "-Q", CENTRE_QUEUES, "-P", "threads", "-c4"],
            "heartbeats": [*worker, "-n", "hb@walk", "-Q", "centre.heartbeats", "-P", "solo"],
            "backtests": [
                *(*worker, "-n", "bt@walk", "-Q", "centre.backtests", "-P", "threads", "-c2"),
            ],
            "minds": [*worker, "-n", "m@walk", "-Q", "centre.minds", "-P", "threads", "-c8"],
            "minds2": [*worker, "-n", "m2@walk", "-Q", "centre.minds", "-P", "threads", "-c8"],
            "watch": [sys.executable, "manage.py", "watch", "--every", "0.5"],
            "node": node_command(self.code, log_level="INFO"),
        }[name]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": database_url(),
            "BROKER_URL": settings.BROKER_URL,
            "IRONBULL_FAILPOINTS": str(self.failpoints),
            "PAPER_BOOK": str(self.book),
            "NODE_CODE": self.code,
            "NODE_KEY_FILE": str(self.directory / "node.json"),
            "NODE_STATE": str(self.directory / "node"),
            "HEARTBEAT_SECONDS": "1",
            "TICKET_SECONDS": "4",
            "SWEEP_AFTER_SECONDS": "2",
            "SIGNAL_SECONDS": "240",
            **self.environment,
        }

    def _load(self, *names: str) -> None:
        """Begin to load what these processes are made of."""
        for floor in {floor_of(name) for name in names} - set(self.nurseries):
            environment = self._environment()
            if floor == "node":
                # Nothing of the centre is known there: Celery would load all of it.
                environment.pop("DJANGO_SETTINGS_MODULE", None)
            self.nurseries[floor] = Nursery(
                f"tests.walks.loaded_{floor}", cwd=ROOT, environment=environment
            )

    def _spawn(self, name: str) -> None:
        self._load(name)
        log = self.directory / f"{name}.log"
        self.processes[name] = self.nurseries[floor_of(name)].start(self._command(name), log)

    def _restart_the_dead(self) -> None:
        while not self._stopping.wait(0.1):
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    self.deaths += 1
                    self._spawn(name)


def floor_of(name: str) -> str:
    """Which of the two floors the process of this name belongs to."""
    return "node" if name == "node" else "centre"


def encoded(key) -> str:
    return base64.b64encode(bytes(key)).decode()


def centre_verify_key() -> str:
    return encoded(SigningKey(settings.CENTRE_SIGNING_KEY).verify_key)


def database_url() -> str:
    """The address of the database that this test run uses."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    secret = f":{told['PASSWORD']}" if told["PASSWORD"] else ""
    return f"mysql://{told['USER']}{secret}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


def wait_for(condition: Callable[[], bool], *, seconds: float = 60, what: str = "") -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            raise AssertionError(f"waited {seconds} s for {what or condition}")
        time.sleep(0.1)


def empty_queues(code: str) -> None:
    """Take away what an earlier story left behind: this one's processes would find it."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        for queue in [
            *CENTRE_QUEUES.split(","),
            "centre.heartbeats",
            "centre.backtests",
            "centre.minds",
            f"node.{code}",
            f"node.{code}.making",
        ]:
            channel.queue_declare(queue, durable=True, auto_delete=False)
            channel.queue_purge(queue)
        if isinstance(channel, RedisChannel):
            # What a killed process had in hand would come back after a while.
            with channel.conn_or_acquire() as redis:
                redis.delete(channel.unacked_key, channel.unacked_index_key)


@contextlib.contextmanager
def running(directory: Path, **environment: str) -> Iterator[Running]:
    """A house to tell stories in; its processes are told the environment beside their own."""
    house = Running(directory, **environment)
    try:
        yield house
    finally:
        if house._watching.is_alive():
            house.stop()
