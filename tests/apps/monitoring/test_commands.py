"""Operators command by chat, over a real line to a server that speaks the Bot API."""

import logging
import re
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.market_making.services import start_maker
from apps.monitoring.bots import Bot, bots
from apps.monitoring.listening import Listener, listen
from apps.monitoring.models import Alert, Chat, ChatCommand, Silence
from apps.monitoring.senders import NotSent
from apps.monitoring.services import (
    allow_chat,
    bar_chat,
    create_channel,
    pause_channel,
    prune_chats,
)
from apps.monitoring.services.chats import MOST_WAITING
from apps.monitoring.services.hearing import FRESH, GOOD, hear
from apps.orders.models import Brake
from tests.apps.market_making.desk import Desk
from tests.apps.monitoring.telegram import NUMBER, TOKEN, telegram
from tests.at_once import at_once
from tests.factories import (
    AlertFactory,
    ChatFactory,
    NodeFactory,
    RuleFactory,
    TenantFactory,
    UserFactory,
)
from tests.servers import free_port

pytestmark = pytest.mark.django_db
S = ChatCommand.Status
BOT = Bot(NUMBER, TOKEN)


@pytest.fixture
def line(settings):
    with telegram() as here:
        settings.TELEGRAM_URL = here.url
        yield here


@pytest.fixture
def chat():
    return ChatFactory(number=42, user=UserFactory(username="alice", role="operator", tenant=None))


def take_up(last=None):
    listen(BOT, {} if last is None else last, seconds=0)


def said(line, words, **about):
    """What is answered to some words; empty where nothing is."""
    before = len(line.said)
    line.write(words, **about)
    take_up()
    line.pending.clear()
    return "\n".join(line.texts[before:])


def code_in(answer):
    return re.search(r"/yes ([0-9]{6})", answer)[1]


def confirmed(line, words):
    return said(line, f"/yes {code_in(said(line, words))}")


# --- who is heard


def test_a_stranger_gets_no_answer_and_is_kept_for_a_person_to_allow(line):
    assert said(line, "/status", who=7, language_code="zh-hans", username="eve") == ""
    assert said(line, "/status", who=7) == ""
    chat = Chat.objects.get()
    assert (chat.number, chat.status, chat.unanswered) == (7, Chat.Status.WAITING, 2)
    assert (chat.name, chat.language) == ("Alice @eve", "zh-hans")
    assert not ChatCommand.objects.exists()
    allow_chat(chat=chat, user=UserFactory(role="support", tenant=None), language="en")
    assert "The brake is off" in said(line, "/status", who=7)


@pytest.mark.parametrize(
    "forged",
    [
        {"who": 7, "chat": 42},
        {"who": 42, "chat": -1001, "kind": "supergroup"},
        {"who": 42, "kind": "group"},
        {"who": 42, "is_bot": True},
    ],
    ids=["another in the chat", "a group", "the number of a group", "a bot"],
)
def test_only_the_person_in_their_own_chat_is_heard(line, chat, forged):
    assert said(line, "/pause now", **forged) == ""
    assert not ChatCommand.objects.exists()
    assert Chat.objects.get(number=forged.get("chat", 42)).unanswered == 1


def barred(chat):
    bar_chat(chat=chat)


def user_inactive(chat):
    chat.user.is_active = False
    chat.user.save()


def moved_to_a_tenant(chat):
    chat.user.role, chat.user.tenant = "staff", TenantFactory()
    chat.user.save()


@pytest.mark.parametrize("lost", [barred, user_inactive, moved_to_a_tenant])
def test_who_may_not_any_more_gets_no_answer(line, chat, lost):
    lost(chat)
    assert said(line, "/status") == ""
    chat.refresh_from_db()
    assert chat.unanswered == 1


