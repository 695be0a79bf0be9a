"""Whatever is pushed onto a queue, no worker dies of it: it is kept with its reason, once."""

import base64
import contextlib
import hashlib
import json
import sqlite3
import time
import uuid
from functools import partial
from typing import NamedTuple
from urllib.parse import urlparse

import pytest
from django.conf import settings
from nacl.signing import SigningKey

from apps.core.models import RefusedMessage
from engine import envelope
from engine.messages import Heartbeat, Refusal
from engine.signal import Action
from ironbull.celery import app
from tests.walks.running import Running, wait_for
from tests.walks.story import tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(120)]

NODE = "walk"
TASKS = {
    "centre.scan": "signals.scan",
    "centre.dispatch": "orders.plan",
    "centre.states": "orders.record_state",
    "centre.reports": "orders.record_reports",
    "centre.heartbeats": "nodes.heartbeat",
    f"node.{NODE}": "node.execute",
}
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
CENTRE_KEY = SigningKey(settings.CENTRE_SIGNING_KEY)


class Refused(NamedTuple):
    """An item as it is pushed, the bytes by which it is kept, and a part of the reason."""

    case: str
    item: bytes
    kept: bytes
    reason: str


def packed(content: bytes, /, *, task, queue, told=None, **changes) -> bytes:
    """A message as kombu lays it onto a queue, with headers and all else changed as told."""
    headers = {"task": task, "id": str(uuid.uuid4())} | (told or {})
    message = {
        "body": base64.b64encode(content).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": present(headers),
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
        },
    }
    return json.dumps(present(message | changes)).encode()


def present(fields):
    """An ellipsis stands for a field that is not there."""
    return {name: value for name, value in fields.items() if value is not ...}


def called(*args, embed=EMBED, **kwargs) -> bytes:
    return json.dumps([args, kwargs, embed]).encode()


def no_items(queue):
    """What lies in the queue is not even a message."""
    mark = f"{queue}:".encode()
    body = called(mark.decode())
    pack = partial(packed, task=TASKS[queue], queue=queue)
    place = {"exchange": "", "routing_key": queue}
    items = {
        "no JSON": mark + b"{not json",
        "not UTF-8": mark + b"\xff\xfe",
        "a list": json.dumps([mark.decode()]).encode(),
        "a number too long": b'{"%s": %s}' % (mark, b"9" * 5000),
        "nested too deep": b"[" * 200_000 + mark,
        "no properties": pack(body, properties=...),
        "no delivery tag": pack(body, properties={"delivery_info": place}),
        "no address": pack(body, properties={"delivery_tag": "a"}),
        "body no base64": pack(b"", body=f"*{queue}*"),
        "body a number": pack(b"", body=5),
        "headers a list": pack(body, headers=[1]),
        "a type of no kind": pack(body, headers={"__type__": queue, "__value__": 1}),
        "a bomb": pack(body, told={"compression": "zlib"}),
    }
    return [Refused(case, item, item, "no message: ") for case, item in items.items()]


