"""The node says that it lives, every few seconds, from a thread of its own."""

import logging
import threading
import time
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import OperationalError

from engine.messages import Heartbeat
from workers import tasks
from workers.app import node

log = logging.getLogger(__name__)
_stop = threading.Event()
VERSION = "0.1.0"


@worker_ready.connect
def begin(**_: Any) -> None:
    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    _stop.set()


def beat() -> None:
    host = node()
    host.journal.prune()
    while True:
        told = Heartbeat(
            version=VERSION, clock_ms=time.time_ns() // 1_000_000, running=tasks.running
        )
        try:
            host.tell_centre("nodes.heartbeat", "centre.heartbeats", told)
        except OperationalError as error:
            log.warning("the centre did not get a heartbeat: %s", error)
        if _stop.wait(host.settings.heartbeat_seconds):
            return
