"""The embedded broker loses nothing, and no message has two holders at once."""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest
from celery import Celery
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kombu import Connection, Exchange, Producer, Queue

from tests.walks.running import wait_for
from tests.workers.running import Workers
from workers import embedded_broker
from workers.brokers import register
from workers.embedded_broker import MOST_TRIES, connections, queue_depths
from workers.raw import UNREADABLE

register()
QUEUE = "centre.default"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "broker" / "broker.sqlite3"


@pytest.fixture
def opened(file):
    """Channels of the broker, each as a process of its own would have it."""
    with contextlib.ExitStack() as stack:

        def channel(**options):
            connection = Connection(f"embedded://{file}", transport_options=options)
            stack.callback(connection.release)
            return connection.channel()

        yield channel


def put(channel, *bodies):
    for body in bodies:
        message = channel.prepare_message(body, content_type="text/plain")
        message["properties"]["delivery_info"] = {"exchange": "", "routing_key": QUEUE}
        message["properties"]["delivery_tag"] = "the same for all"
        channel._put(QUEUE, message)


def take(channel):
    """The next message in hand, as a consumer gets it."""
    return channel.basic_get(QUEUE)


def rows(file, table="message"):
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(f"select * from {table} order by id").fetchall()


def test_messages_come_in_their_order_and_go_when_acknowledged(opened, file):
    one = opened()
    put(one, "a", "b")
    first, second = take(one), take(one)
    assert (first.body, second.body) == (b"a", b"b")
    assert queue_depths(str(file)) == {QUEUE: 2}
    second.ack()
    first.ack()
    assert take(one) is None
    assert queue_depths(str(file)) == {}


def test_what_is_in_hand_is_nobody_elses(opened):
    one, two = opened(), opened()
    put(one, "a")
    assert take(one).body == b"a"
    assert take(two) is None


def test_a_dead_holders_message_returns_and_says_so(opened):
    one, two = opened(lease_seconds=0.2), opened()
    put(one, "a")
    first = take(one)
    one.closing.set()  # it is dead: nobody renews
    time.sleep(0.3)
    second = take(two)
    assert second.body == b"a"
    assert not first.delivery_info["redelivered"]
    assert second.delivery_info["redelivered"]


def test_a_message_in_hand_for_many_leases_stays_in_hand(opened):
    one, two = opened(lease_seconds=0.2), opened()
    put(one, "a")
    taken = take(one)
    for _ in range(8):
        time.sleep(0.1)
        assert take(two) is None
    taken.ack()
    assert take(two) is None


def test_a_locked_file_does_not_end_the_renewing(opened, file, caplog):
    one, two = opened(lease_seconds=0.3), opened()
    put(one, "a")
    with mock.patch.object(embedded_broker.sqlite3, "connect", impatient):
        take(one)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as locker:
            locker.execute("begin immediate")
            wait_for(lambda: "are not renewed" in caplog.text, seconds=5)
            locker.execute("rollback")
    assert one.renewing.is_alive()
    time.sleep(0.3)
    assert take(two) is None


def test_a_file_that_is_locked_when_a_message_is_done_leaves_no_hands_full(opened, file):
    one, two = opened(lease_seconds=0.3), opened()
    put(one, "a")
    one.basic_qos(0, 1, False)
    with mock.patch.object(embedded_broker.sqlite3, "connect", impatient):
        taken = in_a_thread(take, one)
        assert not one.qos.can_consume()
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as locker:
            locker.execute("begin immediate")
            with pytest.raises(sqlite3.OperationalError):
                in_a_thread(taken.ack)
            locker.execute("rollback")
    assert one.qos.can_consume()
    # Nobody heard that it is done: it comes again.
    time.sleep(0.4)
    assert take(two).body == b"a"


SQLITE_CONNECT = sqlite3.connect


def impatient(path, **options):
    return SQLITE_CONNECT(path, **options | {"timeout": 0.01})


def test_a_holder_that_stops_gives_back_at_once_and_has_not_failed(opened, file):
    one, two = opened(), opened()
    put(one, "a", "b")
    for _ in range(3 * MOST_TRIES):
        holder = opened()
        take(holder)
        holder.close()
    assert take(two).body == b"a"
    assert rows(file, "dead") == []


def test_a_late_give_back_takes_nothing_from_the_next_holder(opened):
    one, two, three = opened(lease_seconds=0.1), opened(), opened()
    put(one, "a")
    late = take(one)
    one.closing.set()
    time.sleep(0.2)
    assert take(two).body == b"a"
    late.requeue()
    assert take(three) is None


