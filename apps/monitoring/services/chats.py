"""Who may command by chat: a person's private chat, once somebody has bound it to a user."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.core.states import change_status, move
from apps.monitoring.models import Chat, ChatCommand
from apps.tenants.models import User

S = Chat.Status
# Anybody may write to a bot: of those who wait, only the last are kept.
MOST_WAITING = 200
FORGOTTEN_AFTER = timedelta(days=30)
KEPT = timedelta(days=180)


@retried
@transaction.atomic
def allow_chat(*, chat: Chat, user: User, language: str) -> Chat:
    """Let it speak for a user: it may do what that user's role allows, as long as it does."""
    if not chat.is_private:
        raise BadInput("only a private chat is one person's", field="user")
    if not user.is_active or user.tenant_id is not None:
        raise BadInput("a chat speaks for an active user of the platform", field="user")
    if language not in dict(settings.LANGUAGES):
        raise BadInput("this language is not spoken here", field="language")
    move(chat, to=S.ALLOWED, allowed=Chat.MOVES, user=user, language=language, unanswered=0)
    drop_questions(chat)
    audit.record("chat.allowed", chat, after={"number": chat.number, "user": user.get_username()})
    return chat


@retried
@transaction.atomic
def bar_chat(*, chat: Chat) -> None:
    change_status(chat, to=S.BARRED, action="chat.barred")
    drop_questions(chat)


def drop_questions(chat: Chat) -> None:
    asked = chat.commands.filter(status=ChatCommand.Status.ASKED)
    asked.update(status=ChatCommand.Status.DROPPED, code="")


def note_stranger(
    *, number: int, is_private: bool, name: str, language: str, now: datetime
) -> None:
    """Somebody wrote who is not allowed: they are counted, and get no answer."""
    seen = {"seen_at": now, "unanswered": F("unanswered") + 1}
    if Chat.objects.filter(number=number).update(**seen):
        return
    first = {"is_private": is_private, "name": name, "seen_at": now, "language": language}
    made = Chat.objects.get_or_create(number=number, defaults={**first, "unanswered": 1})[1]
    waiting = Chat.objects.filter(status=S.WAITING)
    if made and waiting.count() > MOST_WAITING:
        last = waiting.order_by("-seen_at", "-pk").values_list("pk", flat=True)[:MOST_WAITING]
        waiting.exclude(pk__in=list(last)).delete()


@retried
@transaction.atomic
def prune_chats(*, now: datetime) -> int:
    Chat.objects.filter(status=S.WAITING, seen_at__lt=now - FORGOTTEN_AFTER).delete()
    old = ChatCommand.objects.filter(created_at__lt=now - KEPT)
    keys = list(old.values_list("pk", flat=True)[:10_000])
    return ChatCommand.objects.filter(pk__in=keys).delete()[0]
