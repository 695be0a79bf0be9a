"""What cannot be kept goes back to its queue: no worker dies of it, and nothing is lost.

Which messages are refused, on which queue and why, is told in `tests/walks`.
"""

import json
import uuid

import pytest
from celery import Celery

from tests.walks.running import wait_for
from tests.workers.running import Workers
from workers import refusals
from workers.brokers import register
from workers.refusals import NotKept, refuse

register()
pytestmark = pytest.mark.walk


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def broker(request, tmp_path, redis_url):
    """The address of a broker; on Redis the queue's name keeps us apart from all others."""
    return redis_url if request.param == "redis" else f"embedded://{tmp_path}/broker.sqlite3"


@pytest.fixture
def queue():
    return f"test.{uuid.uuid4()}"


@pytest.fixture
def sender(broker, queue):
    app = Celery("sender", broker=broker, set_as_current=False)
    app.conf.task_default_queue = queue
    yield app
    with app.connection_for_write() as connection:
        connection.default_channel._delete(queue, queue, queue, "")
    app.close()


@pytest.fixture
def workers(broker, queue, tmp_path):
    started = Workers(
        "tests.workers.refusing",
        queue=queue,
        log=tmp_path / "log",
        BROKER_URL=broker,
        REFUSING_HOME=str(tmp_path),
    )
    yield started
    started.stop()


def lines(home, name):
    file = home / name
    return file.read_text().splitlines() if file.exists() else []


# Refused by the consumer, by the arguments, and by the task itself.
REFUSED = [
    ("nobody.knows", {}, "nobody here knows the task 'nobody.knows'"),
    ("refusing.write", {"number": "one"}, "refusing.write: Expected `int`, got `str`"),
    ("refusing.refuse", {"envelope": "x"}, "refusing.refuse: not what it claims {'length': 1}"),
]


@pytest.mark.parametrize("pool", ["threads", "prefork", "solo"])
def test_what_cannot_be_kept_is_kept_later(workers, sender, queue, pool, tmp_path):
    workers.options = ("-P", pool, "-c", "1")
    worker = workers.start()
    for task, kwargs, reason in REFUSED:
        (tmp_path / "away").touch()
        sender.send_task(task, kwargs=kwargs, queue=queue)
        wait_for(lambda reason=reason: reason in lines(tmp_path, "tried"), seconds=20)
        (tmp_path / "away").unlink()
        kept = json.dumps([queue, reason])
        wait_for(lambda kept=kept: kept in lines(tmp_path, "kept"), seconds=20, what=kept)
    sender.send_task("refusing.write", kwargs={"number": 7}, queue=queue)
    wait_for(lambda: lines(tmp_path, "numbers") == ["7"], seconds=20)
    assert len(lines(tmp_path, "kept")) == len(REFUSED)
    assert worker.poll() is None


def test_nesting_of_any_depth_is_refused(workers, sender, queue, tmp_path):
    """Somewhere is a depth that one parser still takes and the next no more."""
    workers.options = ("-P", "threads", "-c", "1")
    worker = workers.start()
    depths = [100, 500, 800, *range(850, 1050, 10), 2000, 100_000]
    for depth in depths:
        body = json.dumps([[], {"number": "deep"}, {}])
        body = body.replace('"deep"', "[" * depth + "]" * depth)
        headers = {"task": "refusing.write", "id": str(depth)}
        with sender.connection_for_write() as connection, connection.SimpleQueue(queue) as simple:
            simple.producer.publish(
                body,
                routing_key=queue,
                headers=headers,
                content_type="application/json",
                content_encoding="utf-8",
            )
    wait_for(lambda: len(lines(tmp_path, "kept")) == len(depths), seconds=20, what="all of them")
    sender.send_task("refusing.write", kwargs={"number": 7}, queue=queue)
    wait_for(lambda: lines(tmp_path, "numbers") == ["7"], seconds=20)
    assert worker.poll() is None
    assert "Traceback" not in workers.log.read_text()


def test_a_keeper_that_fails_in_any_way_is_told_apart(monkeypatch, caplog):
    class App:
        class conf:
            message_refuser = "tests.workers.test_refused_messages:failing"

    monkeypatch.setattr(refusals, "PAUSE_SECONDS", 0)
    with pytest.raises(NotKept):
        refuse(App, queue="q", reason="for a test", body=b"b")
    assert "for a test" in caplog.text
    assert "a refused message is not kept: KeyError('x')" in caplog.text


def failing(**told):
    raise KeyError("x")
