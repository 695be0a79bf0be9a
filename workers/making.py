"""Maker sessions of this host: what the centre wants of them comes on a queue of their own.

A thread listens there, so that no command waits behind an execution. A session goes on while the
centre or the broker is away, until its lease has run out; what it was when the host died, the
centre says again.
"""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from celery.signals import worker_ready, worker_shutting_down
from kombu import Queue
from kombu.mixins import ConsumerMixin

from engine.errors import MessageRefused
from engine.messages import MakerReport, MakerVerb, MakerWish
from workers import raw, tasks
from workers.app import Node, app, node
from workers.lives import Life, Lives
from workers.quoting import quote
from workers.refusals import bytes_of
from workers.session import Session
from workers.telling import tell

log = logging.getLogger(__name__)
# Before a listener that fell over hears again.
AGAIN_SECONDS = 2.0
Body = tuple[list[Any], dict[str, str], Any]


class Sessions:
    """The sessions that this host has in hand."""

    def __init__(self, host: Node) -> None:
        self._host = host
        self._lives = Lives(host.settings.state / "makers")
        self._running: dict[str, Session] = {}
        self._lock = threading.Lock()

    def wish(self, wish: MakerWish) -> None:
        with self._lock:
            ended = self._take(wish)
        if ended:
            # The centre did not hear of its end.
            told = MakerReport(
                session=wish.session,
                life=ended.number,
                done=wish.number,
                moves=ended.moves,
                told_at_ms=tasks.now_ms(),
            )
            tell(self._host, told)

    def _take(self, wish: MakerWish) -> Life | None:
        """Give it to its session, or begin one; the life it has had, if that is over."""
        self._forget_the_ended()
        running = self._running.get(wish.session)
        if running:
            running.hear(wish)
        elif wish.verb is not MakerVerb.REST:
            last = self._lives.last(wish.maker)
            if last and last.session == wish.session and last.is_over:
                return last
            session = self._running[wish.session] = Session(wish, self._host, self._lives, quote)
            session.start()
        return None

    def _forget_the_ended(self) -> None:
        ended = [name for name, session in self._running.items() if not session.is_alive]
        for name in ended:
            del self._running[name]


class Listener(ConsumerMixin):
    """Hears what the centre wants, one message after the other."""

    def __init__(self, host: Node) -> None:
        self._host = host
        self._sessions = Sessions(host)
        self.connection = app.connection_for_read()

    def get_consumers(self, consumer: Any, channel: Any) -> list[Any]:
        queues = [Queue(f"{self._host.settings.queue}.making")]
        return [consumer(queues=queues, on_message=self.on_message, prefetch_count=10)]

    def on_message(self, message: Any) -> None:
        try:
            wish = self._read(message)
            if wish:
                self._sessions.wish(wish)
        except (MessageRefused, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            queue = f"{self._host.settings.queue}.making"
            self._host.refuse(queue, str(error), bytes_of(message.body))
        message.ack()

    def _read(self, message: Any) -> MakerWish | None:
        """What is wanted; None where the time of the message is over."""
        if message.content_type == raw.UNREADABLE:
            raise MessageRefused(str(message.headers.get("reason")))
        if message.headers.get("task") != run.name:
            raise MessageRefused("the message is no wish of a maker")
        if is_over(message.headers.get("expires")):
            return None
        _, told, _ = msgspec.json.decode(message.body, type=Body)
        return tasks.read_message(told.get("envelope", ""), self._host, MakerWish)


def is_over(expires: object) -> bool:
    try:
        return bool(expires) and datetime.fromisoformat(str(expires)) < datetime.now(UTC)
    except (ValueError, TypeError) as error:
        raise MessageRefused("the message does not say until when it holds") from error


@app.task(name="node.make")
def run(envelope: str) -> None:
    """A wish that came on the queue of tickets: it is taken all the same."""
    raise MessageRefused("a maker's wish belongs on a queue of its own")


_listening: list[Listener] = []


@worker_ready.connect
def begin(**_: Any) -> None:
    listener = Listener(node())
    _listening.append(listener)
    threading.Thread(target=listen, args=[listener], name="makers", daemon=True).start()


def listen(listener: Listener) -> None:
    """Until the host goes: makers that nobody hears of would run out their leases."""
    while not listener.should_stop:
        try:
            listener.run()
        except Exception as error:  # noqa: BLE001  (whatever a message or a broker brings)
            log.error("wishes are not heard: %s", type(error).__name__)
            time.sleep(AGAIN_SECONDS)


@worker_shutting_down.connect
def end(**_: Any) -> None:
    for listener in _listening:
        listener.should_stop = True