def no_tasks(queue):
    """Messages that Celery could not run; each is told from the others by its body."""
    heads = [
        ("no headers", {"headers": ...}, "names no task"),
        ("headers null", {"headers": None}, "names no task"),
        ("no task", {"told": {"task": ...}}, "names no task"),
        ("no id", {"told": {"id": ...}}, "missing required field `id`"),
        ("task a list", {"told": {"task": ["x"]}}, "Expected `str`"),
        ("unknown task", {"told": {"task": "nobody.knows"}}, "nobody here knows the task"),
        ("strange task", {"told": {"task": "\ud800\x00\U0001f600"}}, ""),
        ("half a sign", {"told": {"eta": "\ud800"}}, "surrogates not allowed"),
        ("put off for ever", {"told": {"eta": "2999-01-01T00:00:00"}}, "$.eta"),
        ("expires no date", {"told": {"expires": "never"}}, "expires"),
        ("expires never", {"told": {"expires": ""}}, "$.expires"),
        ("time limit", {"told": {"timelimit": [0.001, 0.001]}}, "$.timelimit"),
        ("pickle", {"content-type": "application/x-python-serialize"}, "not JSON in UTF-8"),
        ("unknown type", {"content-type": "text/nobody"}, "not JSON in UTF-8"),
        ("unknown encoding", {"content-encoding": "klingon"}, "not JSON in UTF-8"),
        ("no type", {"content-type": ...}, "not JSON in UTF-8"),
    ]
    shapes = [
        ("body no JSON", f"{queue} {{".encode(), "not a task"),
        ("body not UTF-8", f"[{queue}".encode() + b"\xff", "not a task"),
        ("body nested too deep", f"{queue}".encode().join((b"[" * 200_000, b"")), "not a task"),
        ("body a mapping", json.dumps({"task": queue}).encode(), "not a task"),
        ("body short", json.dumps([[queue]]).encode(), "not a task"),
        ("kwargs a list", json.dumps([[queue], [], EMBED]).encode(), "not a task"),
        ("callbacks", called(queue, embed={**EMBED, "callbacks": 5}), "callbacks"),
        ("a type of no kind", called({"__type__": queue, "__value__": 1}), ""),
    ]
    pack = partial(packed, queue=queue)
    task = {"task": TASKS[queue]}
    found = []
    for case, changes, reason in heads:
        body = called(f"{queue} {case}")
        found.append(Refused(case, pack(body, **task, **changes), body, reason))
    for case, body, reason in shapes:
        found.append(Refused(case, pack(body, **task), body, reason))
    bare = {"delivery_tag": "a", "delivery_info": {"exchange": "", "routing_key": queue}}
    item = pack(b"", body=f"{queue} \ud800", properties=bare, **task)
    kept = f"{queue} \\ud800".encode()
    found.append(Refused("half a sign as it is", item, kept, "surrogates not allowed"))
    return found


def wrong_arguments(queue):
    """Tasks that are known, called as they cannot be."""
    task = TASKS[queue]

    def refused(case, reason, *args, **kwargs):
        kept = json.dumps([task, args, kwargs]).encode()
        return Refused(case, packed(called(*args, **kwargs), task=task, queue=queue), kept, reason)

    cases = [
        refused("wrong name", "argument", nobody=queue),
        refused("too many", "too many positional arguments", "a", "b", queue),
    ]
    if task == "signals.scan":
        return cases
    name = "signal_id" if task == "orders.plan" else "envelope"
    cases += [
        refused("one too many", "unexpected keyword argument", **{name: str(uuid.uuid4()), "x": 1}),
        refused("wrong type", "Expected `", **{name: [queue]}),
        refused("null", "Expected `", **{name: None}),
        refused("nobody's", "", **{name: str(uuid.uuid4())}),
        refused("a megabyte", "", **{name: queue + "x" * 1_000_000}),
    ]
    return cases


