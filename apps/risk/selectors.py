"""Which limits hold for whom."""

from collections.abc import Iterable

from django.db.models import Q

from apps.risk.models import RiskRule
from apps.risk.words import TITLES
from apps.tenants.models import Tenant
from engine.limits import LIMITS, figures_of, rule_of
from engine.risk import Rule


class Limits:
    """The limits that hold for some tenants: the platform's, and each tenant's own beside them."""

    def __init__(self, tenants: Iterable[int]) -> None:
        whose = Q(tenant=None) | Q(tenant__in=set(tenants))
        rows = RiskRule.objects.filter(whose).values_list("tenant", "rule", "is_on", "figures")
        told = {(tenant, rule): (is_on, figures) for tenant, rule, is_on, figures in rows}
        default = ((None, rule) for rule, limit in LIMITS.items() if limit.is_on)
        self._rules: dict[int | None, list[Rule]] = {}
        # What facts the rules that are on want to know.
        self.look_at: set[str] = set()
        for tenant, rule in {*told, *default}:
            is_on, figures = told.get((tenant, rule), (True, {}))
            if is_on:
                held_to = rule_of(rule, figures_of(rule, figures))
                self._rules.setdefault(tenant, []).append(held_to)
                self.look_at.add(LIMITS[rule].looks_at)

    def of(self, tenant: int) -> list[Rule]:
        return [*self._rules.get(None, ()), *self._rules.get(tenant, ())]


def rules_of(tenant: Tenant | None) -> dict[str, RiskRule]:
    """Every limit as it is set, by the platform or by a tenant."""
    told = {row.rule: row for row in RiskRule.objects.filter(tenant=tenant)}
    return {rule: told.get(rule) or RiskRule.unset(tenant, rule) for rule in TITLES}
