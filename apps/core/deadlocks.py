"""A transaction that the database ended in favour of another one is tried again, whole."""

import functools
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

from apps.core.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")

DEADLOCK, LOCK_WAIT_TIMEOUT = 1213, 1205
SQLITE_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
TRIES = 5


def undeadlocked(do: Callable[[], T]) -> T:
    """Run a function that is one transaction, again if it lost a deadlock or a lock.

    Inside a transaction it runs once: only the outermost one can be tried again.
    """
    if connection.in_atomic_block:
        return do()
    for attempt in range(1, TRIES):
        try:
            return do()
        except OperationalError as error:
            if not is_lost_lock(error):
                raise
            # Not at the same moment as the other one.
            time.sleep(attempt * secrets.randbelow(50) / 1000)
    try:
        return do()
    except OperationalError as error:
        if not is_lost_lock(error):
            raise
        raise Busy("too many others wrote the same rows; nothing was done") from error


def retried(service: Callable[P, T]) -> Callable[P, T]:
    """Mark a service that is one transaction: where it is the outermost one, it is tried again."""

    @functools.wraps(service)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        return undeadlocked(lambda: service(*args, **kwargs))

    return whole


def is_lost_lock(error: OperationalError) -> bool:
    # The extended codes of SQLite have the plain one in their last byte.
    sqlite_code = getattr(error.__cause__, "sqlite_errorcode", 0)
    return error.args[0] in (DEADLOCK, LOCK_WAIT_TIMEOUT) or sqlite_code & 0xFF in SQLITE_LOCKED
