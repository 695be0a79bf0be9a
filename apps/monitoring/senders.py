"""How each kind of channel is spoken to, and how it says that it has heard."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from smtplib import SMTPException
from urllib.parse import quote_plus

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import translation

from apps.monitoring.models import Channel, Notice
from apps.monitoring.words import subject_of, text_of, unit_of
from apps.tenants.targets import Unreachable, post

K = Channel.Kind
SECRET = Channel._meta.get_field("secret")
ANSWER_BYTES = 4096
MAIL_SECONDS = 10
JSON = {"Content-Type": "application/json", "User-Agent": "IronBull-Alerts/1"}


class NotSent(Exception):
    """Why nobody has heard it; without what is secret in the way there."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that is needed to send a notice, without a database."""

    kind: str
    target: str
    key: str
    subject: str
    text: str
    # What a machine is told.
    about: dict[str, object]
    at: datetime


def letter_of(notice: Notice, now: datetime) -> Letter:
    with translation.override(settings.LANGUAGE_CODE):
        return replace(
            bare_letter(notice.channel, now),
            subject=subject_of(notice),
            text=text_of(notice),
            about=about(notice),
        )


def bare_letter(channel: Channel, now: datetime) -> Letter:
    """The way to a channel, with nothing to say yet."""
    secret = json.loads(SECRET.unseal(channel))
    return Letter(
        channel.kind, secret["target"], secret["key"], subject="", text="", about={}, at=now
    )


def about(notice: Notice) -> dict[str, object]:
    told: dict[str, object] = {"id": str(notice.pk), "kind": notice.kind}
    if alert := notice.alert:
        told |= {
            "alert": str(alert.pk),
            "check": alert.rule.check_name,
            "subject": alert.subject,
            "severity": alert.severity,
            "value": alert.value,
            "unit": unit_of(alert.rule),
            "threshold": alert.rule.threshold,
            "told": alert.told,
            "fired_at": alert.fired_at.isoformat() if alert.fired_at else None,
            "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        }
    return told


def send(letter: Letter) -> None:
    """Say it, or NotSent."""
    try:
        SENDERS[letter.kind](letter)
    except Unreachable as error:
        raise NotSent(str(error).replace(letter.target, "…")[:300]) from error


def telegram(letter: Letter) -> None:
    url = f"{settings.TELEGRAM_URL}/bot{letter.key}/sendMessage"
    body = {"chat_id": letter.target, "text": f"{letter.subject}\n{letter.text}"}
    told(url, body)


def slack(letter: Letter) -> None:
    told(letter.target, {"text": f"*{letter.subject}*\n{letter.text}"})


def dingtalk(letter: Letter) -> None:
    url = letter.target
    if letter.key:
        at = str(int(letter.at.timestamp() * 1000))
        signed = hmac.new(letter.key.encode(), f"{at}\n{letter.key}".encode(), hashlib.sha256)
        sign = quote_plus(base64.b64encode(signed.digest()))
        url += f"{'&' if '?' in url else '?'}timestamp={at}&sign={sign}"
    words = f"{letter.subject}\n{letter.text}"
    answer = told(url, {"msgtype": "text", "text": {"content": words}})
    # It says 200 to what it refuses.
    try:
        code = json.loads(answer).get("errcode", 0)
    except (ValueError, AttributeError) as error:
        raise NotSent("its answer is not DingTalk's") from error
    if code:
        raise NotSent(f"it refused with {code}")


def webhook(letter: Letter) -> None:
    body = json.dumps({**letter.about, "text": f"{letter.subject}\n{letter.text}"}).encode()
    at = str(int(letter.at.timestamp()))
    signed = f"{letter.about['id']}.{at}.".encode() + body
    headers = JSON | {"Alert-Id": str(letter.about["id"]), "Alert-Timestamp": at}
    if letter.key:
        found = hmac.new(letter.key.encode(), signed, hashlib.sha256)
        headers["Alert-Signature"] = found.hexdigest()
    checked(*post_to(letter.target, headers, body))


def email(letter: Letter) -> None:
    mail = EmailMessage(
        letter.subject,
        letter.text,
        to=[letter.target],
        connection=get_connection(timeout=MAIL_SECONDS),
    )
    try:
        mail.send()
    except (SMTPException, OSError, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}"[:300]) from error


def told(url: str, body: dict[str, object]) -> bytes:
    return checked(*post_to(url, JSON, json.dumps(body).encode()))


def post_to(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    return post(url, headers=headers, body=body, reads=ANSWER_BYTES, may_be_private=True)


def checked(status: int, answer: bytes) -> bytes:
    if not 200 <= status < 300:
        raise NotSent(f"it answered {status}")
    return answer


SENDERS: dict[str, Callable[[Letter], None]] = {
    K.TELEGRAM: telegram,
    K.SLACK: slack,
    K.DINGTALK: dingtalk,
    K.WEBHOOK: webhook,
    K.EMAIL: email,
}
