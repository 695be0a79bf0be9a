"""What channels are told, by real requests to receivers on this host, until it arrives."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import DatabaseError
from django.utils import timezone

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.monitoring.alone import Alone
from apps.monitoring.models import Alert, Channel, Notice, Rule
from apps.monitoring.services import (
    create_channel,
    deliver,
    pause_channel,
    prune_alerts,
    resume_channel,
    send_again,
    try_channel,
)
from apps.monitoring.services.notices import MOST_ATTEMPTS, owe
from tests.apps.monitoring.receivers import mails
from tests.apps.tenants.receiver import receiving
from tests.at_once import at_once
from tests.factories import AlertFactory, AlertNoticeFactory, RuleFactory
from tests.servers import free_port

pytestmark = pytest.mark.django_db
NOW = timezone.now()
TOKEN = "123456:" + "a" * 30
CANARY = "canary-5f2c9e"


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def alert():
    return AlertFactory(
        rule=RuleFactory(check_name="disk", threshold=90),
        subject="var",
        value=93.5,
        told="12 MiB free",
        severity=3,
        status=Alert.Status.FIRING,
    )


def channel(receiver, kind="webhook", **told):
    asked = {"name": kind, "kind": kind, "target": receiver.url, **told}
    return create_channel(**asked)


def owed(alert, to, kind=Notice.Kind.FIRED):
    owe(alert=alert, kind=kind, channels=[to])
    return Notice.objects.get(alert=alert, channel=to, kind=kind)


def test_a_webhook_hears_the_figures_signed(alert, receiver):
    notice = owed(alert, channel(receiver, key="shared"))
    assert deliver(now=NOW) == 1
    ((headers, body),) = receiver.heard
    told = json.loads(body)
    assert (told["check"], told["subject"], told["value"]) == ("disk", "var", 93.5)
    assert (told["threshold"], told["unit"], told["kind"]) == (90.0, "%", "fired")
    assert "The disk is full" in told["text"]
    signed = f"{notice.pk}.{headers['Alert-Timestamp']}.".encode() + body
    assert headers["Alert-Signature"] == hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    notice.refresh_from_db()
    assert (notice.status, notice.attempts) == (Notice.Status.DELIVERED, 1)
    assert deliver(now=NOW) == 0


def test_telegram_hears_it_from_its_bot(alert, receiver, settings):
    settings.TELEGRAM_URL = f"http://127.0.0.1:{receiver.port}"
    owed(alert, channel(receiver, "telegram", target="-100200300", key=TOKEN))
    deliver(now=NOW)
    ((_headers, body),) = receiver.heard
    told = json.loads(body)
    assert told["chat_id"] == "-100200300"
    assert "Critical: The disk is full (var)" in told["text"]
    assert "93.5 %" in told["text"]
    assert "12 MiB free" in told["text"]


def test_slack_hears_it(alert, receiver):
    owed(alert, channel(receiver, "slack"), Notice.Kind.ESCALATED)
    deliver(now=NOW)
    assert "Nobody has it in hand" in json.loads(receiver.heard[0][1])["text"]


def test_dingtalk_hears_it_signed_and_says_no_with_200(alert, receiver, monkeypatch):
    heard = {}

    def answering(url, body):
        heard.update(url=url, body=body)
        return b'{"errcode": 310000, "errmsg": "sign not match"}'

    # The receiver has no words of its own to answer with; the address is what matters here.
    monkeypatch.setattr("apps.monitoring.senders.told", answering)
    notice = owed(alert, channel(receiver, "dingtalk", key="SEC123"))
    deliver(now=NOW)
    asked = parse_qs(urlsplit(heard["url"]).query)
    at = asked["timestamp"][0]
    expected = hmac.new(b"SEC123", f"{at}\nSEC123".encode(), hashlib.sha256).digest()
    assert asked["sign"] == [base64.b64encode(expected).decode()]
    assert asked["of"] == ["acme"]
    notice.refresh_from_db()
    assert (notice.status, notice.problem) == (Notice.Status.WAITING, "it refused with 310000")


def test_a_mail_arrives(alert, settings):
    # pytest-django keeps mails in memory otherwise.
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mails() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        told = create_channel(name="mail", kind="email", target="ops@acme.example")
        notice = owed(alert, told)
        server.refuses = True
        deliver(now=NOW)
        notice.refresh_from_db()
        assert "SMTPRecipientsRefused" in notice.problem
        server.refuses = False
        deliver(now=NOW + timedelta(seconds=10))
    (mail,) = server.heard
    assert "To: ops@acme.example" in mail
    assert "Subject: Critical: The disk is full (var)" in mail


def test_it_is_tried_again_until_it_is_heard(alert, receiver):
    receiver.answers = [(500, {}), (503, {}), (200, {})]
    notice = owed(alert, channel(receiver))
    moments = [NOW]
    for _try in range(3):
        deliver(now=moments[-1])
        notice.refresh_from_db()
        if notice.next_at:
            assert deliver(now=notice.next_at - timedelta(seconds=1)) == 0
            moments.append(notice.next_at)
    assert (notice.status, notice.attempts, len(receiver.heard)) == ("delivered", 3, 3)


def test_at_last_it_is_given_up_and_a_person_may_send_it_again(alert, receiver):
    receiver.answers = [(500, {})]
    notice = owed(alert, channel(receiver))
    Notice.objects.update(attempts=MOST_ATTEMPTS - 1)
    deliver(now=NOW)
    notice.refresh_from_db()
    assert (notice.status, notice.problem) == ("dead", "it answered 500")
    receiver.answers = [(200, {})]
    send_again(notice=notice)
    deliver(now=NOW)
    notice.refresh_from_db()
    assert notice.status == "delivered"
    with pytest.raises(Conflict):
        send_again(notice=notice)


def test_the_end_is_not_told_before_the_beginning(alert, receiver):
    receiver.answers = [(500, {}), (200, {})]
    way = channel(receiver)
    fired, ended = owed(alert, way), owed(alert, way, Notice.Kind.RESOLVED)
    deliver(now=NOW)
    fired.refresh_from_db()
    assert deliver(now=NOW + timedelta(seconds=1)) == 0
    deliver(now=fired.next_at)
    deliver(now=fired.next_at)
    kinds = [json.loads(body)["kind"] for _headers, body in receiver.heard]
    assert kinds == ["fired", "fired", "resolved"]
    ended.refresh_from_db()
    assert ended.status == "delivered"


def test_a_paused_channel_is_told_when_it_is_resumed(alert, receiver):
    way = channel(receiver)
    owed(alert, way)
    pause_channel(channel=way)
    assert deliver(now=NOW) == 0
    with pytest.raises(Conflict):
        try_channel(channel=way)
    resume_channel(channel=way)
    assert deliver(now=NOW) == 1


def test_a_channel_is_tried_with_words_that_say_so(receiver):
    try_channel(channel=channel(receiver))
    deliver(now=NOW)
    assert "Nothing is wrong" in json.loads(receiver.heard[0][1])["text"]


def test_it_is_owed_once(alert, receiver):
    way = channel(receiver)
    owed(alert, way)
    owed(alert, way)
    assert Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_deliver_at_once_say_it_once(alert, receiver):
    way = channel(receiver)
    for _number in range(10):
        owed(AlertFactory(rule=alert.rule), way)
    at_once(2, lambda: deliver(now=NOW))
    assert len(receiver.heard) == 10


def test_what_is_over_for_long_is_forgotten_with_its_notices():
    old = AlertNoticeFactory(alert__status=Alert.Status.RESOLVED, alert__open_key=None)
    firing = AlertFactory(status=Alert.Status.FIRING, open_key="x")
    Alert.objects.update(created_at=NOW - timedelta(days=200))
    assert prune_alerts(now=NOW) == 1
    assert not Notice.objects.filter(pk=old.pk).exists()
    assert Alert.objects.get() == firing


def test_what_is_secret_in_a_channel_is_nowhere_to_be_read(alert, receiver):
    receiver.answers = [(500, {})]
    url = f"http://127.0.0.1:{free_port()}/{CANARY}"
    way = create_channel(name="chat", kind="slack", target=url, key=CANARY)
    notice = owed(alert, way)
    deliver(now=NOW)
    notice.refresh_from_db()
    assert notice.problem
    kept = [*Channel.objects.values_list(), *Notice.objects.values_list()]
    kept += AuditEntry.objects.values_list()
    assert CANARY not in str(kept)
    assert CANARY not in str(way) + repr(way)


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 65}),
        ("kind", {"kind": "pigeon"}),
        ("target", {"target": "ftp://x.example"}),
        ("target", {"target": "https://me:pw@x.example"}),
        ("target", {"kind": "email", "target": "nobody"}),
        ("target", {"kind": "telegram", "target": "no chat", "key": TOKEN}),
        ("key", {"kind": "telegram", "target": "-1", "key": "no token"}),
        ("key", {"key": "x" * 201}),
        ("least_severity", {"least_severity": 9}),
    ],
)
def test_a_bad_channel_is_refused_by_field(field, told):
    asked = {"name": "chat", "kind": "webhook", "target": "https://x.example/a", **told}
    with pytest.raises(BadInput) as refused:
        create_channel(**asked)
    assert refused.value.context["field"] == field
    assert not Channel.objects.exists()


def test_two_channels_have_two_names(receiver):
    channel(receiver)
    with pytest.raises(Conflict) as refused:
        channel(receiver)
    assert refused.value.context["field"] == "name"


def test_while_the_database_is_away_the_known_channels_are_told_once(receiver, monkeypatch):
    way = channel(receiver)
    channel_of_nobody = create_channel(
        name="second", kind="webhook", target=receiver.url, is_second=True
    )
    assert channel_of_nobody != way
    alone = Alone()
    alone.went_well(NOW)
    monkeypatch.setattr("apps.monitoring.alone.PATIENCE_SECONDS", 0)
    for _round in range(3):
        alone.failed(DatabaseError("gone"), NOW)
    for _round in range(3):
        alone.went_well(NOW)
    told = [json.loads(body) for _headers, body in receiver.heard]
    assert [(one["check"], one["kind"]) for one in told] == [
        ("database", "fired"),
        ("database", "resolved"),
    ]
    assert "the database is away" in told[0]["text"]


@pytest.mark.parametrize("subject", ["var\r\nBcc: eve@example.com", "\u2028", "x" * 100])
def test_no_name_of_a_subject_keeps_a_notice_from_leaving(settings, receiver, alert, subject):
    Alert.objects.filter(pk=alert.pk).update(subject=subject, told="one\nBcc: eve@example.com")
    alert.refresh_from_db()
    with mails() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        first = owed(alert, create_channel(name="mail", kind="email", target="a@example.com"))
        second = owed(alert, channel(receiver))
        assert deliver(now=NOW) == 2
        headers = server.heard[0].partition("\n\n")[0]
    assert "\nBcc:" not in headers
    for notice in (first, second):
        notice.refresh_from_db()
        assert notice.status == Notice.Status.DELIVERED, notice.problem


def test_an_alert_of_a_check_that_is_no_more_is_told_of_by_its_name(receiver, alert):
    Rule.objects.filter(pk=alert.rule_id).update(check_name="of_old")
    alert.refresh_from_db()
    owed(alert, channel(receiver), Notice.Kind.RESOLVED)
    assert deliver(now=NOW) == 1
    told = json.loads(receiver.heard[0][1])
    assert (told["check"], told["unit"]) == ("of_old", "")
    assert "of_old" in told["text"]
