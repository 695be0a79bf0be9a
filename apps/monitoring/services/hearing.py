"""What is written to our bots: each update once, in one transaction with what it does.

Who is not allowed gets no answer. What changes something is asked back first, and done on a
yes that comes in time, if the user's role allows it still.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict, DomainError
from apps.core.middleware import zone_of
from apps.core.states import move
from apps.monitoring.bots import AT_ONCE, Bot, Person, Update
from apps.monitoring.models import Chat, ChatCommand
from apps.monitoring.services.chats import drop_questions, note_stranger
from apps.monitoring.services.commanding import COMMANDS, Command, helped

S = ChatCommand.Status
# How long a question is good, and how old what changes something may be when it is heard.
GOOD = timedelta(seconds=60)
FRESH = timedelta(minutes=2)
LONGEST_WORDS, LONGEST_ANSWER = 300, 4000


@retried
@transaction.atomic
def hear(*, bot: Bot, update: Update, now: datetime) -> ChatCommand | None:
    """Do what an update asks for; nothing where it was heard before, or of a stranger."""
    press = update.callback_query
    message = press.message if press else update.message
    person = press.person if press else message and message.person
    if message is None or person is None:
        return None
    is_own = message.chat.type == "private" and message.chat.id == person.id and not person.is_bot
    chat = speaker(person) if is_own else None
    if chat is None:
        note_stranger(
            number=message.chat.id,
            is_private=is_own,
            name=plain(f"{person.first_name} @{person.username}", 100),
            language=language_of(person),
            now=now,
        )
        return None
    words = plain(press.data if press else message.text, LONGEST_WORDS)
    try:
        with transaction.atomic():
            heard = ChatCommand.objects.create(
                chat=chat,
                bot=bot.number,
                update=update.update_id,
                words=words,
                pressed=press.id[:64] if press else "",
            )
    except IntegrityError:
        return None
    Chat.objects.filter(pk=chat.pk).update(seen_at=now)
    # A button is as fresh as its question, which ends by itself.
    said_at = now if press else datetime.fromtimestamp(message.date, UTC)
    with (
        audit.acting(chat.user.get_username(), source=f"telegram {chat.number}"),
        translation.override(chat.language),
        timezone.override(zone_of(chat.user)),
    ):
        answer(heard, said_at=said_at, now=now)
    return heard


def speaker(person: Person) -> Chat | None:
    """The chat of a person who is allowed, while their user is."""
    return (
        Chat.objects.select_related("user")
        .filter(
            number=person.id,
            status=Chat.Status.ALLOWED,
            user__is_active=True,
            user__tenant=None,
        )
        .first()
    )


def answer(heard: ChatCommand, *, said_at: datetime, now: datetime) -> None:
    try:
        with transaction.atomic():
            heard.answer = answered(heard, said_at=said_at, now=now)
    except DomainError as error:
        heard.refresh_from_db()
        move(heard, to=S.REFUSED, allowed=ChatCommand.MOVES)
        heard.answer = refusal(error)
    heard.answer = heard.answer[:LONGEST_ANSWER]
    heard.save(update_fields=["answer"])


def answered(heard: ChatCommand, *, said_at: datetime, now: datetime) -> str:
    name, words = parted(heard.words)
    if name in ("yes", "no"):
        return settled(heard.chat, name == "yes", words, now=now)
    command = COMMANDS.get(name)
    if command is None:
        return helped(heard.chat.user)
    refuse_unfit(command, heard.chat)
    if command.question is None:
        return command.do(words, now)
    if now - said_at > FRESH:
        raise Conflict(_("this was said too long ago: say it again"))
    question = command.question(words, now)
    drop_questions(heard.chat)
    code = f"{secrets.randbelow(1_000_000):06}"
    move(heard, to=S.ASKED, allowed=ChatCommand.MOVES, code=code, good_until=now + GOOD)
    how = _("Confirm within %(seconds)s seconds: /yes %(code)s")
    return f"{question}\n{how % {'seconds': int(GOOD.total_seconds()), 'code': code}}"


def settled(chat: Chat, is_yes: bool, words: list[str], *, now: datetime) -> str:
    """What becomes of the question that a code belongs to; no code is good twice."""
    code = words[0] if len(words) == 1 else ""
    asked = chat.commands.filter(status=S.ASKED, code=code).exclude(code="").first()
    if asked is None:
        raise Conflict(_("no question with this code is open"))
    if not is_yes:
        move(asked, to=S.DROPPED, allowed=ChatCommand.MOVES, code="")
        return _("Nothing was done.")
    if now > asked.good_until:
        raise Conflict(_("the time to confirm is over: say it again"))
    name, words = parted(asked.words)
    refuse_unfit(COMMANDS[name], chat)
    move(asked, to=S.CONFIRMED, allowed=ChatCommand.MOVES, code="")
    return COMMANDS[name].do(words, now)


def refuse_unfit(command: Command, chat: Chat) -> None:
    """The role is asked each time: it may have been taken away since the question."""
    if not chat.user.has_perm(command.right):
        raise Conflict(_("your role does not allow this"))


def parted(words: str) -> tuple[str, list[str]]:
    """The command without its slash and its bot's name, and what follows."""
    first, *others = words.split() or [""]
    return first.removeprefix("/").partition("@")[0].lower(), others


def refusal(error: DomainError) -> str:
    field = error.context.get("field")
    return error.message if field is None else f"{field}: {error.message}"


def plain(text: str, longest: int) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:longest].strip()


def language_of(person: Person) -> str:
    known = "zh-hans" if person.language_code.lower().startswith("zh") else "en"
    return known if known in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


# Answers leave by claims, and come back into the queue where they did not arrive.


def claim_answers(*, bot: Bot, now: datetime) -> Iterator[ChatCommand]:
    """What nobody has been told yet, each as it is sent; what is older is of no use any more."""
    due = ChatCommand.objects.filter(
        bot=bot.number, answered_at=None, created_at__gt=now - timedelta(minutes=10)
    )
    for row in due.select_related("chat").order_by("pk")[:AT_ONCE]:
        if ChatCommand.objects.filter(pk=row.pk, answered_at=None).update(answered_at=now):
            yield row


def give_back(heard: ChatCommand) -> None:
    ChatCommand.objects.filter(pk=heard.pk).update(answered_at=None)


def buttons_of(heard: ChatCommand) -> dict[str, str]:
    """Yes and no under a question, in the language of the chat."""
    if heard.status != S.ASKED:
        return {}
    with translation.override(heard.chat.language):
        return {f"yes {heard.code}": _("Yes"), f"no {heard.code}": _("No")}
