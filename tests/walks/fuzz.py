"""Real messages, and what a hostile broker makes of them: everything follows from one seed."""

import base64
import contextlib
import hashlib
import json
import math
import random
import sqlite3
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlparse

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from apps.core.models import RefusedMessage
from apps.nodes.models import Node
from apps.nodes.services import enroll_node
from apps.orders.models import Fill, Order
from apps.orders.services import ask_states, plan
from apps.signals.models import Signal
from engine.signal import Action
from ironbull.celery import app
from tests.walks.running import Running, encoded, running, wait_for
from tests.walks.story import Story, tell

Say = Callable[[str], None]
# So many are on the queues at once: more than a part, and the workers wait less for the next.
PART = 4_000
# SQLite takes no more names in one question.
NAMES = 500
JUNK = [
    None,
    True,
    0,
    -1,
    10**30,
    0.5,
    "",
    "\x00",
    "é\ud800",
    "A" * 70_000,
    [],
    [[[]]],
    {},
    {"a": 1},
]
# What is asked of anybody who reaches the broker, and may be: each only names a step.
HINTS = ("signals.scan", "orders.dispatch")
# What a node says, and where.
ANSWERS = {
    "centre.states": "orders.record_state",
    "centre.reports": "orders.record_reports",
    "centre.heartbeats": "nodes.heartbeat",
}


def is_embedded() -> bool:
    return urlparse(settings.BROKER_URL).scheme == "embedded"


@contextlib.contextmanager
def broker_file():
    database = sqlite3.connect(urlparse(settings.BROKER_URL).path, timeout=30)
    with contextlib.closing(database), database:
        yield database


def push(queue: str, items: Iterable[bytes]) -> None:
    """Lay items onto the queue as anybody could who reaches the broker."""
    if is_embedded():
        with broker_file() as database:
            database.executemany(
                "insert into message(queue, payload, put_at) values(?, ?, ?)",
                [(queue, as_stored(item), time.time()) for item in items],
            )
    else:
        with app.connection_for_write() as connection:
            connection.default_channel.client.lpush(queue, *items)


def as_stored(item: bytes) -> str | bytes:
    try:
        return item.decode()
    except UnicodeDecodeError:
        return item


def waiting(queue: str) -> list[bytes]:
    """What lies in the queue, left there."""
    if is_embedded():
        with broker_file() as database:
            rows = database.execute("select payload from message where queue=?", (queue,))
            return [row[0] if isinstance(row[0], bytes) else row[0].encode() for row in rows]
    with app.connection_for_read() as connection:
        return connection.default_channel.client.lrange(queue, 0, -1)


def lies_there(queue: str, task: str) -> bool:
    return any(task.encode() in item for item in waiting(queue))


def size(queue: str) -> int:
    with app.connection_for_read() as connection:
        return connection.default_channel._size(queue)


def body_of(message: dict) -> bytes:
    """The content of a message, which says how it is packed."""
    packing = message["properties"].get("body_encoding")
    if packing not in (None, "base64"):
        raise ValueError(f"no packing: {packing!r}")
    return base64.b64decode(message["body"], validate=True) if packing else message["body"].encode()


def put_body(message: dict, content: bytes) -> None:
    is_packed = message["properties"].get("body_encoding")
    message["body"] = (base64.b64encode(content) if is_packed else content).decode()


@dataclass(frozen=True)
class Called:
    """What a message asks for, if it can be read at all."""

    task: str
    args: list
    kwargs: dict
    body: bytes

    @property
    def asked(self) -> str:
        """Equal for messages that mean the same; base64 has more than one text for some bytes."""
        told = dict(self.kwargs)
        with contextlib.suppress(ValueError, AttributeError, KeyError):
            parts = told["envelope"].split(".")
            told["envelope"] = [base64.b64decode(part, validate=True).hex() for part in parts]
        return json.dumps([self.task, self.args, told], sort_keys=True)


