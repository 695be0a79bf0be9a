"""A hint is sent once the change is committed, and losing it breaks nothing."""

import logging
import socket
import threading
import uuid
from decimal import Decimal

import pytest
from celery import Celery, current_app
from django.db import transaction

from apps.core import later as module
from apps.core.later import later, publish
from ironbull.celery import app


@pytest.fixture
def dead_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.django_db(transaction=True)
def test_is_sent_after_the_commit(hints):
    with transaction.atomic():
        later("orders.plan", signal_id="s1")
        assert hints.sent == []
    assert hints == [("orders.plan", {"signal_id": "s1"})]


@pytest.mark.django_db(transaction=True)
def test_is_not_sent_when_the_change_is_undone(hints):
    with transaction.atomic():
        later("orders.plan", signal_id="s1")
        transaction.set_rollback(True)
    assert hints == []


@pytest.mark.django_db
def test_hints_are_seen_in_a_test_that_never_commits(hints):
    later("orders.plan", signal_id="s1")
    with transaction.atomic():
        later("orders.plan", signal_id="undone")
        transaction.set_rollback(True)
    publish("orders.dispatch", {})
    assert sorted(hints) == [("orders.dispatch", {}), ("orders.plan", {"signal_id": "s1"})]
    assert hints.named("orders.plan") == [{"signal_id": "s1"}]
    hints.clear()
    assert hints == []


@pytest.mark.django_db
@pytest.mark.parametrize("value", [object(), {1: object()}, {1, object()}])
def test_what_cannot_travel_is_refused_before_the_commit(hints, value):
    with pytest.raises(TypeError):
        later("orders.plan", value=value)
    assert hints == []


@pytest.mark.django_db
def test_ids_and_amounts_travel(hints):
    later("orders.plan", signal_id=uuid.uuid4(), amount=Decimal("1.5"))
    assert len(hints) == 1


def test_every_thread_publishes_through_the_centres_app():
    seen = [current_app.main]
    thread = threading.Thread(target=lambda: seen.append(current_app.main))
    thread.start()
    thread.join()
    assert seen == ["ironbull", "ironbull"]
    assert current_app.tasks is app.tasks


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("case", "broker"),
    [
        ("redis refuses the connection", "redis://127.0.0.1:{dead_port}/0"),
        ("the name of the host is unknown", "redis://no-such-host.invalid:6379/0"),
        ("the embedded broker's directory cannot be made", "embedded:////proc/none/broker.sqlite3"),
        ("the embedded broker's file is a directory", "embedded:////tmp"),
    ],
)
def test_a_broker_that_is_away_costs_a_warning(monkeypatch, caplog, dead_port, case, broker):
    away = Celery(broker=broker.format(dead_port=dead_port), set_as_current=False)
    monkeypatch.setattr(module, "current_app", away)
    with caplog.at_level(logging.WARNING, "apps.core.later"), transaction.atomic():
        later("orders.plan", signal_id="s1")
    (warning,) = [line for line in caplog.records if line.name == "apps.core.later"]
    assert "orders.plan" in warning.getMessage()


def test_a_redis_that_never_answers_is_away_too(monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        away = Celery(broker=address, set_as_current=False)
        options = app.conf.broker_transport_options
        assert 0 < options["socket_timeout"] <= 10
        away.conf.broker_transport_options = {**options, "socket_timeout": 0.2}
        monkeypatch.setattr(module, "current_app", away)
        with caplog.at_level(logging.WARNING, "apps.core.later"):
            publish("orders.plan", {"signal_id": "s1"})
    assert "Timeout" in caplog.text


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_reaches_redis(monkeypatch, redis_url):
    queue = f"test.later.{uuid.uuid4().hex}"
    there = Celery(broker=redis_url, set_as_current=False)
    monkeypatch.setattr(module, "current_app", there)
    publish("orders.plan", {"signal_id": "s1"}, queue=queue)
    with there.connection_for_read() as connection:
        simple = connection.SimpleQueue(queue)
        message = simple.get(timeout=5)
        message.ack()
        simple.close()
    assert message.headers["task"] == "orders.plan"
    assert message.payload[1] == {"signal_id": "s1"}
