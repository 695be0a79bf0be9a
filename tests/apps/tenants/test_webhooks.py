"""What tenants' servers are told: signed, at least once, again until heard, and nowhere else."""

import contextlib
import itertools
import json
import re
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.tenants import targets
from apps.tenants.events import NAMES
from apps.tenants.models import Delivery, Endpoint, Event
from apps.tenants.services import (
    create_endpoint,
    pause_endpoint,
    replay_delivery,
    resume_endpoint,
    resume_tenant,
    rotate_endpoint_secret,
    suspend_tenant,
    tell,
    tell_many,
)
from apps.tenants.services.webhooks import (
    A_TURN,
    MOST_ATTEMPTS,
    OF_AN_ENDPOINT,
    TURN,
    claim,
    deliver,
    prune_webhooks,
)
from apps.tenants.targets import Unreachable, post
from tests.apps.tenants.receiver import receiving
from tests.at_once import at_once
from tests.factories import DeliveryFactory, EndpointFactory, TenantFactory

DOCS = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
NOW = timezone.now()
PUBLIC = "https://hooks.acme.example/in"


@pytest.fixture
def near(settings):
    settings.WEBHOOK_PRIVATE_TARGETS = True


@pytest.fixture
def receiver(near):
    with receiving() as receiver:
        yield receiver


def opened(tenant, receiver, events=()):
    return create_endpoint(tenant=tenant, url=receiver.url, events=events)


def happen(tenant, name="withdrawal.approved", **about):
    tell(tenant_id=tenant.pk, name=name, about=about)


@pytest.mark.parametrize(
    ("case", "url"),
    [
        ("no TLS", "http://hooks.acme.example/in"),
        ("another scheme", "ftp://hooks.acme.example/in"),
        ("no host", "https:///in"),
        ("a user", "https://me@hooks.acme.example/in"),
        ("a password", "https://me:secret@hooks.acme.example/in"),
        ("a port that is none", "https://hooks.acme.example:99999/in"),
        ("port zero", "https://hooks.acme.example:0/in"),
        ("a port of other services", "https://hooks.acme.example:25/in"),
        ("this host", "https://127.0.0.1/in"),
        ("this host by name", "https://localhost/in"),
        ("a private address", "https://10.0.0.8/in"),
        ("a link-local one", "https://169.254.169.254/latest/meta-data"),
        ("this host in six", "https://[::1]/in"),
        ("a private one in six", "https://[fd00::1]/in"),
        ("this host, mapped", "https://[::ffff:127.0.0.1]/in"),
        ("this host, as six once carried four", "https://[::127.0.0.1]/in"),
        ("this host, translated", "https://[64:ff9b::7f00:1]/in"),
        ("a site of its own in six", "https://[fec0::1]/in"),
        ("a group in six", "https://[ff0e::1]/in"),
        ("a metadata address in six to four", "https://[2002:a9fe:a9fe::1]/in"),
        ("nowhere", "https://0.0.0.0/in"),
        ("a group", "https://224.0.0.1/in"),
        ("a short name", "https://database/in"),
        ("white space", "https://hooks.acme.example/in\r\nHost: other"),
        ("too long", "https://hooks.acme.example/" + "a" * 500),
        ("nothing", ""),
    ],
)
@pytest.mark.django_db
def test_what_is_no_public_address_is_refused(case, url):
    with pytest.raises(BadInput) as refused:
        create_endpoint(tenant=TenantFactory(), url=url)
    assert refused.value.context["field"] == "url"
    assert not Endpoint.objects.across_tenants().exists()


