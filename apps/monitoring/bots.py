"""Telegram's Bot API, as far as we listen to it; its token stands in no error and no log."""

import json
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from django.conf import settings

from apps.monitoring.models import Channel
from apps.monitoring.senders import JSON, SECRET, NotSent
from apps.tenants.targets import Unreachable, post

AT_ONCE = 20
# So many updates of 4,096 signs each, with all that Telegram says around them.
READS = 1_000_000
GRACE_SECONDS = 5


# What a column takes.
Number = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class Person(msgspec.Struct):
    id: Number
    is_bot: bool = False
    username: str = ""
    first_name: str = ""
    language_code: str = ""


class Place(msgspec.Struct):
    id: Number
    type: str = ""


class Message(msgspec.Struct, rename={"person": "from"}):
    chat: Place
    date: Annotated[int, msgspec.Meta(ge=0, le=2**33)] = 0
    text: str = ""
    person: Person | None = None


class Press(msgspec.Struct, rename={"person": "from"}):
    """A button under one of our messages."""

    id: str
    person: Person
    message: Message | None = None
    data: str = ""


class Update(msgspec.Struct):
    update_id: Number
    message: Message | None = None
    callback_query: Press | None = None


class Numbered(msgspec.Struct):
    update_id: Number


class Answer(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Bot:
    number: int
    token: str = field(repr=False)

    def updates(self, *, after: int | None, seconds: int) -> tuple[list[Update], int | None]:
        """What was written since, and the number of its last; waits so long for the first.

        To ask for what comes after an update tells Telegram to forget it, and all before it.
        """
        asked: dict[str, object] = {
            "timeout": seconds,
            "limit": AT_ONCE,
            "allowed_updates": ["message", "callback_query"],
        }
        if after is not None:
            asked["offset"] = after + 1
        raws = as_told(self.call("getUpdates", asked, seconds=seconds), list[msgspec.Raw])
        found, last = [], None
        for raw in raws:
            last = max(last or 0, as_told(raw, Numbered).update_id)
            try:
                found.append(msgspec.json.decode(raw, type=Update))
            except msgspec.DecodeError:
                # No message as we know them: it is passed over, like everything we did not ask for.
                continue
        return found, last

    def say(self, chat: int, text: str, buttons: dict[str, str]) -> None:
        body: dict[str, object] = {"chat_id": chat, "text": text}
        if buttons:
            row = [{"text": label, "callback_data": data} for data, label in buttons.items()]
            body["reply_markup"] = {"inline_keyboard": [row]}
        self.call("sendMessage", body)

    def take_note(self, pressed: str) -> None:
        """That a button was heard: it glows until then."""
        self.call("answerCallbackQuery", {"callback_query_id": pressed})

    def call(self, method: str, asked: dict[str, object], *, seconds: int = 0) -> msgspec.Raw:
        url = f"{settings.TELEGRAM_URL}/bot{self.token}/{method}"
        try:
            status, words = post(
                url,
                headers=JSON,
                body=json.dumps(asked).encode(),
                reads=READS,
                may_be_private=True,
                seconds=seconds + GRACE_SECONDS,
            )
        except Unreachable as error:
            why = str(error).replace(self.token, "…")[:300]
            # Not from it: what it holds may name the address, and so the token.
            raise NotSent(why) from None
        if status != 200:
            raise NotSent(f"{method} was answered with {status}")
        answer = as_told(words, Answer)
        if not answer.ok:
            raise NotSent(f"{method} was refused")
        return answer.result


def as_told(words, kind):
    try:
        return msgspec.json.decode(words, type=kind)
    except msgspec.DecodeError as error:
        raise NotSent("this is not how Telegram answers") from error


def bots() -> list[Bot]:
    """Those that take commands; one bot may speak in several channels."""
    rows = Channel.objects.filter(
        kind=Channel.Kind.TELEGRAM, status=Channel.Status.ACTIVE, takes_commands=True
    )
    tokens = {json.loads(SECRET.unseal(channel))["key"] for channel in rows}
    return [Bot(int(token.partition(":")[0]), token) for token in sorted(tokens)]
