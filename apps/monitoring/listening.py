"""The loop that listens to our bots: a thread of the watcher, for it must work when others do not.

Nothing of where it was is kept but in Telegram itself: what is not confirmed comes again, and
was done once by its number.
"""

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from apps.core.errors import Busy
from apps.core.waits import wait_before_next
from apps.monitoring.bots import Bot, bots
from apps.monitoring.senders import NotSent
from apps.monitoring.services.hearing import (
    buttons_of,
    claim_answers,
    give_back,
    hear,
)

log = logging.getLogger(__name__)

# How long Telegram holds a question that nothing answers; how often bots are looked for.
POLL_SECONDS = 20
LOOK_SECONDS = 5


class Listener(threading.Thread):
    def __init__(self, stopped: threading.Event) -> None:
        super().__init__(name="listener", daemon=True)
        self.stopped = stopped
        self.last: dict[int, int | None] = {}
        self.failures: dict[int, int] = {}
        self.rests_until: dict[int, float] = {}

    def run(self) -> None:
        while not self.stopped.is_set():
            close_old_connections()
            try:
                found = bots()
                for bot in found:
                    self.turn(bot, seconds=max(1, POLL_SECONDS // len(found)))
            except (DatabaseError, Busy) as error:
                log.error("no command is heard, the database is away: %s", error)
                found = []
            if not any(self.may_ask(bot) for bot in found):
                self.stopped.wait(LOOK_SECONDS)

    def may_ask(self, bot: Bot) -> bool:
        return time.monotonic() >= self.rests_until.get(bot.number, 0)

    def turn(self, bot: Bot, *, seconds: int) -> None:
        """Ask a bot once, unless it rests after a failure."""
        if not self.may_ask(bot):
            return
        try:
            listen(bot, self.last, seconds=seconds)
        except NotSent as error:
            failures = self.failures.get(bot.number, 0)
            wait = wait_before_next(min(failures, 10), first_seconds=1, longest_seconds=60)
            self.rests_until[bot.number] = time.monotonic() + wait.total_seconds()
            self.failures[bot.number] = failures + 1
            if not failures:
                log.warning("the bot %s cannot be asked: %s", bot.number, error)
        else:
            if self.failures.pop(bot.number, 0):
                log.warning("the bot %s answers again", bot.number)


def listen(bot: Bot, last: dict[int, int | None], *, seconds: int) -> None:
    """Take up what was written, do it, and answer."""
    tell(bot)
    found, newest = bot.updates(after=last.get(bot.number), seconds=seconds)
    for update in found:
        try:
            hear(bot=bot, update=update, now=timezone.now())
        except (OperationalError, InterfaceError, Busy):
            # Nothing of it is done: it comes again.
            raise
        except Exception:
            # One that cannot be heard keeps no other from it.
            log.exception("the update %s of the bot %s failed", update.update_id, bot.number)
    # Once nothing is left all is confirmed, and asked for from no number on: after a quiet week
    # Telegram counts from anywhere.
    last[bot.number] = newest
    tell(bot)


def tell(bot: Bot) -> None:
    """Send the answers that are owed."""
    for heard in claim_answers(bot=bot, now=timezone.now()):
        try:
            bot.say(heard.chat.number, heard.answer, buttons_of(heard))
        except NotSent:
            give_back(heard)
            raise
        if heard.pressed:
            bot.take_note(heard.pressed)
