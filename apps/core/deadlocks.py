"""A transaction that the database chose to end a deadlock is tried again, whole."""

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

T = TypeVar("T")

DEADLOCK, LOCK_WAIT_TIMEOUT = 1213, 1205
TRIES = 5


def undeadlocked(do: Callable[[], T]) -> T:
    """Run a function that is one transaction, again if it lost a deadlock.

    Inside a transaction it runs once: only the outermost one can be tried again.
    """
    if connection.in_atomic_block:
        return do()
    for attempt in range(1, TRIES):
        try:
            return do()
        except OperationalError as error:
            if error.args[0] not in (DEADLOCK, LOCK_WAIT_TIMEOUT):
                raise
            # Not at the same moment as the other one.
            time.sleep(attempt * secrets.randbelow(50) / 1000)
    return do()
