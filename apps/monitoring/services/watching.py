"""From figures to alerts: what is wrong for long enough fires, and resolves when it is over.

One process watches at a time, and a second one does no harm: an alert is one row by its open
key, and moves by claims.
"""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.core.states import move
from apps.monitoring.checks import Check, Measure
from apps.monitoring.models import Alert, Notice, Rule
from apps.monitoring.selectors import (
    Looked,
    active_rules,
    channels_for,
    is_silent,
    look,
    silences_at,
)
from apps.monitoring.services.notices import owe

S = Alert.Status
# A figure that no column holds is told as this.
LARGEST = 1e15
# What a check that cannot look is called.
BLIND = "check"


def watch(*, now: datetime) -> list[Looked]:
    """Look at everything once, and let alerts follow; what was found."""
    rules = active_rules()
    looked = look(now, rules)
    for found in looked:
        follow(rule=rules[found.check.name], found=found, now=now)
    end_of_the_inactive(rules, now)
    escalate(now)
    return looked


def follow(*, rule: Rule, found: Looked, now: datetime) -> None:
    """Bring one check's alerts to what it found."""
    open_alerts = {row.subject: row for row in rule.alerts.filter(status__in=Alert.OPEN)}
    wrong = {one.subject[:100]: one for one in wrong_of(found, rule)}
    for subject, measure in wrong.items():
        if subject not in open_alerts:
            begin(rule, subject, measure, now)
        else:
            note(open_alerts[subject], measure)
    for alert in rule.alerts.filter(status__in=Alert.OPEN):
        if alert.subject in wrong:
            fire_if_due(alert, rule, now)
        # A check that could not look has not seen that anything is over.
        elif not found.problem:
            end(alert, now)


def wrong_of(found: Looked, rule: Rule) -> list[Measure]:
    if found.problem:
        return [Measure(BLIND, LARGEST, found.problem)]
    return [one for one in found.measures if is_wrong(found.check, one, rule)]


def is_wrong(check: Check, measure: Measure, rule: Rule) -> bool:
    return check.is_wrong(measure.value, rule.threshold)


def begin(rule: Rule, subject: str, measure: Measure, now: datetime) -> None:
    try:
        with transaction.atomic():
            Alert.objects.create(
                began_at=now,
                rule=rule,
                subject=subject,
                severity=rule.severity,
                value=bounded(measure.value),
                told=measure.told[:300],
                open_key=f"{rule.pk}:{subject}",
            )
    except IntegrityError:
        # Another watch saw it at the same moment.
        return


def note(alert: Alert, measure: Measure) -> None:
    rows = Alert.objects.filter(pk=alert.pk, status__in=Alert.OPEN)
    rows.update(value=bounded(measure.value), told=measure.told[:300])


def bounded(value: float) -> float:
    return max(-LARGEST, min(value, LARGEST))


@retried
@transaction.atomic
def fire_if_due(alert: Alert, rule: Rule, now: datetime) -> None:
    """Once it was wrong for long enough, and the one before it is over for long enough."""
    alert = Alert.objects.select_for_update().get(pk=alert.pk)
    if alert.status == S.PENDING:
        if now - alert.began_at < timedelta(seconds=rule.for_seconds):
            return
        before = rule.alerts.filter(subject=alert.subject, status=S.RESOLVED)
        last = before.order_by("-resolved_at").first()
        if last and now - last.resolved_at < timedelta(seconds=rule.cooldown_seconds):
            return
        move(alert, to=S.FIRING, allowed=Alert.MOVES, fired_at=now, severity=rule.severity)
    if alert.status == S.FIRING and not is_silent(alert, silences_at(now)):
        # Also when it was silent as it fired, and is no longer.
        owe(alert=alert, kind=Notice.Kind.FIRED, channels=channels_for(alert, is_second=False))


@retried
@transaction.atomic
def end(alert: Alert, now: datetime) -> None:
    """It is over: whoever was told that it began, and nobody else, is told that."""
    is_firing = alert.status == S.FIRING
    to, when = (S.RESOLVED, {"resolved_at": now}) if is_firing else (S.PASSED, {})
    try:
        move(alert, to=to, allowed=Alert.MOVES, open_key=None, **when)
    except Conflict:
        # It fired or ended meanwhile; the next look takes it from there.
        return
    if is_firing:
        told = alert.notices.filter(kind__in=[Notice.Kind.FIRED, Notice.Kind.ESCALATED])
        channels = {notice.channel for notice in told.select_related("channel")}
        owe(alert=alert, kind=Notice.Kind.RESOLVED, channels=channels)


def end_of_the_inactive(rules: dict[str, Rule], now: datetime) -> None:
    """What is watched no longer is not wrong any more."""
    watched = {rule.pk for rule in rules.values()}
    for alert in Alert.objects.filter(status__in=Alert.OPEN).exclude(rule__in=watched):
        end(alert, now)


def escalate(now: datetime) -> None:
    """Tell the second channels of what nobody has taken in hand for too long."""
    firing = Alert.objects.filter(status=S.FIRING, acknowledged_at=None, escalated_at=None)
    silences = silences_at(now)
    for alert in firing.exclude(rule__escalate_seconds=0).select_related("rule"):
        is_due = now - alert.fired_at >= timedelta(seconds=alert.rule.escalate_seconds)
        if is_due and not is_silent(alert, silences):
            escalate_one(alert, now)


@retried
@transaction.atomic
def escalate_one(alert: Alert, now: datetime) -> None:
    rows = Alert.objects.filter(
        pk=alert.pk, status=S.FIRING, acknowledged_at=None, escalated_at=None
    )
    if rows.update(escalated_at=now):
        seconds = channels_for(alert, is_second=True)
        owe(alert=alert, kind=Notice.Kind.ESCALATED, channels=seconds)
