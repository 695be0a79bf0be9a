"""The node's Celery app: one queue, named after the node."""

import logging
import os
from functools import cache

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from engine import envelope
from engine.messages import CentreQueue, Message, Refusal
from workers import refusals, settings
from workers.adapters import Adapters
from workers.brokers import register
from workers.journal import FileJournal
from workers.keys import Keys, read_keys
from workers.reach import Reach

log = logging.getLogger(__name__)
register()


class Node:
    """What every task of this host needs: settings, keys, journal, and the way to the centre."""

    def __init__(self, told: settings.Settings) -> None:
        self.settings = told
        self.keys: Keys = read_keys(told.node_key_file, node=told.node_code)
        self.journal = FileJournal(told.state / "journal")
        self.adapters = Adapters(told)
        self.reach = Reach()

    def tell_centre(self, task: str, queue: CentreQueue, message: Message) -> None:
        """Send a signed message to the centre."""
        signed = envelope.sign(
            message, sender=self.settings.node_code, receiver="centre", key=self.keys.sign_private
        )
        app.send_task(task, kwargs={"envelope": signed}, queue=queue)

    def refuse(self, queue: str, reason: str, body: bytes) -> None:
        """Keep a message that was refused, and let the centre's operator see it."""
        refusal = Refusal(
            queue=queue[:64],
            reason=reason[:500],
            digest=refusals.digest(body),
            preview=refusals.preview(body),
        )
        directory = self.settings.state / "refused"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / refusal.digest).write_text(f"{refusal.queue}\n{refusal.reason}\n")
            self.tell_centre("nodes.refusal", "centre.heartbeats", refusal)
        except (OSError, OperationalError) as error:
            # It is logged already; a full disk or a broker that is away changes nothing for it.
            log.warning("a refused message is not kept: %s", error)


@cache
def node() -> Node:
    return Node(settings.read())


def refuse(*, queue: str, reason: str, body: bytes) -> None:
    node().refuse(queue, reason, body)


def make_app() -> Celery:
    told = settings.read()
    made = Celery("node", task_cls="workers.checked:CheckedTask", set_as_current=False)
    made.conf.update(
        broker_url=told.broker_url,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 60,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            # What this host has in hand stands under names of its own: a broker that knows whom
            # it talks to can then keep every other node away from it. See docs/operations.md.
            "unacked_key": f"{told.queue}.unacked",
            "unacked_index_key": f"{told.queue}.unacked_index",
            "unacked_mutex_key": f"{told.queue}.unacked_mutex",
            # A Redis that accepts and never answers would otherwise hold a task for ever.
            "socket_connect_timeout": 5,
            "socket_timeout": 10,
            "socket_keepalive": True,
            # What travels is text, and goes as it is: packed once more it would be a third longer.
            "body_encoding": None,
        },
        task_default_queue=told.queue,
        task_queues=[Queue(told.queue)],
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        message_refuser="workers.app:refuse",
        worker_consumer="workers.consumer:RefusingConsumer",
        worker_hijack_root_logger=False,
        imports=["workers.tasks", "workers.state", "workers.heartbeat", "workers.making"],
    )
    return made


app = make_app()
logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"))
