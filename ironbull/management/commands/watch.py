"""`manage.py watch`: look at everything again and again, and tell people what is wrong.

A process of its own, for it has to see when beat, the broker or the workers are away. While the
database is away there is no outbox: then it tells the channels that it knows by itself.
"""

import logging
import signal
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from apps.monitoring.alone import Alone
from apps.monitoring.listening import Listener
from apps.monitoring.selectors import Looked
from apps.monitoring.services import deliver, ensure_rules, pulse, send_probes, watch
from apps.tenants.targets import Unreachable, post

log = logging.getLogger(__name__)

PROBE_SECONDS = 5
PING_SECONDS = 60


class Command(HouseCommand):
    help = (
        "Watch the whole installation and send alerts; --once looks once and prints what it found."
    )
    subject = Subject.WATCH
    examples = """
        watch
        watch --once --json
    """

    def add_arguments(self, parser):
        parser.add_argument("--every", type=float, default=5, metavar="SECONDS")
        parser.add_argument("--once", action="store_true")
        add_json(parser)

    def handle(self, *, every, once, **options):
        ensure_rules()
        if once:
            looked = watch(now=timezone.now())
            if self.as_json:
                self.tell_json([plain(found) for found in looked])
            else:
                self.tell(("check", "subject", "value", "told"), lines(looked))
            deliver(now=timezone.now())
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_told: stopped.set())
        Listener(stopped).start()
        Watcher(every=every).run(stopped)


class Watcher:
    def __init__(self, *, every: float) -> None:
        self.every = every
        self.alone = Alone()
        self.sent: dict[str, datetime] = {}
        self.next_probe = self.next_ping = 0.0

    def run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            began = time.monotonic()
            close_old_connections()
            try:
                self.round()
            except DatabaseError as error:
                log.error("the database is away: %s", error)
                self.alone.failed(error, timezone.now())
            stopped.wait(max(0.1, self.every - (time.monotonic() - began)))

    def round(self) -> None:
        now = timezone.now()
        if time.monotonic() >= self.next_probe:
            self.next_probe = time.monotonic() + PROBE_SECONDS
            send_probes(now=now, sent=self.sent)
        watch(now=now)
        pulse(name="watch", at=now)
        self.alone.went_well(now)
        while deliver(now=timezone.now()):
            pass
        if settings.WATCH_PING_URL and time.monotonic() >= self.next_ping:
            self.next_ping = time.monotonic() + PING_SECONDS
            ping()


def ping() -> None:
    """Say elsewhere that somebody watches here."""
    try:
        status, _words = post(settings.WATCH_PING_URL, headers={}, body=b"", may_be_private=True)
    except Unreachable as error:
        log.warning("the ping did not arrive: %s", error)
    else:
        if status >= 400:
            log.warning("the ping was answered with %s", status)


def lines(looked: list[Looked]) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    for found in looked:
        name, unit = found.check.name, found.check.unit
        if found.problem:
            rows.append((name, "", "?", found.problem))
        for one in found.measures:
            rows.append((name, one.subject, f"{one.value:.6g} {unit}".strip(), one.told))
    return rows


def plain(found: Looked) -> dict[str, object]:
    return {
        "check": found.check.name,
        "unit": found.check.unit,
        "problem": found.problem,
        "measures": [
            {"subject": one.subject, "value": one.value, "told": one.told} for one in found.measures
        ],
    }