def test_of_many_strangers_the_last_are_kept(line):
    for number in range(MOST_WAITING):
        ChatFactory(
            number=1000 + number,
            user=None,
            status="waiting",
            seen_at=timezone.now() - timedelta(minutes=MOST_WAITING - number),
        )
    said(line, "hello", who=7)
    assert Chat.objects.count() == MOST_WAITING
    assert not Chat.objects.filter(number=1000).exists()
    assert Chat.objects.filter(number=7).exists()


def test_a_chat_is_bound_to_a_person_of_the_platform(line):
    group = ChatFactory(number=-5, is_private=False, user=None, status="waiting")
    waiting = ChatFactory(number=5, user=None, status="waiting")
    operator = UserFactory(role="operator", tenant=None)
    for who, chat, user, language, field in [
        ("a group", group, operator, "en", "user"),
        ("a tenant's", waiting, UserFactory(role="staff", tenant=TenantFactory()), "en", "user"),
        ("one who left", waiting, UserFactory(is_active=False, tenant=None), "en", "user"),
        ("a language", waiting, operator, "tlh", "language"),
    ]:
        with pytest.raises(BadInput) as refused:
            allow_chat(chat=chat, user=user, language=language)
        assert refused.value.context["field"] == field, who
    assert not Chat.objects.filter(status=Chat.Status.ALLOWED).exists()


# --- reading


def test_it_tells_how_everything_is(line, chat):
    now = timezone.now()
    NodeFactory(code="tokyo-1", last_heartbeat_at=now - timedelta(seconds=1), clock_offset_ms=12)
    NodeFactory(code="osaka-1", last_heartbeat_at=None)
    rule = RuleFactory(check_name="disk")
    AlertFactory(rule=rule, subject="var", status=Alert.Status.FIRING, severity=3, fired_at=now)
    status = said(line, "/status@house_bot")
    assert "Nodes alive: 1 / 2" in status
    assert "Alerts firing: 1" in status
    assert re.search(r"tokyo-1: Active, heard \d seconds? ago, 12 ms", said(line, "/nodes"))
    assert "osaka-1: Active, never heard" in said(line, "nodes")
    assert "Critical: The disk is full (disk var)" in said(line, "/alerts")
    assert said(line, "/makers") == "No maker runs."


def test_it_answers_in_the_language_of_the_chat(line, chat):
    chat.language = "zh-hans"
    chat.save()
    answer = said(line, "/status")
    assert re.search("[\u4e00-\u9fff]", answer)
    assert "brake" not in answer


def test_help_tells_what_the_role_allows(line, chat):
    assert "/pause" in said(line, "/start")
    chat.user.role = "support"
    chat.user.save()
    told = said(line, "what can you do?")
    assert "/status" in told
    assert "/pause" not in told


# --- changing


def test_nothing_is_done_before_a_yes_and_it_is_done_once(line, chat):
    asked = said(line, "/pause the venue answers nonsense")
    assert not Brake.objects.exists()
    buttons = line.said[-1]["reply_markup"]["inline_keyboard"][0]
    assert [one["callback_data"].split()[0] for one in buttons] == ["yes", "no"]
    assert "Nothing is opened" in said(line, f"/yes {code_in(asked)}")
    assert Brake.objects.get().reason == "the venue answers nonsense"
    assert "no question" in said(line, f"/yes {code_in(asked)}")
    entry = AuditEntry.objects.get(action="brake.pulled")
    assert (entry.actor, entry.source) == ("alice", "telegram 42")
    assert "Openings are allowed again" in confirmed(line, "/resume")
    assert Brake.objects.get().released_by == "alice"


def test_a_button_confirms_as_well_and_is_taken_note_of(line, chat):
    said(line, "/pause")
    pressed = line.press(line.said[-1]["reply_markup"]["inline_keyboard"][0][0]["callback_data"])
    take_up()
    assert Brake.objects.count() == 1
    assert line.noted == [pressed["callback_query"]["id"]]


