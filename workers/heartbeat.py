"""The node says that it lives, every few seconds, from a thread of its own."""

import logging
import os
import threading
import time
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import OperationalError

from engine.messages import Heartbeat
from workers import tasks
from workers.app import Node, node

log = logging.getLogger(__name__)
_stop = threading.Event()
VERSION = "0.1.0"


@worker_ready.connect
def begin(**_: Any) -> None:
    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    _stop.set()


def told_of(host: Node) -> Heartbeat:
    """What the centre is told of this host, as it is now."""
    return Heartbeat(
        version=VERSION,
        clock_ms=time.time_ns() // 1_000_000,
        running=tasks.running,
        load_percent=round(os.getloadavg()[0] * 100 / (os.cpu_count() or 1)),
        venues=host.reach.told(),
    )


def beat() -> None:
    host = node()
    host.journal.prune()
    while True:
        told = told_of(host)
        try:
            host.tell_centre("nodes.heartbeat", "centre.heartbeats", told)
        except OperationalError as error:
            log.warning("the centre did not get a heartbeat: %s", error)
        if _stop.wait(host.settings.heartbeat_seconds):
            return