def read(item: bytes) -> Called | None:
    try:
        message = json.loads(item)
        body = body_of(message)
        args, kwargs, _embedded = json.loads(body)
        return Called(message["headers"]["task"], args, dict(kwargs), body)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def kept_as(item: bytes) -> set[str]:
    """By which digests a refused item may be kept: whole, its body, or what it asked for."""
    contents = [item]
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError):
        body = json.loads(item)["body"]
        # Where nothing says that it is base64, it is taken as it is.
        contents.append(body.encode("utf-8", "backslashreplace"))
        contents.append(base64.b64decode(body))
    if called := read(item):
        asked = [called.task, called.args, called.kwargs]
        with contextlib.suppress(UnicodeEncodeError):
            contents.append(json.dumps(asked, default=repr).encode())
    return {hashlib.sha256(content).hexdigest() for content in contents}


@dataclass
class Forger:
    """Makes messages out of recorded ones, in the hands of another node of the same centre."""

    seed: int
    recorded: dict[str, list[bytes]]
    other: str
    key: SigningKey
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"forger:{self.seed}")
        every = [item for items in self.recorded.values() for item in items]
        self._known = {called.asked for called in map(read, every) if called}
        self._ways: list[Callable[[bytes], bytes]] = [
            *(self.of_bytes, self.of_fields, self.of_arguments),
            *(self.of_envelope, self.of_envelope, self.signed_by_others, self.oversized),
            *(self.replayed, self.torn, self.of_another_node),
        ]

    def make(self) -> tuple[str, bytes]:
        """A queue, and what is laid onto it."""
        queues = [queue for queue, items in self.recorded.items() if items]
        source = self.dice.choice(queues)
        item = self.dice.choice(self._ways)(self.dice.choice(self.recorded[source]))
        # Now and then where it does not belong.
        return (self.dice.choice(queues) if self.dice.random() < 0.1 else source), item

    def foreign_reports(self, queue: str, item: bytes) -> int:
        """How many reports in it are the other node's own, in its own hand; a node hears none."""
        if queue.startswith("node."):
            return 0
        with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, CryptoError):
            payload, signature = (
                base64.b64decode(part) for part in read(item).kwargs["envelope"].split(".")
            )
            self.key.verify_key.verify(payload, signature)
            told = json.loads(payload)
            return len(json.loads(told["body"])["reports"]) if told["sender"] == self.other else 0
        return 0

    def must_be_refused(self, item: bytes) -> bool:
        """Whether it asks for anything that nobody who may has ever asked for."""
        called = read(item)
        return called is None or called.asked not in self._known

    def of_bytes(self, item: bytes) -> bytes:
        changed = bytearray(item)
        for _ in range(self.dice.choice([1, 1, 2, 8])):
            at = self.dice.randrange(len(changed))
            match self.dice.choice("xid"):
                case "x":
                    changed[at] ^= 1 << self.dice.randrange(8)
                case "i":
                    changed.insert(at, self.dice.randrange(256))
                case "d":
                    del changed[at]
        return bytes(changed)

    def torn(self, item: bytes) -> bytes:
        return item[: self.dice.randrange(len(item))]

    def replayed(self, item: bytes) -> bytes:
        """The same once more, under a name of its own half of the time."""
        message = json.loads(item)
        if self.dice.random() < 0.5:
            message["headers"]["id"] = str(uuid.UUID(int=self.dice.getrandbits(128)))
        return json.dumps(message).encode()

    def of_fields(self, item: bytes) -> bytes:
        message = json.loads(item)
        where = self.dice.choice([message, message["headers"], message["properties"]])
        self._spoil(where)
        return packed(message)

    def of_arguments(self, item: bytes) -> bytes:
        message = json.loads(item)
        body = json.loads(body_of(message))
        if self.dice.random() < 0.5 and body[1]:
            self._spoil(body[1])
        else:
            body[self.dice.randrange(3)] = self.dice.choice(JUNK)
        put_body(message, packed(body))
        return packed(message)

    def of_envelope(self, item: bytes) -> bytes:
        """Another content under the old signature."""
        return self._with_envelope(item, self._changed, lambda payload, signature: signature)

    def signed_by_others(self, item: bytes) -> bytes:
        """The same or another content, under the signature of somebody else."""
        key = self.dice.choice([self.key, SigningKey(self.dice.randbytes(32))])
        change = self.dice.choice([self._changed, lambda payload: payload])
        return self._with_envelope(item, change, lambda payload, _: key.sign(payload).signature)

    def of_another_node(self, item: bytes) -> bytes:
        """What one node reports, told by another under its own name and signature."""
        if (called := read(item)) is None or called.task != "orders.record_reports":
            return self.signed_by_others(item)

        def change(payload: bytes) -> bytes:
            return packed(json.loads(payload) | {"sender": self.other})

        def sign(payload: bytes, _signature: bytes) -> bytes:
            return self.key.sign(payload).signature

        return self._with_envelope(item, change, sign)

    def oversized(self, item: bytes) -> bytes:
        message = json.loads(item)
        name = self.dice.choice(["body", "headers"])
        padding = "A" * self.dice.choice([70_000, 140_000, 300_000])
        if name == "body":
            body = json.loads(body_of(message))
            body[1]["envelope"] = body[1].get("envelope", "") + padding
            put_body(message, packed(body))
        else:
            message["headers"]["task"] += padding
        return packed(message)

    def _with_envelope(self, item: bytes, change: Callable, sign: Callable) -> bytes:
        message = json.loads(item)
        body = json.loads(body_of(message))
        if "envelope" not in body[1]:
            return self.of_fields(item)
        payload, _, signature = body[1]["envelope"].partition(".")
        payload = change(base64.b64decode(payload))
        signature = sign(payload, base64.b64decode(signature))
        body[1]["envelope"] = ".".join(base64.b64encode(x).decode() for x in (payload, signature))
        put_body(message, packed(body))
        return packed(message)

    def _changed(self, payload: bytes) -> bytes:
        """The envelope's bytes with a field of it, or of the message inside, changed."""
        envelope = json.loads(payload)
        if self.dice.random() < 0.5:
            self._spoil(envelope)
        else:
            inner = json.loads(envelope["body"])
            rows = next((told for told in inner.values() if isinstance(told, list) and told), None)
            row = self.dice.choice(rows) if rows else inner
            self._spoil(row if isinstance(row, dict) else inner)
            envelope["body"] = json.dumps(inner)
        return packed(envelope)

    def _spoil(self, fields: dict) -> None:
        """One field is gone, another value, another type, or new."""
        name = self.dice.choice([*fields, "nobody"])
        value = fields.get(name)
        if name in fields and self.dice.random() < 0.2:
            del fields[name]
        elif isinstance(value, int) and self.dice.random() < 0.5:
            fields[name] = value + self.dice.choice([1, -1, 10**6])
        elif isinstance(value, str) and value and self.dice.random() < 0.5:
            at = self.dice.randrange(len(value))
            fields[name] = value[:at] + self.dice.choice("0a9_Z/") + value[at + 1 :]
        else:
            fields[name] = self.dice.choice(JUNK)


