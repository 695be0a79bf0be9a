"""A small Celery app for real workers: what it refuses is a line, unless its keeper is away."""

import json
import os
import time
from pathlib import Path

from celery import Celery

from engine.errors import MessageRefused
from workers.brokers import register

register()
app = Celery("refusing", task_cls="workers.checked:CheckedTask", set_as_current=False)
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    broker_transport_options={"visibility_timeout": 60},
    broker_connection_retry_on_startup=True,
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_consumer="workers.consumer:RefusingConsumer",
    message_refuser="tests.workers.refusing:keep",
)
HOME = Path(os.environ["REFUSING_HOME"])


def note(name: str, line: str) -> None:
    handle = os.open(HOME / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def keep(*, queue: str, reason: str, body: bytes) -> None:
    if (HOME / "away").exists():
        note("tried", reason)
        raise ConnectionError("the keeper is away")
    note("kept", json.dumps([queue, reason]))


@app.task(name="refusing.write")
def write(number: int) -> None:
    note("numbers", str(number))


@app.task(name="refusing.refuse")
def refuse(envelope: str) -> None:
    raise MessageRefused("not what it claims", length=len(envelope))


@app.task(name="refusing.take_time")
def take_time(seconds: float) -> None:
    note("begun", str(seconds))
    time.sleep(seconds)
    note("ended", str(seconds))
