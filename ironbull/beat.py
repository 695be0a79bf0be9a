"""Beat, with a sign of life: whoever watches sees when it has died."""

import logging
import math
import time

from celery.beat import PersistentScheduler
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from apps.monitoring.checks.machine import BEAT
from apps.monitoring.services import pulse

log = logging.getLogger(__name__)

EVERY_SECONDS = 5


class Scheduler(PersistentScheduler):
    def __init__(self, *args, **kwargs):
        self.told_at = -math.inf
        super().__init__(*args, **kwargs)

    def tick(self, *args, **kwargs):
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self.told_at >= EVERY_SECONDS:
            self.told_at = time.monotonic()
            live()
        return wait


def live() -> None:
    close_old_connections()
    try:
        pulse(name=BEAT, at=timezone.now())
    except DatabaseError as error:
        # What is due is named all the same.
        log.warning("beat could not say that it lives: %s", error)