@pytest.mark.parametrize("literal", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1"])
def test_a_number_that_the_system_takes_for_this_host_is_found_when_it_is_looked_up(literal):
    with pytest.raises(Unreachable):
        post(f"https://{literal}/in", headers={}, body=b"{}")


def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up(monkeypatch):
    monkeypatch.setattr(
        targets.socket,
        "getaddrinfo",
        lambda *_args, **_kwargs: [
            (2, 1, 6, "", ("93.184.216.34", 443)),
            (2, 1, 6, "", ("10.0.0.8", 443)),
        ],
    )
    with pytest.raises(Unreachable, match="not at a public address"):
        post(PUBLIC, headers={}, body=b"{}")


@pytest.mark.parametrize(
    "event",
    [*("", "a b", "withdrawal.", ".approved", "a.b.c"), "x" * 65, "withdrawal.aproved", "widraw"],
)
@pytest.mark.django_db
def test_an_event_that_never_comes_is_not_waited_for(event):
    with pytest.raises(BadInput) as refused:
        create_endpoint(tenant=TenantFactory(), url=PUBLIC, events=[event])
    assert refused.value.context["field"] == "events"


@pytest.mark.django_db
def test_nothing_is_told_that_nobody_can_ask_for():
    with pytest.raises(ValueError, match="aproved"):
        happen(TenantFactory(), "withdrawal.aproved")


def test_the_documented_events_are_those_that_come():
    rows = re.findall(r"^\| (`.*?`.*?) \|", DOCS.read_text(), re.MULTILINE)
    told = set()
    for row in rows:
        noun = ""
        for name in re.findall(r"`([\w.]+)`", row):
            noun = name.partition(".")[0] or noun
            told.add(f"{noun}.{name.partition('.')[2]}")
    assert told == NAMES


@pytest.mark.django_db
def test_only_who_listens_is_told():
    acme, globex = TenantFactory(), TenantFactory()
    everything = EndpointFactory(tenant=acme)
    money = EndpointFactory(tenant=acme, events=["withdrawal", "charge.made"])
    EndpointFactory(tenant=acme, status=Endpoint.Status.PAUSED)
    EndpointFactory(tenant=globex)
    for name in ("withdrawal.approved", "charge.made", "member.created"):
        happen(acme, name)
    heard = Delivery.objects.of(acme).values_list("endpoint", "event__name")
    assert sorted(heard) == sorted(
        [
            *((everything.pk, name) for name in ("withdrawal.approved", "charge.made")),
            (everything.pk, "member.created"),
            *((money.pk, name) for name in ("withdrawal.approved", "charge.made")),
        ]
    )
    assert not Event.objects.of(globex).exists()


@pytest.mark.django_db
def test_what_nobody_listens_to_is_not_kept(django_assert_num_queries):
    acme = TenantFactory()
    with django_assert_num_queries(1):
        tell_many([Event(tenant_id=acme.pk, name="order.filled", about={}) for _ in range(50)])
    assert not Event.objects.across_tenants().exists()


def verifies(secret, headers, body):
    """What docs/webhooks.md tells receivers to do, run as it stands there."""
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    scope: dict = {}
    exec(snippet, scope)
    return scope["is_genuine"](secret, headers, body)


@pytest.mark.django_db
def test_an_event_arrives_signed_as_the_documentation_says(receiver):
    acme = TenantFactory()
    secret = opened(acme, receiver).secret
    happen(acme, amount="100")
    assert deliver(now=timezone.now()) == 1
    ((headers, body),) = receiver.heard
    told = json.loads(body)
    event = Event.objects.of(acme).get()
    assert (told["id"], told["event"], told["about"]) == (
        str(event.pk),
        "withdrawal.approved",
        {"amount": "100"},
    )
    assert verifies(secret, headers, body)
    assert not verifies(secret, headers, body + b" ")
    assert not verifies("another", headers, body)
    assert not verifies(secret, headers | {"Webhook-Timestamp": "1"}, body)
    delivery = Delivery.objects.of(acme).get()
    assert (delivery.status, delivery.attempts, delivery.answered) == ("delivered", 1, 200)
    assert deliver(now=timezone.now()) == 0


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((500, {}), "answered 500"),
        ((404, {}), "answered 404"),
        # A redirect could lead inside: it is not followed.
        ((302, {"Location": "http://169.254.169.254/"}), "answered 302"),
    ],
)
@pytest.mark.django_db
def test_what_was_not_heard_is_sent_again_with_the_same_id(receiver, answer, problem):
    acme = TenantFactory()
    opened(acme, receiver)
    receiver.answers = [answer, (204, {})]
    happen(acme)
    deliver(now=NOW)
    delivery = Delivery.objects.of(acme).get()
    assert (delivery.status, delivery.problem) == ("waiting", problem)
    assert delivery.next_at >= NOW + timedelta(seconds=30)
    assert deliver(now=delivery.next_at - timedelta(seconds=1)) == 0
    assert deliver(now=delivery.next_at) == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("delivered", 2)
    assert len({json.loads(body)["id"] for _headers, body in receiver.heard}) == 1


