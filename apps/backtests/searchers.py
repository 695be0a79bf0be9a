"""Search workers, as messages reach them: chunks of trials go out to whoever takes them, and what
they say of these comes back through a queue of the run's own."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

import msgspec
from celery import current_app
from kombu.exceptions import OperationalError

from apps.backtests.models import Run
from apps.core.later import publish
from engine.optimise import Parcel, Sign

log = logging.getLogger(__name__)

# A chunk that nobody has taken for so long is not worth taking.
EXPIRES_SECONDS = 600
LOOK_EVERY_SECONDS = 0.5


class Searchers:
    """What is heard of them is passed on; until something is sent, no queue is made."""

    def __init__(self, run: Run, hear: Callable[[Sign], object]) -> None:
        self.run = run
        self.hear = hear
        self.replies = f"centre.searches.{token_hex(8)}"
        self.is_over = threading.Event()
        self.listener = threading.Thread(target=self.listen, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_over.set()
        if self.listener.is_alive():
            self.listener.join()

    def send(self, parcels: list[Parcel]) -> None:
        if not self.listener.is_alive():
            self.listener.start()
        told = {"run_id": str(self.run.pk), "worker": self.run.worker, "replies": self.replies}
        for parcel in parcels:
            message: dict[str, Any] = msgspec.to_builtins(parcel)
            publish("backtests.search", told | message, expires_seconds=EXPIRES_SECONDS)

    def listen(self) -> None:
        while not self.is_over.is_set():
            try:
                self.listen_once()
            except OperationalError as error:
                # What is lost meanwhile is made by the run's own process.
                log.warning("search workers are not heard: %s", error)
                self.is_over.wait(LOOK_EVERY_SECONDS)

    def listen_once(self) -> None:
        with queue_named(self.replies) as queue:
            while not self.is_over.is_set():
                try:
                    message = queue.get(timeout=LOOK_EVERY_SECONDS)
                except Empty:
                    continue
                message.ack()
                self.hear(msgspec.convert(message.payload, Sign))
            queue.queue.delete()


@contextmanager
def queue_named(name: str) -> Iterator[Any]:
    with current_app.connection_for_write() as connection:
        queue = connection.SimpleQueue(name, serializer="json")
        try:
            yield queue
        finally:
            queue.close()
