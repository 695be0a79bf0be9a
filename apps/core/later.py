"""The stair up: name a task to run once the surrounding transaction has committed.

The message is only a hint. Whatever it names stands in a row, and a sweep names it
again if the hint is lost.
"""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from kombu.utils.json import dumps

log = logging.getLogger(__name__)

# Once more at once, for a connection that went stale; then the caller is kept no longer.
RETRY = {"max_retries": 1, "interval_start": 0}


def later(task_name: str, **kwargs: object) -> None:
    # What cannot travel is the caller's mistake, and is told before the commit.
    dumps(kwargs)
    transaction.on_commit(lambda: publish(task_name, kwargs))


def publish(
    task_name: str,
    kwargs: dict[str, object],
    *,
    queue: str | None = None,
    expires_seconds: int | None = None,
) -> None:
    """Send the message now, to the queue named or the task's own, while it is worth it."""
    try:
        current_app.send_task(
            task_name,
            kwargs=kwargs,
            queue=queue,
            expires=expires_seconds,
            retry_policy=RETRY,
            # For people who watch the broker: what is said stays in the message.
            argsrepr="()",
            kwargsrepr=f"({', '.join(kwargs)})",
        )
    except OperationalError as error:
        # The broker is away; the row is committed, and its sweep will find it.
        log.warning("the hint %s was not sent: %s", task_name, error)
