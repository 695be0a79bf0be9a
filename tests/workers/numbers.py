"""A small Celery app for real workers: its task appends a number to a file, in one write."""

import os
import time

from celery import Celery

from workers.brokers import register

register()
app = Celery("numbers", set_as_current=False)
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    broker_transport_options={"lease_seconds": 1},
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_lost_wait=1,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
)


@app.task(name="numbers.write")
def write(number: int, seconds: float = 0) -> None:
    time.sleep(seconds)
    handle = os.open(os.environ["NUMBERS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{number}\n".encode())
    os.close(handle)