@pytest.mark.django_db
def test_nobody_there_is_a_reason_like_another(near):
    acme = TenantFactory()
    with receiving() as gone:
        opened(acme, gone)
    happen(acme)
    deliver(now=NOW)
    delivery = Delivery.objects.of(acme).get()
    assert (delivery.status, delivery.answered) == ("waiting", None)
    assert "refused" in delivery.problem


@pytest.mark.django_db
def test_after_more_than_a_day_it_is_given_up_and_can_be_replayed(receiver):
    acme = TenantFactory()
    opened(acme, receiver)
    receiver.answers = [(500, {})]
    happen(acme)
    now = NOW
    for _ in range(MOST_ATTEMPTS):
        assert deliver(now=now) == 1
        delivery = Delivery.objects.of(acme).get()
        now = delivery.next_at or now
    assert delivery.status == Delivery.Status.DEAD
    assert now - NOW > timedelta(days=1)
    assert deliver(now=now + timedelta(days=9)) == 0
    receiver.answers = [(200, {})]
    replay_delivery(delivery=delivery)
    assert deliver(now=now) == 1
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.DELIVERED
    assert AuditEntry.objects.filter(action="delivery.replayed").count() == 1
    with pytest.raises(Conflict):
        replay_delivery(delivery=DeliveryFactory())


@pytest.mark.django_db
def test_a_paused_endpoint_hears_nothing_until_it_is_resumed(receiver):
    acme = TenantFactory()
    endpoint = opened(acme, receiver).endpoint
    happen(acme, "member.created")
    pause_endpoint(endpoint=endpoint)
    happen(acme, "member.disabled")
    assert deliver(now=timezone.now()) == 0
    resume_endpoint(endpoint=endpoint)
    assert deliver(now=timezone.now()) == 1
    assert [json.loads(body)["event"] for _headers, body in receiver.heard] == ["member.created"]


@pytest.mark.django_db
def test_a_busy_endpoint_leaves_room_for_the_others(receiver):
    acme, globex = TenantFactory(), TenantFactory()
    opened(acme, receiver)
    for _ in range(A_TURN * 2):
        happen(acme)
    opened(globex, receiver)
    happen(globex)
    assert deliver(now=timezone.now()) == OF_AN_ENDPOINT + 1
    assert Delivery.objects.of(globex).get().status == Delivery.Status.DELIVERED


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_each_delivery_once(receiver):
    acme = TenantFactory()
    opened(acme, receiver)
    for _ in range(OF_AN_ENDPOINT):
        happen(acme)
    now = timezone.now()
    taken = [delivery.pk for turn in at_once(2, lambda: claim(now)) for delivery in turn]
    assert len(taken) == len(set(taken)) == OF_AN_ENDPOINT


@pytest.mark.django_db(transaction=True)
def test_a_process_is_held_up_by_one_turn_at_most(receiver):
    acme = TenantFactory()
    opened(acme, receiver)
    happen(acme)
    with TURN:
        assert deliver(now=timezone.now()) == 0
    assert deliver(now=timezone.now()) == 1


def dripping(settings, monkeypatch, pieces):
    """What comes of asking a server that answers in these pieces, one every 50 milliseconds."""
    settings.WEBHOOK_PRIVATE_TARGETS = True
    monkeypatch.setattr(targets, "ANSWER_SECONDS", 0.3)
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        line, _address = server.accept()
        with line, contextlib.suppress(OSError):
            line.recv(65536)
            for piece in pieces:
                line.sendall(piece)
                time.sleep(0.05)

    answering = threading.Thread(target=answer, daemon=True)
    answering.start()
    with server:
        began = time.monotonic()
        try:
            return post(f"http://127.0.0.1:{server.getsockname()[1]}/", headers={}, body=b"{}")
        finally:
            assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("case", "pieces"),
    [
        ("nothing for long", [b"", *[b""] * 40]),
        ("a status, drop by drop", itertools.repeat(b"H", 200)),
        ("headers without end", [b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90]),
        ("always another beginning", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 200)),
    ],
)
def test_an_answer_that_does_not_end_is_cut_off(settings, monkeypatch, case, pieces):
    with pytest.raises(Unreachable):
        dripping(settings, monkeypatch, pieces)


