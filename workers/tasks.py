"""What the centre may ask of this node: execute tickets, and report on them."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from kombu.exceptions import OperationalError

from engine import envelope
from engine.errors import MessageRefused, VenueRefused
from engine.execution import execute, refuse, report
from engine.failpoint import failpoint
from engine.messages import Parcel, Report, Reports, Task, Ticket
from engine.order import OrderStatus
from engine.signal import Action
from workers import adapters
from workers.app import Node, app, node
from workers.pace import URGENT, USUAL, taking
from workers.vault import Opener

log = logging.getLogger(__name__)

# A report leaves when so many are ready, or when the first of them has waited so long.
FLUSH_AT = 20
FLUSH_AFTER_SECONDS = 0.2

running = 0
_counting = threading.Lock()


@app.task(name="node.execute")
def run(envelope: str) -> None:
    receive(envelope, node())


def receive(text: str, host: Node) -> None:
    claimed, parcel = opened(text, host, Parcel)
    tickets = tickets_of(parcel, host)
    sealed_key, asked_at_ms = parcel.sealed_key, claimed.sent_at_ms
    execute_all(tickets, host, sealed_key=sealed_key, asked_at_ms=asked_at_ms)


def tickets_of(parcel: Parcel, host: Node) -> list[Ticket]:
    """The tickets of a parcel; one that is unsound is refused by itself, and stops no other."""
    tickets = []
    for raw in parcel.tickets:
        try:
            tickets.append(msgspec.json.decode(raw, type=Ticket))
        except msgspec.DecodeError as error:
            host.refuse(host.settings.queue, f"an unsound ticket: {error}", bytes(raw))
    return tickets


def read_message(text: str, host: Node, expected: type[envelope.M]) -> envelope.M:
    """What the centre says to this node, once its signature holds."""
    return opened(text, host, expected)[1]


def opened(
    text: str, host: Node, expected: type[envelope.M]
) -> tuple[envelope.Envelope, envelope.M]:
    """The same, with the envelope that says when."""
    claimed, payload, signature = envelope.read(text, receiver=host.settings.node_code)
    if claimed.sender != "centre":
        raise MessageRefused("only the centre gives orders", sender=claimed.sender)
    key = host.keys.centre_verify
    return claimed, envelope.verify(claimed, payload, signature, key=key, expected=expected)


def execute_all(
    tickets: list[Ticket], host: Node, *, sealed_key: str = "", asked_at_ms: int
) -> None:
    """Execute account by account, several at a time, and report as the answers come in."""
    failpoint("node.received")
    by_account: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        by_account[ticket.account].append(ticket)
    outbox = Outbox(host)
    opener = Opener(sealed_key, key=host.keys.seal_private)
    count(len(tickets))
    try:
        with ThreadPoolExecutor(max_workers=host.settings.node_concurrency) as pool:
            for _ in pool.map(
                lambda own: execute_each(own, host, opener, outbox.add, asked_at_ms),
                by_account.values(),
            ):
                pass
    finally:
        count(-len(tickets))
        outbox.flush()
    failpoint("node.reported")


def execute_each(
    tickets: list[Ticket],
    host: Node,
    opener: Opener,
    hand_in: Callable[[Report], None],
    asked_at_ms: int,
) -> None:
    """One account's tickets, strictly one after the other."""
    for ticket in tickets:
        hand_in(answer(ticket, host, opener, asked_at_ms))


def answer(ticket: Ticket, host: Node, opener: Opener, asked_at_ms: int) -> Report:
    """Whatever happens to one ticket, it is answered, and the next one has its turn."""
    try:
        try:
            lent = host.adapters.lend(ticket, opener.open(ticket))
        except (VenueRefused, MessageRefused) as error:
            return refuse(ticket, journal=host.journal, now_ms=now_ms(), reason=error.message)
        with lent as exchange, taking(URGENT if is_reducing(ticket) else USUAL):
            timed = host.reach.timed(ticket.venue, exchange)
            # Only now: opening a venue for the first time takes a while.
            told = execute(
                ticket,
                venue=timed,
                journal=host.journal,
                now_ms=now_ms(),
                asked_at_ms=asked_at_ms,
            )
            return sound(told)
    except Exception as error:  # noqa: BLE001  (an adapter may fail in any way, after sending too)
        # Not its words: an exchange's answer may quote what it was sent.
        reason = f"the adapter failed: {type(error).__name__}"
        log.error("ticket %s, %s at %s", ticket.order_id, reason, adapters.place_of(error))
        return report(ticket, OrderStatus.UNKNOWN, now_ms(), reason=reason)


def is_reducing(ticket: Ticket) -> bool:
    """Whether it makes risk smaller: such requests go first where a venue's limits are near."""
    return ticket.action is not Action.OPEN or ticket.task is Task.CANCEL


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def sound(told: Report) -> Report:
    """The report, if the centre can read it; an unsound one would take its batch with it."""
    return msgspec.json.decode(msgspec.json.encode(told), type=Report)


def count(tickets: int) -> None:
    global running
    with _counting:
        running += tickets


class Outbox:
    """Reports on their way out, a few at a time, so that the first one leaves early."""

    def __init__(self, host: Node) -> None:
        self.host = host
        self.waiting: list[Report] = []
        self.since = time.monotonic()
        self.lock = threading.Lock()

    def add(self, report: Report) -> None:
        with self.lock:
            self.waiting.append(report)
            waited = time.monotonic() - self.since
            if len(self.waiting) >= FLUSH_AT or waited >= FLUSH_AFTER_SECONDS:
                self._send()

    def flush(self) -> None:
        with self.lock:
            self._send()

    def _send(self) -> None:
        if self.waiting:
            reports = Reports(reports=self.waiting)
            try:
                self.host.tell_centre("orders.record_reports", "centre.reports", reports)
            except OperationalError as error:
                # The orders are journalled: the centre's sweep asks for what it misses.
                log.warning("%d reports did not leave: %s", len(self.waiting), error)
        self.waiting, self.since = [], time.monotonic()