def test_a_no_ends_the_question(line, chat):
    code = code_in(said(line, "/pause"))
    assert said(line, f"/no {code}") == "Nothing was done."
    assert "no question" in said(line, f"/yes {code}")
    assert not Brake.objects.exists()


def test_a_yes_that_comes_too_late_does_nothing(line, chat):
    code = code_in(said(line, "/pause"))
    ChatCommand.objects.filter(status=S.ASKED).update(good_until=timezone.now())
    assert "time to confirm is over" in said(line, f"/yes {code}")
    assert not Brake.objects.exists()
    assert timedelta(minutes=2) >= GOOD


def test_another_s_code_confirms_nothing(line, chat):
    code = code_in(said(line, "/pause"))
    ChatFactory(number=43, user=UserFactory(role="operator", tenant=None))
    assert "no question" in said(line, f"/yes {code}", who=43)
    for words in ("/yes", "/yes  ", f"/yes {code} {code}", "/yes 0"):
        assert "no question" in said(line, words)
    assert not Brake.objects.exists()


def test_only_the_last_question_is_open(line, chat):
    first = code_in(said(line, "/pause first"))
    second = code_in(said(line, "/pause second"))
    assert "no question" in said(line, f"/yes {first}")
    said(line, f"/yes {second}")
    assert Brake.objects.get().reason == "second"


def test_a_role_that_was_taken_away_meanwhile_confirms_nothing(line, chat):
    code = code_in(said(line, "/pause"))
    chat.user.role = "support"
    chat.user.save()
    assert "your role does not allow this" in said(line, f"/yes {code}")
    assert not Brake.objects.exists()
    assert "your role does not allow this" in said(line, "/pause")


def test_a_chat_that_is_bound_anew_takes_no_question_along(line, chat):
    code = code_in(said(line, "/pause"))
    allow_chat(chat=chat, user=UserFactory(role="operator", tenant=None), language="en")
    assert "no question" in said(line, f"/yes {code}")


def test_what_waited_too_long_at_telegram_changes_nothing(line, chat):
    old = time.time() - FRESH.total_seconds() - 1
    assert "too long ago" in said(line, "/pause", at=old)
    assert "The brake is off" in said(line, "/status", at=old)


def test_what_stands_against_it_is_told(line, chat):
    assert "the brake is not on" in confirmed(line, "/resume")
    confirmed(line, "/pause")
    assert "on already" in confirmed(line, "/pause")
    assert Brake.objects.count() == 1


def test_a_check_is_silenced(line, chat):
    RuleFactory(check_name="disk")
    for words, wrong in [
        ("/silence", "check: "),
        ("/silence nothing 5", "check: "),
        ("/silence disk", "minutes: "),
        ("/silence disk var soon", "minutes: "),
        ("/silence disk 0", "minutes: "),
    ]:
        assert said(line, words).startswith(wrong), words
    assert "until: " in confirmed(line, "/silence disk 99999")
    assert not Silence.objects.exists()
    assert "Silent until" in confirmed(line, "/silence disk var 30 cleaning up")
    silence = Silence.objects.get()
    assert (silence.subject, silence.reason, silence.made_by) == ("var", "cleaning up", "alice")


def test_a_maker_is_stopped(line, chat):
    desk = Desk()
    start_maker(maker=desk.maker, now=desk.now)
    assert str(desk.maker) in said(line, "/makers")
    for words in ("/stop", "/stop x", "/stop 1 2", f"/stop {desk.maker.pk + 1}"):
        assert said(line, words).startswith("maker: "), words
    assert "Told to stop" in confirmed(line, f"/stop {desk.maker.pk}")
    assert desk.session.verb == "stop"


# --- twice, at once, away


def test_what_comes_twice_is_heard_once(line, chat):
    line.write("/status")
    take_up()
    # Nothing was confirmed: it comes again, to the same process and to another one.
    take_up()
    take_up({})
    assert len(line.said) == 1