def no_envelopes(queue):
    """Envelopes that nobody we know made for this queue."""
    task = TASKS[queue]
    receiver = NODE if queue.startswith("node.") else "centre"
    sender = "centre" if queue.startswith("node.") else NODE
    beat = Heartbeat(version=queue, clock_ms=time.time_ns() // 1_000_000, running=0)
    sign = partial(envelope.sign, beat, sender=sender, receiver=receiver)
    stranger = SigningKey.generate()
    by_centre = sign(key=CENTRE_KEY)
    payload, signature = by_centre.split(".")
    later = json.loads(base64.b64decode(payload)) | {"v": 2}
    envelopes = [
        ("cut in the payload", by_centre[:50], "not an envelope"),
        ("cut in the signature", by_centre[:-5], ""),
        ("signed by nobody", payload + ".", "truncated or carries no signature"),
        ("not base64", f"*{queue}*.{signature}", "not an envelope"),
        ("no envelope", base64.b64encode(queue.encode()).decode() + "." + signature, "not an env"),
        ("another key", sign(key=stranger), "the signature is not"),
        ("unknown version", signed(later, key=stranger), "version 2 is not spoken here"),
        ("another receiver", sign(key=CENTRE_KEY, receiver="mars"), "the message is for mars"),
        ("another sender", sign(key=stranger, sender="mars"), ""),
    ]
    if receiver == NODE:
        # The centre's own hand, but not what a node is told.
        refusal = Refusal(queue=queue, reason="", digest="0", preview="")
        other = envelope.sign(refusal, sender="centre", receiver=NODE, key=CENTRE_KEY)
        envelopes.append(("wrong kind", other, "does not belong on this queue"))
    found = []
    for case, text, reason in envelopes:
        kept = json.dumps([task, [], {"envelope": text}]).encode()
        item = packed(called(envelope=text), task=task, queue=queue)
        found.append(Refused(case, item, kept, reason))
    return found


def signed(claimed, *, key):
    payload = json.dumps(claimed).encode()
    signature = key.sign(payload).signature
    return f"{base64.b64encode(payload).decode()}.{base64.b64encode(signature).decode()}"


def table(queue):
    cases = no_items(queue) + no_tasks(queue) + wrong_arguments(queue)
    if TASKS[queue] not in ("signals.scan", "orders.plan"):
        cases += no_envelopes(queue)
    return cases


def push(queue, item: bytes) -> None:
    """Lay the item onto the queue as anybody could who reaches the broker."""
    address = urlparse(settings.BROKER_URL)
    if address.scheme == "embedded":
        with sqlite3.connect(address.path, timeout=30) as database:
            row = (queue, item.decode("utf-8", "surrogateescape") if readable(item) else item)
            database.execute(
                "insert into message(queue, payload, put_at) values(?, ?, ?)", (*row, time.time())
            )
        database.close()
    else:
        with app.connection_for_write() as connection:
            connection.default_channel.client.lpush(queue, item)


def readable(item: bytes) -> bool:
    try:
        item.decode()
    except UnicodeDecodeError:
        return False
    return True


def left(queue) -> int:
    with app.connection_for_read() as connection:
        return connection.default_channel._size(queue)


class House(Running):
    """The centre in any of Celery's pools."""

    pool = "threads"

    def _command(self, name):
        command = super()._command(name)
        if name == "centre":
            command[command.index("threads")] = self.pool
        return command


@pytest.fixture
def house(transactional_db, tmp_path):
    house = House(tmp_path)
    house.node = house.enroll(NODE)
    yield house
    house.stop()


def digest(case: Refused) -> str:
    return hashlib.sha256(case.kept).hexdigest()


def test_every_message_that_is_none_is_kept_once_and_the_next_good_one_is_served(
    house, tmp_path, subtests
):
    house.start("centre", "heartbeats", "node")
    wait_for(house.is_alive, what="the first heartbeat")
    cases = {queue: table(queue) for queue in TASKS}
    for queue, refused in cases.items():
        for case in refused:
            push(queue, case.item)
    number = len({digest(case) for refused in cases.values() for case in refused})
    with contextlib.suppress(AssertionError):  # which one is missing is told below
        wait_for(lambda: RefusedMessage.objects.count() >= number, seconds=30)
    for queue, refused in cases.items():
        for case in refused:
            with subtests.test(f"{queue}: {case.case}"):
                row = RefusedMessage.objects.get(digest=digest(case))
                assert case.reason in row.reason
                assert (row.queue, row.times) == (queue, 1)
                if queue.startswith("node."):
                    kept = (tmp_path / "node" / "refused" / digest(case)).read_text()
                    assert kept == f"{queue}\n{row.reason}\n"
    for queue in TASKS:
        wait_for(lambda queue=queue: left(queue) == 0, seconds=5, what=f"{queue} to be empty")

    story = tell("after", house.node)
    story.publish(Action.OPEN)
    wait_for(partial(story.is_done, Action.OPEN), what="an order after all of it")
    app.send_task("signals.scan")
    wait_for(lambda: "signals.scan" in house.log("centre"), what="a scan after all of it")
    assert house.deaths == 0
    assert RefusedMessage.objects.count() == number
    for name in house.processes:
        assert "Traceback" not in house.log(name), house.log(name)


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_the_other_pools_refuse_as_well(house, pool):
    house.pool = pool
    house.start("centre")
    queue = "centre.reports"
    cases = table(queue)
    with app.connection_for_write() as connection:
        connection.SimpleQueue(queue).close()
    for case in cases:
        push(queue, case.item)
    wait_for(
        lambda: RefusedMessage.objects.count() == len(cases), seconds=150, what="every refusal"
    )
    for case in cases:
        assert case.reason in RefusedMessage.objects.get(digest=digest(case)).reason, case.case
    wait_for(lambda: left(queue) == 0, seconds=5, what="the queue to be empty")
    assert house.deaths == 0
    assert "Traceback" not in house.log("centre")
