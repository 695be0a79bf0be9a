"""Questions about what is watched."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Q

from apps.monitoring.checks import CHECKS, Check, Measure
from apps.monitoring.models import Alert, Channel, Rule, Silence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a check found; without figures, why it could not look."""

    check: Check
    measures: tuple[Measure, ...] = ()
    problem: str = ""


def look(now: datetime, names: Iterable[str] | None = None) -> list[Looked]:
    """Every check once. One that fails says so, and keeps no other from looking."""
    return [look_at(CHECKS[name], now) for name in (CHECKS if names is None else names)]


def look_at(check: Check, now: datetime) -> Looked:
    try:
        return Looked(check, tuple(check.measure(now)))
    except DatabaseError:
        # Whoever asked cannot go on either.
        raise
    except Exception as error:
        log.exception("the check %s failed", check.name)
        return Looked(check, problem=f"{type(error).__name__}: {error}"[:300])


def active_rules() -> dict[str, Rule]:
    rules = Rule.objects.filter(is_active=True)
    return {rule.check_name: rule for rule in rules if rule.check_name in CHECKS}


def is_silent(alert: Alert, silences: Iterable[Silence]) -> bool:
    return any(
        silence.rule_id == alert.rule_id and silence.subject in ("", alert.subject)
        for silence in silences
    )


def silences_at(now: datetime) -> list[Silence]:
    return list(Silence.objects.filter(until__gt=now))


def channels_for(alert: Alert, *, is_second: bool) -> list[Channel]:
    """Who is told of it at once, or once nobody has taken it in hand."""
    heard = Q(status=Channel.Status.ACTIVE, least_severity__lte=alert.severity)
    return list(Channel.objects.filter(heard, is_second=is_second).order_by("pk"))
