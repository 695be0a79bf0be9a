"""A batch on a node: every ticket is answered, and no secret leaves."""

import json
import logging
import time
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from kombu.exceptions import OperationalError
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from engine import envelope
from engine.errors import MessageRefused
from engine.messages import Heartbeat, Parcel, Task, Ticket, Tickets
from engine.order import OrderStatus
from engine.venues.base import VenueOrder
from engine.venues.paper import PaperVenue
from tests.engine.tickets import ticket
from workers.vault import open_credentials

S = OrderStatus
CANARY = "canary-b7f3a1"
CREDENTIALS = {"api_key": CANARY + "-key", "api_secret": CANARY + "-secret", "passphrase": "p"}


@pytest.fixture
def ask(host):
    """A ticket for this host, with sound credentials unless others are named."""

    def asked(number, *, credentials=None, **changes):
        secret = json.dumps(CREDENTIALS).encode() if credentials is None else credentials
        seal_key = bytes(host.keys.seal_private.public_key)
        told = {
            "order_id": str(number),
            "account": str(number),
            "client_order_id": f"ib{number}",
            "sealed_credentials": envelope.seal(secret, to=seal_key),
            "not_after_ms": int((time.time() + 30) * 1000),
        }
        return ticket(**told | changes)

    return asked


def reports(host):
    return {report.order_id: report for _, _, told in host.sent for report in told.reports}


def orders_at_venue(host, account):
    return PaperVenue(Path(host.settings.paper_book), account).truth()["orders"]


def test_a_batch_is_executed_and_every_ticket_answered(host, tasks, ask):
    tasks.execute_all([ask(number) for number in range(25)], host, asked_at_ms=tasks.now_ms())
    told = reports(host)
    assert len(told) == 25
    assert {report.status for report in told.values()} == {S.FILLED}
    assert {(task, queue) for task, queue, _ in host.sent} == {
        ("orders.record_reports", "centre.reports")
    }
    assert tasks.running == 0


def test_one_accounts_tickets_run_in_their_order(host, tasks, ask):
    own = [ask(number, account="1") for number in range(5)]
    tasks.execute_all(own, host, asked_at_ms=tasks.now_ms())
    assert [one["client_id"] for one in orders_at_venue(host, "1")] == [f"ib{n}" for n in range(5)]


def test_the_same_batch_twice_orders_once(host, tasks, ask):
    batch = [ask(number) for number in range(3)]
    tasks.execute_all(batch, host, asked_at_ms=tasks.now_ms())
    first = reports(host)
    tasks.execute_all(batch, host, asked_at_ms=tasks.now_ms())
    for number, report in reports(host).items():
        assert (report.status, report.fills) == (S.FILLED, first[number].fills)
        assert len(orders_at_venue(host, number)) == 1


class Broken:
    """A mock of an adapter that fails in ways it never announced."""

    lookup_lag_seconds = 0.0

    def __init__(self, failure):
        self.failure = failure
        self.placed = 0

    def place(self, ticket):
        self.placed += 1
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure

    def find(self, *, symbol, client_order_id):
        return None


UNSOUND = VenueOrder("ib3", "v" * 65, S.FILLED, Decimal("0.01"))


