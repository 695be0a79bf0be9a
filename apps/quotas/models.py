"""Plans, who is on which, and what was used: zero is unlimited."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated, TenantOwned
from apps.tenants.models import Tenant


class Plan(Dated):
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    calls_daily = models.PositiveIntegerField(_("calls a day"), default=0)
    calls_monthly = models.PositiveIntegerField(_("calls a month"), default=0)
    max_members = models.PositiveIntegerField(_("members"), default=0)
    max_subscriptions = models.PositiveIntegerField(_("subscriptions"), default=0)
    max_venue_accounts = models.PositiveIntegerField(_("venue accounts"), default=0)
    price_monthly = models.DecimalField(_("price a month (CNY)"), max_digits=10, decimal_places=2)
    is_offered = models.BooleanField(_("offered"), default=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["id"]

    def __str__(self):
        return self.name


class TenantPlan(models.Model):
    """The plan a tenant is on."""

    tenant = models.OneToOneField(
        Tenant, models.PROTECT, related_name="plan_row", verbose_name=_("tenant")
    )
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+", verbose_name=_("plan"))

    class Meta:
        verbose_name = _("tenant's plan")
        verbose_name_plural = _("tenants' plans")

    def __str__(self):
        return f"{self.tenant}: {self.plan}"


class Usage(TenantOwned):
    """How often a tenant's servers called on one day; copied from memory once a minute."""

    on = models.DateField(_("on"))
    calls = models.PositiveIntegerField(_("calls"), default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        ordering = ["-on", "tenant"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "on"], name="quotas_usage_once_a_day"),
        ]

    def __str__(self):
        return f"{self.tenant} {self.on}: {self.calls}"
