"""One turn of a trader: look, ask, write down, act. A failure at any step leaves what is held.

No transaction and no row's lock is held while a model is asked; the lease is what keeps others
away, and is prolonged before each call. The record is in the journal before its first ticket.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from random import SystemRandom

import msgspec
from django.utils import timezone

from apps.core.errors import DomainError
from apps.core.sealed import CannotOpen
from apps.traders.models import Decision, Mind, Template, Trader
from apps.traders.selectors import (
    answered_before,
    books_of,
    key_of,
    limits_of,
    minds_of,
    model_of,
    patience_of,
    standings_of,
    template_of,
)
from apps.traders.services import acting, guarding
from apps.traders.services.freshening import freshen
from apps.traders.services.knowing import Unknown, context_of
from apps.traders.services.leasing import Lost, claim, give_back, lease, prolong
from apps.traders.services.purse import DaysPurse
from apps.traders.services.recording import catch_up, journal, write_decision, write_result
from apps.traders.services.running import fail_trader
from engine.deciding import line
from engine.deciding.asking import Asking, Heard, Outcome, Post
from engine.deciding.council import consult_all
from engine.deciding.errors import BadTemplate, ChangedRecord
from engine.deciding.journal import Journal
from engine.deciding.prompt import Template as ReadTemplate
from engine.deciding.prompt import read_template, render
from engine.deciding.record import decided
from engine.deciding.reuse import question_of, reused
from engine.errors import EngineError
from engine.failpoint import failpoint
from engine.ids import uuid7

# So soon it looks again where it was passed over for something that passes.
LOOK_AGAIN = timedelta(seconds=15)
Clock = Callable[[], datetime]
Sleep = Callable[[float], None]


def take_turn(
    *,
    trader_id: int,
    clock: Clock = timezone.now,
    post: Post = line.post,
    sleep: Sleep = time.sleep,
) -> Decision | None:
    """Let a trader decide, if it is its turn; its decision, or None where it came to none."""
    trader = claim(trader_id=trader_id, now=clock())
    if trader is None:
        return None
    try:
        with journal(trader) as book:
            return Turn(trader, book, clock, post, sleep).take()
    except Lost:
        return None
    except ChangedRecord as error:
        fail_trader(trader=trader, reason=f"its journal is not as it was written: {error.message}")
        give_back(trader)
    except Unknown as error:
        pass_over(trader, str(error), clock())
    except (DomainError, EngineError, CannotOpen, OSError) as error:
        pass_over(trader, getattr(error, "message", "") or str(error), clock())
    return None


def pass_over(trader: Trader, why: str, now: datetime) -> None:
    """Nothing is decided this time, and everybody can see why."""
    wait = min(timedelta(seconds=trader.interval_seconds), LOOK_AGAIN)
    told = {"skipped_because": why[:200], "skipped": trader.skipped + 1}
    give_back(trader, next_at=now + wait, **told)


class Turn:
    """One turn of a trader that is ours."""

    def __init__(
        self, trader: Trader, book: Journal, clock: Clock, post: Post, sleep: Sleep
    ) -> None:
        self.trader, self.book = trader, book
        self.clock, self.post, self.sleep = clock, post, sleep

    def take(self) -> Decision | None:
        catch_up(
            trader=self.trader,
            end=self.book.head,
            lease=self.trader.lease,
            now=self.clock(),
        )
        self.trader.refresh_from_db()
        self.finish_what_was_left()
        began = self.clock()
        if self.trader.next_at and self.trader.next_at > began:
            give_back(self.trader)
            return None
        if why := guarding.gate(trader=self.trader, now=began):
            pass_over(self.trader, why, began)
            return None
        freshen(self.trader, clock=self.clock, sleep=self.sleep)
        self.prolong(lease())
        decision = self.decide(self.clock())
        if decision is None:
            return None
        if decision.status == Decision.Status.DECIDED:
            decision = self.carry_out(decision)
        give_back(self.trader, skipped_because="")
        guarding.watch_failures(trader=self.trader, now=self.clock())
        return decision

    def finish_what_was_left(self) -> None:
        """Decisions whose worker died before everything was asked for."""
        rows = Decision.objects.of(self.trader.tenant_id).filter(trader=self.trader)
        for decision in rows.filter(status=Decision.Status.DECIDED).order_by("number"):
            self.carry_out(decision)

    def decide(self, began: datetime) -> Decision | None:
        trader = self.trader
        context, limits = context_of(trader, now=began), limits_of(trader)
        template, patience = template_of(trader), patience_of(trader)
        prompt = render(readable(template), context, limits)
        minds = minds_of(trader)
        models = tuple(map(model_of, minds))
        outcome = None
        if patience.reuse_seconds:
            question = question_of(prompt, models, trader.counsel, context, limits)
            since = began - timedelta(seconds=patience.reuse_seconds)
            if known := answered_before(trader, template, question, since=since):
                outcome = heard_again(known, asked=len(models))
        if outcome is None:
            outcome, standings = consult_all(
                prompt,
                models,
                standings_of(trader),
                self.asking(minds),
                patience=patience,
                now_ms=context.now_ms,
                counsel=trader.counsel,
            )
            failpoint("traders.answered")
            self.keep_standings(standings)
        if not outcome.calls and not outcome.reused:
            # Nobody was asked: for money, or because all of them are away. That is no decision.
            pass_over(trader, outcome.reason, self.clock())
            return None
        self.prolong(lease())
        record = decided(
            decision_id=str(uuid7()),
            trader=trader.code,
            context=context,
            limits=limits,
            prompt=prompt,
            models=models,
            outcome=outcome,
            template=template.digest,
        )
        head = self.book.append(record)
        failpoint("traders.journalled")
        decision = write_decision(trader=trader, record=record, head=head, lease=trader.lease)
        failpoint("traders.recorded")
        return decision

    def carry_out(self, decision: Decision) -> Decision:
        trader = self.trader
        self.prolong(lease())
        # While the models thought, prices have grown old.
        freshen(trader, clock=self.clock, sleep=self.sleep)
        self.prolong(lease())
        items = acting.act(trader=trader, decision=decision, now=self.clock())
        failpoint("traders.ordered")
        now = self.clock()
        after = books_of([trader], now=now)[trader.pk].account
        record = acting.resulted(decision=decision, items=items, after=after, now=now)
        head = self.book.append(record)
        failpoint("traders.resulted")
        return write_result(
            trader=trader, record=record, head=head, lease=trader.lease, now=self.clock()
        )

    def asking(self, minds: list[Mind]) -> Asking:
        keys = {mind.name: key_of(mind) for mind in minds}
        purse = DaysPurse(self.trader, self.clock)
        return Asking(
            keys=lambda name: keys[name],
            purse=purse,
            post=self.asked,
            sleep=self.sleep,
            random=SystemRandom(),
        )

    def asked(
        self, url: str, *, headers: dict[str, str], body: bytes, timeout_seconds: float
    ) -> line.Answer:
        """A call, for as long as which the trader stays ours."""
        self.prolong(lease() + timedelta(seconds=timeout_seconds))
        return self.post(url, headers=headers, body=body, timeout_seconds=timeout_seconds)

    def prolong(self, by: timedelta) -> None:
        prolong(self.trader, until=self.clock() + by)

    def keep_standings(self, standings: object) -> None:
        told = msgspec.to_builtins(standings)
        rows = Trader.objects.of(self.trader.tenant_id).filter(pk=self.trader.pk)
        rows.filter(lease=self.trader.lease).update(standings=told)


def heard_again(known: Decision, *, asked: int) -> Outcome:
    """The answers of an earlier decision to the same question."""
    return reused(
        decision_id=str(known.pk),
        model=known.mind,
        heard=msgspec.convert(known.answers, list[Heard]),
        counsel=known.trader.counsel,
        asked=asked,
    )


def readable(template: Template) -> ReadTemplate:
    try:
        return read_template(template.text)
    except BadTemplate as error:
        raise EngineError(f"its prompt cannot be used: {error.message}") from error