def test_a_message_that_nobody_finishes_goes_to_the_dead_with_its_reason(opened, file, caplog):
    one = opened()
    put(one, "a", "b")
    for _ in range(MOST_TRIES):
        taken = take(one)
        assert taken.body == b"a"
        taken.requeue()
    told = take(one)
    assert told.content_type == UNREADABLE  # what stands in for it is refused with its reason
    assert told.headers["reason"] == f"delivered {MOST_TRIES} times and never finished"
    told.ack()
    ((_, queue, payload, reason, _died_at),) = rows(file, "dead")
    assert (queue, reason, payload.encode()) == (QUEUE, told.headers["reason"], told.body)
    assert json.loads(payload)["properties"]["delivery_info"]["routing_key"] == QUEUE
    assert f"a message on {QUEUE} was delivered {MOST_TRIES} times" in caplog.text
    assert take(one).body == b"b"
    assert len(rows(file)) == 1


@pytest.mark.parametrize("payload", ["", "{", "[]", "5", b"\xff\x00", '{"properties": {}}'])
def test_a_row_that_is_no_message_comes_out_as_one_that_says_so(opened, file, payload):
    one = opened()
    put(one, "a")
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("update message set payload=?", (payload,))
        database.commit()
    taken = take(one)
    assert taken.content_type == UNREADABLE
    assert taken.body == (payload if isinstance(payload, bytes) else payload.encode())
    taken.ack()
    assert rows(file) == []


@pytest.mark.parametrize(
    ("kind", "bound_by", "sent_by", "reached"),
    [
        ("direct", "a.b", "a.b", True),
        ("direct", "a.b", "a.c", False),
        ("topic", "a.*", "a.b", True),
        ("topic", "a.*", "a.b.c", False),
        ("topic", "a.#", "a.b.c", True),
        ("fanout", "", "anything", True),
    ],
)
def test_an_exchange_reaches_the_queues_that_were_bound(opened, kind, bound_by, sent_by, reached):
    one, two = opened(), opened()
    exchange = Exchange(f"{kind}.exchange", type=kind)
    for queue in ("left", "right"):
        Queue(queue, exchange, routing_key=bound_by)(two).declare()
    Producer(one, exchange(one)).publish("a", routing_key=sent_by)
    for queue in ("left", "right"):
        taken = two.basic_get(queue)
        assert (taken is not None) == reached
        assert taken is None or taken.body == b"a"


def test_only_its_owner_reads_the_files(opened, file):
    put(opened(), "a")
    found = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    names = ("broker.sqlite3", "broker.sqlite3-wal", "broker.sqlite3-shm")
    assert found == dict.fromkeys(names, 0o600)


def test_depths_count_what_waits_and_what_is_in_hand(opened, file):
    one = opened()
    put(one, "a", "b", "c")
    take(one)
    one._put("node.walk", {"properties": {}})
    assert queue_depths(str(file)) == {QUEUE: 3, "node.walk": 1}
    assert one._size(QUEUE) == 3
    one._purge(QUEUE)
    assert queue_depths(str(file)) == {"node.walk": 1}


def test_a_removed_file_is_a_lost_connection_and_then_a_new_broker(opened, file):
    one = opened()
    put(one, "a")
    take(one)
    shutil.rmtree(file.parent)
    with pytest.raises(one.connection.client.connection_errors):
        one._get(QUEUE)
    two = opened()
    put(two, "b")
    assert take(two).body == b"b"


def test_what_is_put_during_a_look_is_seen_by_the_next(opened, monkeypatch):
    one, two = opened(), opened()
    look = one.run

    def meanwhile(statement, *parameters):
        found = look(statement, *parameters)
        if statement == embedded_broker.TAKE and not found:
            monkeypatch.undo()
            in_a_thread(put, two, "a")
        return found

    monkeypatch.setattr(one, "run", meanwhile)
    assert take(one) is None
    assert take(one).body == b"a"


