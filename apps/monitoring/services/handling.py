"""What a person says to an alert: I have it in hand; be silent for a while."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.monitoring.models import Alert, Rule, Silence

LONGEST = timedelta(days=30)


@retried
@transaction.atomic
def acknowledge_alert(*, alert: Alert, now: datetime) -> None:
    """Somebody looks after it: nobody else is called."""
    rows = Alert.objects.filter(pk=alert.pk, status=Alert.Status.FIRING, acknowledged_at=None)
    if not rows.update(acknowledged_by=audit.who(), acknowledged_at=now):
        alert.refresh_from_db()
        why = "is in hand already" if alert.acknowledged_at else f"is {alert.status}"
        raise Conflict(f"the alert {why}", status=alert.status)
    alert.refresh_from_db()
    audit.record("alert.acknowledged", alert, after={"subject": alert.subject})


@retried
@transaction.atomic
def silence(
    *, rule: Rule, subject: str = "", until: datetime, reason: str, now: datetime
) -> Silence:
    """Tell nobody of it until then; what fires meanwhile and is not over by then, is told then."""
    if not now < until <= now + LONGEST:
        raise BadInput(f"a silence ends within {LONGEST.days} days from now", field="until")
    if not 1 <= len(reason.strip()) <= 200:
        raise BadInput("a reason is 1 to 200 characters", field="reason")
    if len(subject) > 100:
        raise BadInput("a subject is at most 100 characters", field="subject")
    made = Silence.objects.create(
        rule=rule,
        subject=subject.strip(),
        until=until,
        reason=reason.strip(),
        made_by=audit.who(),
    )
    audit.record(
        "silence.made", made, after={"subject": made.subject, "until": until, "reason": reason}
    )
    return made


@retried
@transaction.atomic
def end_silence(*, silence: Silence, now: datetime) -> None:
    if not Silence.objects.filter(pk=silence.pk, until__gt=now).update(until=now):
        raise Conflict("the silence is over", silence=silence.pk)
    silence.refresh_from_db()
    audit.record("silence.ended", silence)
