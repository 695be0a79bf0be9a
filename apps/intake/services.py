"""Intakes are made and changed; an alert is heard once, and becomes signals or a reason."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, LimitReached, Unauthorized
from apps.core.states import change_status
from apps.core.writing import check_fields, put
from apps.intake.models import Incoming, Intake
from apps.intake.reading import (
    Said,
    checked_template,
    found,
    judge_price,
    read,
    unpacked,
    without_secret,
)
from apps.signals.models import Signal
from apps.signals.services import publish_signal
from apps.strategies.models import Strategy
from apps.venues.selectors import candles
from engine.errors import EngineError
from engine.signal import Action

# What an intake may be given.
FIELDS = (
    *("name", "strategy", "template", "repeat_seconds", "oldest_seconds", "most_off_percent"),
)
# As many alerts of one intake are heard in a minute.
MOST_A_MINUTE = 120
# A sender's clock may be ahead by this much.
AHEAD = timedelta(seconds=30)
KEPT = timedelta(days=90)
O = Incoming.Outcome  # noqa: E741


@dataclass(frozen=True, slots=True)
class Opened:
    """An intake, and the secret that nobody is told again."""

    intake: Intake
    secret: str


@retried
@transaction.atomic
def create_intake(**fields: object) -> Opened:
    """An address for alerts of one strategy; it begins as a dry run."""
    secret = secrets.token_urlsafe(32)
    intake = Intake(token=secrets.token_urlsafe(32), secret_digest=digest(secret))
    write(intake, fields)
    audit.record("intake.created", intake, after=told(intake))
    return Opened(intake, secret)


@retried
@transaction.atomic
def update_intake(*, intake: Intake, **changes: object) -> Intake:
    fresh = Intake.objects.select_for_update().get(pk=intake.pk)
    before = told(fresh)
    write(fresh, changes)
    if told(fresh) != before:
        audit.record("intake.updated", fresh, before=before, after=told(fresh))
    return fresh


def write(intake: Intake, values: Mapping[str, object]) -> None:
    put(intake, values, known=FIELDS)
    checked_template(intake.template)
    check_fields(intake, without=["token", "secret_digest"])
    intake.save()


def told(intake: Intake) -> dict[str, object]:
    return {name: getattr(intake, name) for name in FIELDS} | {"strategy": intake.strategy.code}


@retried
@transaction.atomic
def rotate_intake_secret(*, intake: Intake) -> Opened:
    """A new secret, told once; alerts with the old one are refused from now on."""
    secret = secrets.token_urlsafe(32)
    intake.secret_digest = digest(secret)
    intake.save(update_fields=["secret_digest"])
    audit.record("intake.secret_rotated", intake)
    return Opened(intake, secret)


def activate_intake(*, intake: Intake) -> None:
    """From now on what it hears is traded."""
    change_status(intake, to=Intake.Status.ACTIVE, action="intake.activated")


def rehearse_intake(*, intake: Intake) -> None:
    """From now on what it hears is judged and shown, and not traded."""
    change_status(intake, to=Intake.Status.DRY, action="intake.rehearsed")


def pause_intake(*, intake: Intake) -> None:
    """Hear nothing more."""
    change_status(intake, to=Intake.Status.PAUSED, action="intake.paused")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hear(*, intake: Intake, body: bytes, header_secret: str, now: datetime) -> Incoming:
    """An alert from outside: kept with what became of it, once its secret is proved."""
    told = unpacked(body)
    secret = header_secret or found(told, intake.template, "secret")
    if not hmac.compare_digest(digest(secret), intake.secret_digest):
        seen = Intake.objects.filter(pk=intake.pk)
        seen.update(wrong_secrets=F("wrong_secrets") + 1, wrong_at=now)
        raise Unauthorized("the secret is not this intake's", field="secret")
    return take_in(intake_id=intake.pk, told=told, now=now)


@retried
@transaction.atomic
def take_in(*, intake_id: int, told: dict[str, object], now: datetime) -> Incoming:
    # Of the same alert, twice at once, one waits here and finds the other's row.
    intake = Intake.objects.select_for_update().select_related("strategy").get(pk=intake_id)
    if intake.status == Intake.Status.PAUSED:
        raise Conflict("this intake is paused", status=intake.status)
    recent = intake.incoming.filter(created_at__gt=now - timedelta(minutes=1))
    if recent.count() >= MOST_A_MINUTE:
        raise LimitReached(f"an intake hears {MOST_A_MINUTE} alerts a minute", retry_after=60)
    alert = judged(intake, told, now=now)
    alert.save()
    return alert


def rehearse(*, intake: Intake, body: bytes, now: datetime) -> Incoming:
    """What would become of an alert, whatever its secret; nothing of it is kept."""
    with transaction.atomic():
        alert = judged(intake, unpacked(body), now=now)
        transaction.set_rollback(True)
    return alert


def judged(intake: Intake, told: dict[str, object], *, now: datetime) -> Incoming:
    body = without_secret(told, intake.template)
    alert = Incoming(intake=intake, key=f"={digest(body)}", body=body)
    try:
        said = read(told, intake.template, intake.strategy.symbols)
        alert.read_as = said.in_words[:200]
        alert.key = said.name or alert.key
        if is_repeated(alert, within=timedelta(seconds=intake.repeat_seconds), now=now):
            alert.outcome = O.REPEATED
        elif not said.wishes:
            alert.outcome = O.IDLE
        else:
            become_signals(alert, said, now=now)
    except (BadInput, Conflict) as error:
        alert.outcome, alert.problem = O.REFUSED, error.message[:300]
        alert.field = str(error.context.get("field", ""))
    return alert


def is_repeated(alert: Incoming, *, within: timedelta, now: datetime) -> bool:
    """A name is said once; words without one may be said again after a while.

    What was refused did nothing: the same may come again, once its reason is gone.
    """
    earlier = alert.intake.incoming.filter(key=alert.key).exclude(outcome=O.REFUSED)
    if alert.key.startswith("="):
        earlier = earlier.filter(created_at__gt=now - within)
    return earlier.exists()


def become_signals(alert: Incoming, said: Said, *, now: datetime) -> None:
    """Both signals of an alert, or none; in a dry run they are judged and taken back."""
    intake = alert.intake
    strategy = intake.strategy
    if strategy.status != Strategy.Status.ACTIVE:
        raise Conflict(f"the strategy {strategy} is {strategy.status}", field="strategy")
    at = said.at or now
    if at > now + AHEAD:
        raise BadInput(f"time {at.isoformat()} is to come", field="time")
    if now - at > timedelta(seconds=intake.oldest_seconds):
        most = intake.oldest_seconds
        raise BadInput(f"time {at.isoformat()} is more than {most} s ago", field="time")
    price = judge_price(
        said, market_price(strategy, said.symbol, now), most_off_percent=intake.most_off_percent
    )
    is_dry = intake.status == Intake.Status.DRY
    with transaction.atomic():
        signals = [
            publish_signal(
                strategy=strategy,
                symbol=said.symbol,
                bar_at=at.replace(microsecond=0),
                intent=said.intent(action, direction, price),
                bars_late=0,
                now=now,
            )
            for action, direction in said.wishes
        ]
        if is_dry:
            transaction.set_rollback(True)
    refusals = [said["reason"] for signal in signals for said in signal.refusals]
    alert.problem = "; ".join(refusals)[:300]
    if is_dry:
        alert.outcome = O.DRY
        return
    is_refused = all(signal.status == Signal.Status.REFUSED for signal in signals)
    alert.outcome = O.REFUSED if is_refused else O.PUBLISHED
    for signal in signals:
        if signal.action == Action.CLOSE:
            alert.closed = signal
        else:
            alert.opened = signal


def market_price(strategy: Strategy, symbol: str, now: datetime) -> Decimal:
    """Where the market was when its newest bar closed."""
    try:
        series = candles(
            venue=strategy.venue,
            symbol=symbol,
            timeframe=strategy.timeframe,
            bars=1,
            now=now,
        )
    except EngineError as error:
        raise Conflict(
            f"no newest bar of {symbol} at {strategy.venue} is known: {error.message}",
            field="symbol",
        ) from error
    return Decimal(str(series.close[-1]))


def forget_incoming(*, now: datetime) -> int:
    """Remove what nobody will look at any more; how many."""
    removed, _by_model = Incoming.objects.filter(created_at__lt=now - KEPT).delete()
    return removed