def packed(told: object) -> bytes:
    return json.dumps(told).encode()


@dataclass
class Attack:
    """What came of it, as far as the database tells."""

    pushed: int = 0
    to_refuse: int = 0
    foreign: int = 0
    faults: list[str] = field(default_factory=list)


def record(house: Running, story: Story) -> dict[str, list[bytes]]:
    """The real messages of one opening signal, and of accounts that are read back.

    Every queue is read before anybody serves it.
    """
    for hint in HINTS:
        app.send_task(hint)
    story.publish(Action.OPEN)
    recorded = {queue: waiting(queue) for queue in ("centre.scan", "centre.dispatch")}
    now = timezone.now()
    # Its node does not run yet, and is to be given tickets all the same.
    Node.objects.filter(code=house.code).update(last_heartbeat_at=now)
    for signal in Signal.objects.filter(strategy__in=story.strategies.values()):
        plan(signal_id=signal.pk, now=now)
    ask_states(now=now)
    recorded[f"node.{house.code}"] = waiting(f"node.{house.code}")
    house.start("node")
    for queue, task in ANSWERS.items():
        wait_for(partial(lies_there, queue, task), what=f"{task} on {queue}")
        recorded[queue] = waiting(queue)
    return {queue: [lasting(item) for item in items] for queue, items in recorded.items()}