@pytest.mark.parametrize("failure", [RuntimeError(CANARY), KeyError(CANARY), UNSOUND])
def test_a_crash_of_one_ticket_is_unknown_and_takes_no_other_with_it(
    host, tasks, ask, monkeypatch, failure, caplog
):
    caplog.set_level(logging.DEBUG)
    broken = Broken(failure)
    real = host.adapters.lend
    monkeypatch.setattr(
        host.adapters,
        "lend",
        lambda ticket, keys: nullcontext(broken) if ticket.order_id == "3" else real(ticket, keys),
    )
    # Two of the same account behind it, and others beside it.
    batch = [ask(number, account=str(number // 4)) for number in range(8)]
    tasks.execute_all(batch, host, asked_at_ms=tasks.now_ms())
    told = reports(host)
    assert told.pop("3").status is S.UNKNOWN
    assert [report.status for report in told.values()] == [S.FILLED] * 7
    assert tasks.running == 0
    tasks.execute_all(batch, host, asked_at_ms=tasks.now_ms())
    assert broken.placed == 1
    assert CANARY not in caplog.text
    assert CANARY not in repr(host.sent)


@pytest.mark.parametrize(
    "credentials",
    [
        b"",
        CANARY.encode(),
        json.dumps([CANARY]).encode(),
        json.dumps({"api_key": CANARY}).encode(),
        json.dumps(CREDENTIALS | {"api_secret": 5}).encode(),
        json.dumps(CREDENTIALS).encode() + b"\xff" + CANARY.encode(),
    ],
)
def test_credentials_that_are_none_are_rejected_and_quoted_nowhere(
    host, tasks, ask, credentials, caplog, tmp_path
):
    caplog.set_level(logging.DEBUG)
    tasks.execute_all([ask(1, credentials=credentials), ask(2)], host, asked_at_ms=tasks.now_ms())
    told = reports(host)
    assert told["1"].status is S.REJECTED
    assert told["1"].reason == "the credentials are not what they should be"
    assert told["2"].status is S.FILLED
    assert not (tmp_path / "paper" / "1.journal").exists()
    assert CANARY not in caplog.text + repr(host.sent)
    assert CANARY.encode() not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


def test_credentials_for_another_node_are_rejected(host, tasks, ask):
    other = PrivateKey.generate()
    sealed = envelope.seal(json.dumps(CREDENTIALS).encode(), to=bytes(other.public_key))
    tasks.execute_all([ask(1, sealed_credentials=sealed)], host, asked_at_ms=tasks.now_ms())
    assert reports(host)["1"].status is S.REJECTED
    assert reports(host)["1"].reason == "the credentials are not sealed to this node"


def test_a_look_up_without_credentials_rejects_nothing(host, tasks, ask):
    tasks.execute_all([ask(1)], host, asked_at_ms=tasks.now_ms())
    tasks.execute_all(
        [ask(1, task=Task.LOOK_UP, credentials=b"")], host, asked_at_ms=tasks.now_ms()
    )
    assert reports(host)["1"].status is S.UNKNOWN


def test_credentials_show_themselves_nowhere(host, tasks, ask):
    opened = open_credentials(ask(1).sealed_credentials, key=host.keys.seal_private)
    assert opened.api_secret == CREDENTIALS["api_secret"]
    for shown in (repr(opened), str(opened), f"{opened}", repr([opened]), repr(host.keys)):
        assert CANARY not in shown
        assert "SigningKey" not in shown


def test_a_venue_that_this_node_does_not_know_is_rejected(host, tasks, ask):
    tasks.execute_all([ask(1, venue="nowhere")], host, asked_at_ms=tasks.now_ms())
    assert reports(host)["1"].status is S.REJECTED


def test_a_centre_out_of_reach_stops_no_ticket(host, tasks, ask, monkeypatch):
    def away(*told):
        raise OperationalError("the broker is away")

    monkeypatch.setattr(host, "tell_centre", away)
    tasks.execute_all(
        [ask(number, account="1") for number in range(45)], host, asked_at_ms=tasks.now_ms()
    )
    assert len(orders_at_venue(host, "1")) == 45
    assert tasks.running == 0


def signed(centre_key, message, *, sender="centre", receiver="walk"):
    return envelope.sign(message, sender=sender, receiver=receiver, key=centre_key)


def test_tickets_are_read_from_the_centres_hand(host, tasks, ask, centre_key):
    batch = [ask(1), ask(2)]
    parcel = tasks.read_message(signed(centre_key, Tickets(tickets=batch)), host, Parcel)
    assert tasks.tickets_of(parcel, host) == batch


def test_only_the_centre_sends_tickets(host, tasks, ask, centre_key):
    batch = Tickets(tickets=[ask(1)])
    beat = Heartbeat(version="1", clock_ms=0, running=0)
    stranger = SigningKey.generate()
    for text in (
        signed(centre_key, batch, sender="walk"),
        signed(centre_key, batch, receiver="other"),
        signed(stranger, batch),
        signed(centre_key, beat),
    ):
        with pytest.raises(MessageRefused):
            tasks.read_message(text, host, Parcel)
    assert not Path(host.settings.paper_book).exists()


@pytest.fixture
def pack(host, centre_key):
    """A signed parcel for this host, its credentials sealed under one key; told apart by order."""

    def packed(tickets, *, secrets=None, change=lambda raw: raw, to=None):
        to = to or bytes(host.keys.seal_private.public_key)
        key, sealed_key = envelope.new_key(to=to)
        raws = []
        for one in tickets:
            secret = (secrets or {}).get(one.order_id, json.dumps(CREDENTIALS).encode())
            sealed = envelope.seal_under(key, secret, place=one.account)
            whole = msgspec.structs.replace(one, sealed_credentials=sealed)
            raws.append(msgspec.Raw(change(msgspec.json.encode(whole))))
        return signed(centre_key, Parcel(tickets=raws, sealed_key=sealed_key))

    return packed


@pytest.fixture
def refused(host, monkeypatch):
    kept = []
    monkeypatch.setattr(host, "refuse", lambda queue, reason, body: kept.append((reason, body)))
    return kept


def test_a_parcel_is_executed_with_credentials_that_open_under_its_key(host, tasks, ask, pack):
    tasks.receive(pack([ask(number) for number in range(5)]), host)
    assert {report.status for report in reports(host).values()} == {S.FILLED}


def test_a_parcel_twice_orders_once(host, tasks, ask, pack):
    batch = [ask(number) for number in range(3)]
    tasks.receive(pack(batch), host)
    tasks.receive(pack(batch), host)
    assert {report.status for report in reports(host).values()} == {S.FILLED}
    assert [len(orders_at_venue(host, str(number))) for number in range(3)] == [1, 1, 1]


def test_a_host_whose_clock_is_ahead_denies_no_order_that_may_yet_come(
    host, tasks, ask, pack, monkeypatch
):
    ahead = tasks.now_ms() + 3_600_000
    monkeypatch.setattr(tasks, "now_ms", lambda: ahead)
    tasks.receive(pack([ask(1, task=Task.LOOK_UP)]), host)
    assert reports(host)["1"].status is S.UNKNOWN
    # Once the centre's clock, too, is past its time.
    tasks.receive(pack([ask(2, task=Task.LOOK_UP, not_after_ms=1)]), host)
    assert reports(host)["2"].status is S.EXPIRED


def test_an_unsound_ticket_is_refused_by_itself_and_the_others_are_sent(
    host, tasks, ask, pack, refused
):
    damaged = b'"order_id":"3"'
    text = pack(
        [ask(number) for number in range(5)],
        change=lambda raw: (
            raw.replace(b'"quantity":"0.01"', b'"quantity":"-1"') if damaged in raw else raw
        ),
    )
    tasks.receive(text, host)
    told = reports(host)
    assert set(told) == {"0", "1", "2", "4"}
    assert {report.status for report in told.values()} == {S.FILLED}
    ((reason, body),) = refused
    assert "quantity" in reason
    assert damaged in body
    assert not orders_at_venue(host, "3")


def test_credentials_that_do_not_open_reject_their_own_ticket_alone(host, tasks, ask, pack):
    tasks.receive(pack([ask(1), ask(2)], secrets={"1": b"{}"}), host)
    told = reports(host)
    assert (told["1"].status, told["2"].status) == (S.REJECTED, S.FILLED)


def test_credentials_open_for_their_own_account_only(host, tasks, ask, pack, centre_key):
    own, other = (
        msgspec.json.decode(raw, type=Ticket)
        for raw in tasks.read_message(pack([ask(1), ask(2)]), host, Parcel).tickets
    )
    key, sealed_key = envelope.new_key(to=bytes(host.keys.seal_private.public_key))
    sealed = envelope.seal_under(key, json.dumps(CREDENTIALS).encode(), place=other.account)
    stolen = msgspec.structs.replace(own, sealed_credentials=sealed)
    text = signed(centre_key, Tickets(tickets=[stolen], sealed_key=sealed_key))
    tasks.receive(text, host)
    assert reports(host)["1"].status is S.REJECTED
    assert reports(host)["1"].reason == "the credentials are not sealed to this node"


def test_a_parcel_for_another_nodes_key_rejects_every_ticket(host, tasks, ask, pack):
    other = bytes(PrivateKey.generate().public_key)
    tasks.receive(pack([ask(1), ask(2)], to=other), host)
    told = reports(host)
    assert {report.status for report in told.values()} == {S.REJECTED}
    assert {report.reason for report in told.values()} == {
        "the credentials are not sealed to this node"
    }


def test_a_node_that_died_within_a_parcel_looks_up_what_it_had_begun(host, tasks, ask, pack):
    batch = [ask(number) for number in range(4)]
    # The first was sent, the second was journalled and not sent, when the process died.
    tasks.receive(pack(batch[:1]), host)
    host.journal.create(batch[1].client_order_id)
    tasks.receive(pack(batch), host)
    told = reports(host)
    assert [told[str(number)].status for number in range(4)] == [
        S.FILLED,
        S.UNKNOWN,
        S.FILLED,
        S.FILLED,
    ]
    assert [len(orders_at_venue(host, str(number))) for number in range(4)] == [1, 0, 1, 1]
