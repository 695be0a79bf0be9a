"""Database, broker, beat, queues, disk."""

import shutil
import time
from collections.abc import Iterator
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from kombu import Connection
from kombu.exceptions import OperationalError

from apps.monitoring.checks.check import CRITICAL, Check, Measure
from apps.monitoring.models import Pulse

BEAT = "beat"
BROKER_SECONDS = 2
# On these a task takes minutes, and the next may wait for it.
LONG = {"centre.backtests", "centre.minds"}
# Only worked on where there are hosts for it.
OPTIONAL = {"centre.searches"}


def queues() -> list[str]:
    """Every queue of the centre that has to be worked on."""
    conf = current_app.conf
    routed = {route["queue"] for route in conf.task_routes.values()}
    return sorted({*routed, conf.task_default_queue} - OPTIONAL)


def database(now: datetime) -> Iterator[Measure]:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    yield Measure(connection.vendor, time.monotonic() - began)


def broker(now: datetime) -> Iterator[Measure]:
    scheme = settings.BROKER_URL.partition(":")[0]
    began = time.monotonic()
    try:
        with Connection(settings.BROKER_URL, connect_timeout=BROKER_SECONDS) as line:
            line.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
            line.default_channel.queue_declare(current_app.conf.task_default_queue)
    except (OperationalError, OSError) as error:
        yield Measure(scheme, float("inf"), type(error).__name__)
    else:
        yield Measure(scheme, time.monotonic() - began)


def beat(now: datetime) -> Iterator[Measure]:
    yield from since_pulse(now, {BEAT})


def short_queues(now: datetime) -> Iterator[Measure]:
    yield from since_pulse(now, {name for name in queues() if name not in LONG})


def long_queues(now: datetime) -> Iterator[Measure]:
    yield from since_pulse(now, {name for name in queues() if name in LONG})


def since_pulse(now: datetime, names: set[str]) -> Iterator[Measure]:
    """How long ago each was alive; one that was never waited for says nothing."""
    known = dict(Pulse.objects.filter(name__in=names).values_list("name", "at"))
    for name in sorted(names):
        if name in known:
            yield Measure(name, max(0.0, (now - known[name]).total_seconds()))


def disk(now: datetime) -> Iterator[Measure]:
    used = shutil.disk_usage(settings.VAR)
    yield Measure("var", 100 * used.used / used.total, f"{used.free >> 20} MiB free")


CHECKS = [
    Check(
        name="database",
        title=_("An answer of the database takes long"),
        unit="s",
        measure=database,
        threshold=1,
        for_seconds=15,
    ),
    Check(
        name="broker",
        title=_("The broker does not answer"),
        unit="s",
        measure=broker,
        threshold=1,
        for_seconds=15,
        severity=CRITICAL,
    ),
    Check(
        name="beat",
        title=_("Beat, which names what is due, is silent"),
        unit="s",
        measure=beat,
        threshold=30,
        for_seconds=10,
        severity=CRITICAL,
    ),
    Check(
        name="queue",
        title=_("A task waits long in its queue"),
        unit="s",
        measure=short_queues,
        threshold=45,
        for_seconds=10,
        severity=CRITICAL,
    ),
    Check(
        name="long_queue",
        title=_("A long task waits long in its queue"),
        unit="s",
        measure=long_queues,
        threshold=3600,
    ),
    Check(
        name="disk",
        title=_("The disk is full"),
        unit="%",
        measure=disk,
        threshold=90,
        for_seconds=60,
        severity=CRITICAL,
    ),
]