def test_a_body_without_end_is_not_waited_for(settings, monkeypatch):
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert dripping(settings, monkeypatch, [head, *[b"x" * 65536] * 100]) == (200, b"")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One that names hooks.acme.example, and signs for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.acme.example")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.acme.example")]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("case", "host", "is_trusted", "is_heard"),
    [
        ("the name that it was issued for", "hooks.acme.example", True, True),
        ("another name at the same address", "hooks.globex.example", True, False),
        ("signed by nobody we know", "hooks.acme.example", False, False),
    ],
)
def test_the_name_is_verified_though_the_address_is_called(
    near, monkeypatch, certificate, case, host, is_trusted, is_heard
):
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(certificate) as receiver:
        place = (2, 1, 6, "", ("127.0.0.1", receiver.port))
        monkeypatch.setattr(targets.socket, "getaddrinfo", lambda *_args, **_kwargs: [place])
        url = f"https://{host}:{receiver.port}/in"
        if is_heard:
            assert post(url, headers={}, body=b"{}") == (200, b"")
            assert receiver.heard[0][0]["Host"] == f"{host}:{receiver.port}"
        else:
            with pytest.raises(Unreachable, match="certificate"):
                post(url, headers={}, body=b"{}")
            assert receiver.heard == []


@pytest.mark.django_db
def test_while_nobody_is_there_the_rest_waits_too(near):
    acme = TenantFactory()
    with receiving() as gone:
        opened(acme, gone)
    for _ in range(OF_AN_ENDPOINT * 2):
        happen(acme)
    assert deliver(now=NOW) == OF_AN_ENDPOINT
    assert deliver(now=NOW + timedelta(seconds=29)) == 0
    assert Delivery.objects.of(acme).filter(attempts=0).count() == OF_AN_ENDPOINT


@pytest.mark.django_db
def test_a_new_secret_signs_from_then_on(receiver):
    acme = TenantFactory()
    old = opened(acme, receiver)
    new = rotate_endpoint_secret(endpoint=old.endpoint)
    happen(acme)
    deliver(now=timezone.now())
    ((headers, body),) = receiver.heard
    assert verifies(new.secret, headers, body)
    assert not verifies(old.secret, headers, body)
    entry = AuditEntry.objects.get(action="endpoint.secret_rotated")
    assert (entry.before, entry.after) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_died_while_sending_is_followed_by_another(receiver, monkeypatch):
    acme = TenantFactory()
    opened(acme, receiver)
    happen(acme)

    def die(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr("apps.tenants.services.webhooks.conclude", die)
        with pytest.raises(SystemExit):
            deliver(now=NOW + timedelta(seconds=1))
    assert deliver(now=NOW + timedelta(seconds=30)) == 0
    assert deliver(now=NOW + timedelta(seconds=62)) == 1
    assert len(receiver.heard) == 2
    assert Delivery.objects.of(acme).get().status == Delivery.Status.DELIVERED


@pytest.mark.django_db
def test_what_was_heard_long_ago_is_forgotten_and_what_was_not_stays():
    old = NOW - timedelta(days=31)
    heard = DeliveryFactory(status=Delivery.Status.DELIVERED, delivered_at=old)
    dead = DeliveryFactory(status=Delivery.Status.DEAD)
    Event.objects.across_tenants().update(created_at=old)
    assert prune_webhooks(now=NOW) == 1
    assert list(Delivery.objects.across_tenants()) == [dead]
    assert not Event.objects.across_tenants().filter(pk=heard.event_id).exists()


@pytest.mark.django_db
def test_a_suspension_is_told_and_so_is_its_end():
    acme = TenantFactory(name="Acme")
    EndpointFactory(tenant=acme)
    suspend_tenant(tenant=acme)
    resume_tenant(tenant=acme)
    with pytest.raises(Conflict):
        resume_tenant(tenant=acme)
    about = {"tenant": acme.pk, "name": "Acme"}
    told = Event.objects.of(acme).order_by("created_at").values_list("name", "about")
    assert list(told) == [("tenant.suspended", about), ("tenant.resumed", about)]