def test_what_was_heard_is_confirmed_and_then_asked_for_from_no_number_on(line, chat):
    last: dict[int, int | None] = {}
    line.write("/status")
    for _round in range(3):
        take_up(last)
    assert ["offset" in one for one in line.asked] == [False, True, False]
    assert not line.pending
    # After a quiet week the numbers begin anywhere.
    line.next_id = 5
    line.write("/status")
    take_up(last)
    assert len(line.said) == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_poll_at_once_one_does_it(line, chat):
    code = code_in(said(line, "/pause"))
    line.write(f"/yes {code}")
    before = len(line.said)
    told = at_once(2, take_up)
    assert told == [None, None]
    assert Brake.objects.count() == 1
    assert len(line.said) == before + 1


def test_an_answer_that_did_not_arrive_is_sent_again_and_nothing_done_again(line, chat):
    code = code_in(said(line, "/pause"))
    line.write(f"/yes {code}")
    before = len(line.said)
    found, _last = BOT.updates(after=None, seconds=0)
    line.is_away = True

    hear(bot=BOT, update=found[0], now=timezone.now())
    with pytest.raises(NotSent):
        take_up()
    line.is_away = False
    take_up()
    assert len(line.said) == before + 1
    assert Brake.objects.count() == 1


def test_one_that_cannot_be_read_keeps_no_other_from_being_heard(line, chat):
    for odd in (
        {"message": "no message"},
        {"message": {"chat": {"id": 2**70}, "from": {"id": 42}}},
        {"edited_message": {}},
        {"message": {"chat": {"id": 42, "type": "private"}, "date": 1}},
    ):
        line.update(**odd)
    assert "The brake" in said(line, "/status")


@pytest.mark.parametrize("away", ["refuses", "talks nonsense", "knows no such bot"])
def test_no_error_and_no_log_has_the_token(line, settings, caplog, away, db):
    caplog.set_level(logging.DEBUG)
    bot = BOT
    if away == "refuses":
        settings.TELEGRAM_URL = f"http://127.0.0.1:{free_port()}"
    elif away == "talks nonsense":
        line.is_away = True
    else:
        bot = Bot(1, "1:" + "b" * 30)
    listener = Listener(threading.Event())
    listener.turn(bot, seconds=0)
    assert not listener.may_ask(bot)
    with pytest.raises(NotSent) as failed:
        bot.say(42, "hello", {})
    told = caplog.text + repr(failed.value) + repr(failed.value.__context__) + repr(bot)
    assert bot.token not in told
    assert "cannot be asked" in caplog.text


def test_it_rests_while_telegram_is_away_and_goes_on(line, chat):
    listener = Listener(threading.Event())
    line.is_away = True
    listener.turn(BOT, seconds=0)
    line.is_away = False
    line.write("/status")
    listener.turn(BOT, seconds=0)
    assert line.said == []
    listener.rests_until.clear()
    listener.turn(BOT, seconds=0)
    assert len(line.said) == 1
    assert not listener.failures


def test_a_bot_listens_while_its_channel_says_so(line):
    about = {"kind": "telegram", "target": "42", "key": TOKEN}
    create_channel(name="silent", **about)
    assert bots() == []
    first = create_channel(name="one", takes_commands=True, **about)
    create_channel(name="two", takes_commands=True, **{**about, "target": "43"})
    assert bots() == [BOT]
    pause_channel(channel=first)
    assert bots() == [BOT]
    with pytest.raises(BadInput) as refused:
        create_channel(name="mail", kind="email", target="a@example.com", takes_commands=True)
    assert refused.value.context["field"] == "takes_commands"


def test_what_is_old_is_forgotten(line, chat):
    said(line, "/status")
    said(line, "hello", who=7)
    prune_chats(now=timezone.now() + timedelta(days=31))
    assert list(Chat.objects.values_list("number", flat=True)) == [42]
    assert ChatCommand.objects.count() == 1
    prune_chats(now=timezone.now() + timedelta(days=181))
    assert not ChatCommand.objects.exists()
