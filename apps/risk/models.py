"""One limit, as the platform or a tenant has set it; who set what stands in the audit trail."""

import msgspec
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated
from apps.risk.words import TITLES
from apps.tenants.models import Tenant
from engine.limits import LIMITS, figures_of


class RiskRule(Dated):
    # Null is the platform's own.
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="risk_rules", verbose_name=_("tenant")
    )
    rule = models.CharField(_("rule"), max_length=32, choices=[*TITLES.items()])
    is_on = models.BooleanField(_("on"))
    figures = models.JSONField(_("figures"))
    # How often it was set.
    version = models.PositiveIntegerField(_("version"), default=0)
    # "tenant:rule", and "platform:rule": a null is unique to no database.
    key = models.CharField(_("key"), max_length=64, unique=True, editable=False)

    class Meta:
        verbose_name = _("risk rule")
        verbose_name_plural = _("risk rules")
        ordering = ["rule", "tenant"]

    def __str__(self):
        return f"{self.tenant or 'IronBull'}: {self.get_rule_display()}"

    @staticmethod
    def key_of(tenant: Tenant | None, rule: str) -> str:
        return f"{tenant.pk if tenant else 'platform'}:{rule}"

    @classmethod
    def unset(cls, tenant: Tenant | None, rule: str) -> "RiskRule":
        """What holds as long as nobody has said anything: of a tenant's own, nothing."""
        limit = LIMITS[rule]
        return cls(
            tenant=tenant,
            rule=rule,
            key=cls.key_of(tenant, rule),
            is_on=limit.is_on and tenant is None,
            figures=told_figures(rule, {}),
        )


def told_figures(rule: str, values: dict[str, object]) -> dict[str, object]:
    """Every figure of a limit, those that are not named by their defaults, as JSON keeps them."""
    return msgspec.to_builtins(figures_of(rule, values))
