"""A tenant is a merchant company."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated


class Tenant(Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    MOVES = {Status.ACTIVE: {Status.SUSPENDED}, Status.SUSPENDED: {Status.ACTIVE}}

    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        permissions = [("recharge_tenant", "Can issue point cards to a tenant")]

    def __str__(self):
        return self.name