def in_a_thread(function, *arguments):
    """With a connection of its own, as another process would have."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def test_an_idle_queue_is_not_looked_through(opened):
    one, two = opened(), opened()
    take(one)
    statements = []
    connections.to(one.path).set_trace_callback(statements.append)
    for _ in range(10):
        assert take(one) is None
    assert set(statements) == {"pragma data_version"}
    in_a_thread(put, two, "a")
    assert take(one).body == b"a"


def test_taking_from_a_long_queue_looks_at_one_row(opened):
    one = opened()
    put(one, "a")
    plan = one.run(f"explain query plan {embedded_broker.TAKE}", 1.0, QUEUE, 0.0)
    told = " ".join(step[-1] for step in plan)
    assert "message_in_order" in told
    assert "TEMP B-TREE" not in told


def test_a_child_forked_in_the_middle_of_writing_can_write(opened, file):
    done = threading.Event()

    def write():
        channel = opened()
        while not done.is_set():
            put(channel, "a")
            take(channel).ack()

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes = []
    for _ in range(12):
        child = os.fork()
        if child == 0:
            signal.alarm(5)  # rather than wait for a lock that nobody holds
            leave(lambda: put(opened(), "child") or True)
        codes.append(os.waitpid(child, 0)[1])
    done.set()
    for thread in threads:
        thread.join()
    assert codes == [0] * 12
    assert queue_depths(str(file)) == {QUEUE: 12}


def leave(do):
    """End a forked child here, whatever happens: it must never go on as a second test run."""
    code = 1
    try:
        code = 0 if do() else 1
    finally:
        os._exit(code)


def test_a_forked_child_opens_its_own(opened, file):
    one = opened()
    put(one, "a", "b")
    mine = connections.to(str(file))
    child = os.fork()
    if child == 0:
        leave(lambda: connections.to(str(file)) is not mine and take(one).body == b"a")
    assert os.waitpid(child, 0)[1] == 0
    assert connections.to(str(file)) is mine
    assert take(one).body == b"b"


def test_each_thread_opens_its_own(opened, file):
    put(opened(), "a")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(connections.to(str(file))))
    thread.start()
    thread.join()
    assert seen[0] is not connections.to(str(file))


class Clock:
    """The broker's clock, which moves when it is told."""

    def __init__(self):
        self.now = 1_000_000.0

    def time(self):
        return self.now


class Broker(RuleBasedStateMachine):
    """Three holders and a clock; the model says who may have what."""

    LEASE = 1000.0  # of the mocked clock: no lease is renewed while an example runs
    TRIES = 3  # few, so that an example gets to the end of them

    @initialize()
    def begin(self):
        self.home = tempfile.TemporaryDirectory()
        self.path = f"{self.home.name}/broker.sqlite3"
        self.clock = Clock()
        self.patch = mock.patch.multiple(embedded_broker, time=self.clock, MOST_TRIES=self.TRIES)
        self.patch.start()
        options = {"lease_seconds": self.LEASE}
        self.connections = [
            Connection(f"embedded://{self.path}", transport_options=options) for _ in range(3)
        ]
        self.channels = [connection.channel() for connection in self.connections]
        self.bodies = 0
        # What the broker owes: body -> [free at, tries]. And what each holder believes to have.
        self.owed = {}
        self.hands = [{} for _ in self.channels]
        self.buried = set()

    def teardown(self):
        for connection in self.connections:
            connection.release()
        self.patch.stop()
        connections.by_path.pop(self.path).close()
        self.home.cleanup()

    holders = st.integers(0, 2)

    @rule(holder=holders)
    def put(self, holder):
        self.bodies += 1
        put(self.channels[holder], str(self.bodies))
        self.owed[self.bodies] = [0.0, 0]

    @rule(holder=holders)
    def take(self, holder):
        free = sorted(body for body, (at, _) in self.owed.items() if at <= self.clock.now)
        self.clock.now += 2  # past the second in which an empty queue is not asked again
        message = take(self.channels[holder])
        if not free:
            assert message is None
            return
        if self.owed[free[0]][1] == self.TRIES:
            assert message.content_type == UNREADABLE
            message.ack()
            del self.owed[free[0]]
            self.buried.add(free[0])
            return
        body = int(message.body)
        assert body == free[0]
        self.owed[body] = [self.clock.now + self.LEASE, self.owed[body][1] + 1]
        self.hands[holder][message.delivery_tag] = (message, body, self.owed[body][1])

    def finish(self, holder, data):
        tag = data.draw(st.sampled_from(sorted(self.hands[holder])))
        return self.hands[holder].pop(tag)

    @precondition(lambda self: any(self.hands))
    @rule(data=st.data())
    def ack(self, data):
        holder = data.draw(st.sampled_from([n for n in range(3) if self.hands[n]]))
        message, body, _ = self.finish(holder, data)
        message.ack()
        self.owed.pop(body, None)

    @precondition(lambda self: any(self.hands))
    @rule(data=st.data())
    def give_back(self, data):
        holder = data.draw(st.sampled_from([n for n in range(3) if self.hands[n]]))
        message, body, tries = self.finish(holder, data)
        message.requeue()
        if body in self.owed and self.owed[body][1] == tries:
            self.owed[body][0] = 0.0

    @rule(share=st.sampled_from([0.4, 1.1]))
    def wait(self, share):
        self.clock.now += share * self.LEASE

    @invariant()
    def nothing_is_lost_and_nothing_is_left(self):
        if not hasattr(self, "owed"):
            return
        database = connections.to(self.path)
        kept = database.execute("select free_at <= ?, tries from message", (self.clock.now,))
        owed = [(at <= self.clock.now, tries) for at, tries in self.owed.values()]
        assert sorted(kept.fetchall()) == sorted(owed)
        dead = database.execute("select count(*) from dead").fetchone()[0]
        assert dead == len(self.buried)


