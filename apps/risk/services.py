"""Limits are set by a person, and hold from the next order on."""

import re
from collections.abc import Mapping

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.risk.models import RiskRule, told_figures
from apps.tenants.models import Tenant
from engine.errors import BadParameters
from engine.limits import LIMITS


@retried
@transaction.atomic
def set_rule(
    *,
    tenant: Tenant | None,
    rule: str,
    is_on: bool | None = None,
    figures: Mapping[str, object] | None = None,
) -> RiskRule:
    """Let a limit hold from now on, the platform's or a tenant's own; what is not named stays."""
    if rule not in LIMITS:
        raise BadInput(f"a rule is one of {', '.join(LIMITS)}", field="rule")
    fresh = RiskRule.unset(tenant, rule)
    start = {name: getattr(fresh, name) for name in ("tenant", "rule", "is_on", "figures")}
    RiskRule.objects.get_or_create(key=fresh.key, defaults=start)
    row = RiskRule.objects.select_for_update().get(key=fresh.key)
    before = told(row)
    row.figures = checked(rule, row.figures | dict(figures or {}))
    row.is_on = row.is_on if is_on is None else is_on
    if row.version and told(row) == before:
        return row
    row.version += 1
    row.save(update_fields=["is_on", "figures", "version"])
    audit.record("risk.rule_set", row, before=before, after=told(row), tenant=tenant)
    return row


def checked(rule: str, figures: dict[str, object]) -> dict[str, object]:
    try:
        return told_figures(rule, figures)
    except BadParameters as error:
        named = (name for name in figures if re.search(rf"[.`]{name}\b", error.message))
        raise BadInput(error.message, field=next(named, "figures")) from error


def told(row: RiskRule) -> dict[str, object]:
    return {"is_on": row.is_on, **row.figures}
