"""Ways to people: made, paused, tried."""

import json
import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.states import change_status
from apps.monitoring.models import SEVERITIES, Channel, Notice
from apps.tenants.targets import checked_target

SECRET = Channel._meta.get_field("secret")
K = Channel.Kind
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{5,64}")
TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}")


@retried
@transaction.atomic
def create_channel(
    *,
    name: str,
    kind: str,
    target: str,
    key: str = "",
    least_severity: int = 2,
    is_second: bool = False,
    takes_commands: bool = False,
) -> Channel:
    """Make a way known; what is secret in it is sealed, and nobody is shown it again.

    `target` is a chat, a mail address, or the address of a webhook; `key` the bot's token, or
    what requests are signed with.
    """
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise BadInput("a name is 1 to 64 characters", field="name")
    if kind not in K.values:
        raise BadInput(f"a kind is one of {', '.join(K.values)}", field="kind")
    if least_severity not in dict(SEVERITIES):
        raise BadInput("a severity is 1, 2 or 3", field="least_severity")
    check_target(kind, target, key)
    if takes_commands and kind != K.TELEGRAM:
        raise BadInput("only a bot of Telegram takes commands", field="takes_commands")
    channel = Channel(
        name=name,
        kind=kind,
        target=shown(kind, target),
        least_severity=least_severity,
        is_second=is_second,
        takes_commands=takes_commands,
    )
    SECRET.seal(channel, json.dumps({"target": target, "key": key}))
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise Conflict(f"a channel {name} is there already", field="name") from error
    audit.record(
        "channel.created",
        channel,
        after={"kind": kind, "target": channel.target, "takes_commands": takes_commands},
    )
    return channel


def check_target(kind: str, target: str, key: str) -> None:
    if len(key) > 200 or not key.isprintable():
        raise BadInput("a key is at most 200 printable characters", field="key")
    if kind == K.TELEGRAM:
        if not CHAT.fullmatch(target):
            raise BadInput("a chat is its number, or @ and its name", field="target")
        if not TOKEN.fullmatch(key):
            raise BadInput("a bot's token is its number, a colon, and letters", field="key")
    elif kind == K.EMAIL:
        try:
            validate_email(target)
        except ValidationError as error:
            raise BadInput("this is no e-mail address", field="target") from error
    else:
        try:
            checked_target(target, may_be_private=True)
        except BadInput as error:
            raise BadInput(error.message, field="target") from error


def shown(kind: str, target: str) -> str:
    """What of a target may be shown: the path of a webhook is often its secret."""
    if kind in (K.TELEGRAM, K.EMAIL):
        return target
    return checked_target(target, may_be_private=True).host


def pause_channel(*, channel: Channel) -> None:
    change_status(channel, to=Channel.Status.PAUSED, action="channel.paused")


def resume_channel(*, channel: Channel) -> None:
    change_status(channel, to=Channel.Status.ACTIVE, action="channel.resumed")


@retried
@transaction.atomic
def try_channel(*, channel: Channel) -> Notice:
    """Send a word over it that says nothing is wrong."""
    if channel.status != Channel.Status.ACTIVE:
        raise Conflict(f"the channel is {channel.status}", status=channel.status)
    notice = Notice.objects.create(channel=channel, kind=Notice.Kind.TEST)
    audit.record("channel.tried", channel)
    return notice
