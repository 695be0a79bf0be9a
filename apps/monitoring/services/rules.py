"""Every check has a rule, which begins with what the check proposes."""

import math

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.monitoring.checks import CHECKS
from apps.monitoring.models import SEVERITIES, Rule

LONGEST_SECONDS = 7 * 24 * 3600
TUNED = (
    "threshold",
    "for_seconds",
    "severity",
    "cooldown_seconds",
    "escalate_seconds",
    "is_active",
)


def ensure_rules() -> None:
    """Make the rules that are missing; what somebody has tuned stays."""
    known = set(Rule.objects.values_list("check_name", flat=True))
    Rule.objects.bulk_create(
        [
            Rule(
                check_name=check.name,
                threshold=check.threshold,
                for_seconds=check.for_seconds,
                severity=check.severity,
            )
            for check in CHECKS.values()
            if check.name not in known
        ],
        ignore_conflicts=True,
    )


@retried
@transaction.atomic
def change_rule(*, rule: Rule, **tuned) -> Rule:
    fresh = Rule.objects.select_for_update().get(pk=rule.pk)
    before = {name: getattr(fresh, name) for name in TUNED}
    check_rule(tuned)
    for name, value in tuned.items():
        setattr(fresh, name, value)
    fresh.save(update_fields=list(tuned))
    audit.record("alert_rule.changed", fresh, before=before, after=tuned)
    return fresh


def check_rule(tuned: dict[str, object]) -> None:
    if unknown := set(tuned) - set(TUNED):
        raise BadInput("a rule has no such field", field=sorted(unknown)[0])
    threshold = tuned.get("threshold", 0.0)
    if not math.isfinite(threshold):
        raise BadInput("a threshold is a finite number", field="threshold")
    for name in ("for_seconds", "cooldown_seconds", "escalate_seconds"):
        if not 0 <= tuned.get(name, 0) <= LONGEST_SECONDS:
            raise BadInput(f"it is 0 to {LONGEST_SECONDS} seconds", field=name)
    if tuned.get("severity", 1) not in dict(SEVERITIES):
        raise BadInput("a severity is 1, 2 or 3", field="severity")
