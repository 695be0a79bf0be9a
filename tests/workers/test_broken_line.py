"""A line to Redis that breaks while a worker is busy: afterwards it hears again."""

import time
import uuid

import pytest
from celery import Celery

from tests.servers import own_redis
from tests.walks.proxy import Proxy
from tests.walks.running import wait_for
from tests.workers.running import Workers

pytestmark = [pytest.mark.walk, pytest.mark.redis]


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_worker_whose_line_broke_while_its_hands_were_full_takes_the_next_one(pool, tmp_path):
    queue = f"test.{uuid.uuid4()}"
    with own_redis() as server:
        line = Proxy(server.port)
        workers = Workers(
            "tests.workers.refusing",
            *("-P", pool, "-c", "1"),
            queue=queue,
            log=tmp_path / "log",
            BROKER_URL=f"redis://127.0.0.1:{line.port}/0",
            REFUSING_HOME=str(tmp_path),
        )
        address = f"redis://127.0.0.1:{server.port}/0"
        with Celery("sender", broker=address, set_as_current=False) as sender:
            try:
                worker = workers.start()
                sender.send_task("refusing.take_time", kwargs={"seconds": 2}, queue=queue)
                wait_for((tmp_path / "begun").exists, what="the worker to be busy")
                line.cut()
                wait_for((tmp_path / "ended").exists, what="its hands to be free")
                # Nobody hears that it is done.
                time.sleep(0.5)
                line.heal()
                sender.send_task("refusing.write", kwargs={"number": 7}, queue=queue)
                wait_for((tmp_path / "numbers").exists, seconds=20, what="the next task")
                assert worker.poll() is None
            finally:
                workers.stop()
                line.close()