def lasting(item: bytes) -> bytes:
    """The same without an end: what is too late is dropped unread, and would prove nothing."""
    message = json.loads(item)
    message["headers"]["expires"] = None
    return packed(message)


def attacked(
    directory: Path, seed: int, messages: int, *, seconds: float = math.inf, say: Say = print
) -> Attack:
    """A house that has traded once, and then is sent so many messages that nobody meant.

    Once the time is over no more are sent; what came of those that were, is told all the same.
    """
    with running(directory) as house:
        story = tell("fuzz", house.enroll())
        forger = Forger(seed, record(house, story), *other_node())
        for name in ("centre", "heartbeats"):
            house._spawn(name)
        wait_for(partial(story.is_done, Action.OPEN), what="the real ones")
        before = traded()
        done = attack(forger, messages, until=time.monotonic() + seconds, say=say)
        if traded() != before:
            done.faults.append(f"orders and fills were {before} and are {traded()}")
        for account in (row.venue_account_id for row in story.subscriptions):
            if (orders := len(house.venue(account).truth()["orders"])) != 1:
                done.faults.append(f"account {account} has {orders} orders at the venue")
        if house.deaths:
            done.faults.append(f"{house.deaths} workers died")
    if RefusedMessage.objects.filter(reason="").exists():
        done.faults.append("a message was refused without a reason")
    return done


def other_node() -> tuple[str, SigningKey]:
    """A node of the same centre that has no account in its hands."""
    key, seal = SigningKey.generate(), PrivateKey.generate()
    public = {"seal_key": encoded(seal.public_key), "verify_key": encoded(key.verify_key)}
    enroll_node(code="mars", name="mars", **public)
    return "mars", key


def traded() -> list[object]:
    """What no message that nobody meant may change."""
    orders = Order.objects.across_tenants().order_by("pk")
    fills = Fill.objects.across_tenants().order_by("pk")
    return [*orders.values_list("pk", "status", "filled"), *fills.values_list("key")]


def attack(forger: Forger, messages: int, *, until: float, say: Say) -> Attack:
    """Push them, a part after the other, and look what became of each."""
    done = Attack()
    while done.pushed < messages and time.monotonic() < until:
        made = [forger.make() for _ in range(min(PART, messages - done.pushed))]
        by_queue = defaultdict(list)
        for queue, item in made:
            by_queue[queue].append(item)
        for queue, items in by_queue.items():
            push(queue, items)
        wait_for(lambda: not any(map(size, forger.recorded)), seconds=1800, what="empty queues")
        bad = [(queue, item) for queue, item in made if forger.must_be_refused(item)]
        foreign = [forger.foreign_reports(queue, item) for queue, item in bad]
        done.foreign += sum(foreign)
        lacking = missing([item for (_, item), of in zip(bad, foreign, strict=True) if not of])
        done.faults += [f"not refused: {item[:300]!r}" for item in lacking]
        done.pushed += len(made)
        done.to_refuse += len(bad)
        say(f"  {done.pushed} messages")
    with contextlib.suppress(AssertionError):  # how many are missing is told below
        wait_for(lambda: foreign_kept() >= done.foreign)
    if (lost := done.foreign - foreign_kept()) > 0:
        done.faults.append(f"{lost} of the other node's {done.foreign} reports are not kept")
    return done


def missing(bad: list[bytes]) -> list[bytes]:
    """Those that were to be refused and are not kept; the last ones may be on their way."""
    wanted = {item: kept_as(item) for item in bad}
    until = time.monotonic() + 20
    while True:
        digests = sorted(set().union(*wanted.values())) if wanted else []
        kept: set[str] = set()
        for start in range(0, len(digests), NAMES):
            rows = RefusedMessage.objects.filter(digest__in=digests[start : start + NAMES])
            kept |= set(rows.values_list("digest", flat=True))
        wanted = {item: names for item, names in wanted.items() if not names & kept}
        if not wanted or time.monotonic() > until:
            return list(wanted)
        time.sleep(0.2)


def foreign_kept() -> int:
    rows = RefusedMessage.objects.filter(reason="the order is not in this node's hands")
    return rows.aggregate(times=Sum("times"))["times"] or 0
