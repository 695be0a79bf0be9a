"""The same thing done by many at the same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once(times: int, do: Callable[..., object], *each: list) -> list[object]:
    """What each of them got back: a value, or the exception that it raised.

    The test needs `django_db(transaction=True)`: a row that is not committed is not seen.
    """
    gate = threading.Barrier(times, timeout=20)

    def one(*arguments: object) -> object:
        gate.wait()
        try:
            return do(*arguments)
        except Exception as error:  # noqa: BLE001 - the test asks what was raised
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        waiting = [pool.submit(one, *arguments) for arguments in zip(*each, strict=True)] or [
            pool.submit(one) for _ in range(times)
        ]
        return [done.result(timeout=60) for done in waiting]