TestBroker = Broker.TestCase
TestBroker.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Writers(Workers):
    """Workers whose task writes a number to a file."""

    def __init__(self, file, home):
        self.written = home / "numbers"
        super().__init__(
            "tests.workers.numbers",
            *("-P", "threads", "-c", "2"),
            queue=QUEUE,
            log=home / "log",
            BROKER_URL=f"embedded://{file}",
            NUMBERS=str(self.written),
        )

    def numbers(self):
        return self.written.read_text().split() if self.written.exists() else []


@pytest.fixture
def workers(file, tmp_path):
    started = Writers(file, tmp_path)
    yield started
    started.stop()


@pytest.fixture
def send(file):
    app = Celery("sender", broker=f"embedded://{file}", set_as_current=False)
    app.conf.task_default_queue = QUEUE

    def sent(*args, **options):
        app.send_task("numbers.write", args=args, queue=QUEUE, **options)

    yield sent
    app.close()


@pytest.mark.walk
def test_what_came_too_late_is_not_run(workers, send, file):
    send(1, expires=0.1)
    time.sleep(0.2)
    send(2)
    workers.start()
    wait_for(lambda: queue_depths(str(file)) == {}, seconds=20)
    assert workers.numbers() == ["2"]


@pytest.mark.walk
def test_killed_workers_lose_nothing(workers, send, file):
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    for number in range(300):
        send(number, 0.02)
    for _ in range(2):
        workers.start()
    wait_for(lambda: len(workers.numbers()) > 20, seconds=30)
    for _ in range(4):
        time.sleep(chance.uniform(0.1, 0.4))
        os.killpg(chance.choice(workers.running[-2:]).pid, signal.SIGKILL)
        workers.start()
    wait_for(lambda: queue_depths(str(file)) == {}, seconds=60, what=f"the rest, seed {seed}")
    counted = Counter(workers.numbers())
    assert sorted(counted, key=int) == [str(number) for number in range(300)]
    # A kill can only make that run again which was in hand.
    assert sum(counted.values()) <= 300 + 4 * 4, f"seed {seed}"
    assert rows(file, "dead") == []


@pytest.mark.walk
def test_a_killed_child_of_a_pool_gives_back_what_it_did(workers, send, file):
    workers.options = ("-P", "prefork", "-c", "1")
    worker = workers.start()
    send(1, 1)
    wait_for(lambda: any(row[4] for row in rows(file)), seconds=20, what="the task to be taken")
    time.sleep(0.3)
    (child,) = children(worker.pid)
    os.kill(child, signal.SIGKILL)
    send(2)
    wait_for(lambda: queue_depths(str(file)) == {}, seconds=30)
    assert sorted(workers.numbers()) == ["1", "2"]
    assert worker.poll() is None


def children(pid):
    # A pool forks from whichever of its threads sees that one is missing.
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def listens_to(number, pid):
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.walk
@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_long_task_runs_once_and_a_stopped_worker_gives_back(workers, send, file, pool):
    workers.options = ("-P", pool, "-c", "1")
    send(1, 3)  # three leases
    send(2, 0)
    first = workers.start()
    wait_for(lambda: any(row[4] for row in rows(file)), seconds=20, what="the first to be taken")
    second = workers.start()
    wait_for(lambda: queue_depths(str(file)) == {}, seconds=20)
    assert sorted(workers.numbers()) == ["1", "2"]
    # The first may have done all of it before the second could listen to a signal.
    wait_for(lambda: listens_to(signal.SIGTERM, second.pid), seconds=20)

    # A worker that is told to stop finishes what it has in hand, and leaves the rest.
    send(3, 1)
    wait_for(lambda: any(row[4] for row in rows(file)), seconds=20, what="the third to be taken")
    for process in (first, second):
        process.terminate()
    send(4, 0)
    for process in (first, second):
        assert process.wait(20) == 0
    workers.start()
    wait_for(lambda: queue_depths(str(file)) == {}, seconds=20)
    assert sorted(workers.numbers()) == ["1", "2", "3", "4"]


@pytest.mark.walk
def test_a_worker_outlives_its_brokers_file(workers, send, file):
    worker = workers.start()
    send(1)
    wait_for(lambda: workers.numbers() == ["1"], seconds=20)
    shutil.rmtree(file.parent)
    wait_for(file.exists, seconds=20, what="the worker to connect again")
    send(2)
    wait_for(lambda: workers.numbers() == ["1", "2"], seconds=20)
    assert worker.poll() is None
