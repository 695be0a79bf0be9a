"""Who is told that the database is away: the channels that were known before."""

import logging
import time
import uuid
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError

from apps.monitoring.models import Channel, Notice
from apps.monitoring.senders import Letter, NotSent, bare_letter, send

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 15
RELOAD_SECONDS = 60


class Alone:
    """Keeps the way to people in memory, for the time in which no row can be read."""

    def __init__(self) -> None:
        self.ways: list[Letter] = []
        self.read_at = float("-inf")
        self.failing_since: float | None = None
        self.is_told = False

    def went_well(self, now: datetime) -> None:
        if self.is_told:
            self.tell("Over: the database answers again", Notice.Kind.RESOLVED, now)
        self.failing_since, self.is_told = None, False
        if time.monotonic() - self.read_at >= RELOAD_SECONDS:
            self.read_at = time.monotonic()
            active = Channel.objects.filter(status=Channel.Status.ACTIVE, is_second=False)
            self.ways = [bare_letter(channel, now) for channel in active]

    def failed(self, error: DatabaseError, now: datetime) -> None:
        self.failing_since = self.failing_since or time.monotonic()
        if not self.is_told and time.monotonic() - self.failing_since >= PATIENCE_SECONDS:
            self.is_told = True
            words = f"Critical: the database is away ({type(error).__name__})"
            self.tell(words, Notice.Kind.FIRED, now)

    def tell(self, words: str, kind: str, now: datetime) -> None:
        for way in self.ways:
            about = {"id": str(uuid.uuid4()), "kind": kind, "check": "database"}
            try:
                send(replace(way, subject=words, about=about, at=now))
            except NotSent as problem:
                log.error("a channel did not hear that: %s", problem)
