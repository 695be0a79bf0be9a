"""What tenants' own servers are told: an event is kept with what caused it, a delivery is owed
for every endpoint that listens, and the table of deliveries is the outbox."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import SealedField
from apps.core.models import Dated, Fact, TenantOwned


class Endpoint(TenantOwned, Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}

    url = models.URLField(_("address"), max_length=500)
    secret = SealedField(_("secret"), binding="webhook:{row.tenant_id}:{row.url}")
    # Names or first words of events, as "withdrawal" or "withdrawal.approved"; none is all.
    events = models.JSONField(_("events"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta(TenantOwned.Meta):
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self):
        return self.url


class Event(TenantOwned, Fact):
    """Something that a tenant is told of; its id is the receiver's word against hearing twice."""

    name = models.CharField(_("event"), max_length=64, db_index=True)
    about = models.JSONField(_("about"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ["-id"]

    def __str__(self):
        return self.name


class Delivery(TenantOwned, Fact):
    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")

    MOVES = {
        Status.WAITING: {Status.DELIVERED, Status.DEAD},
        Status.DELIVERED: {Status.WAITING},
        Status.DEAD: {Status.WAITING},
    }

    event = models.ForeignKey(
        Event, models.PROTECT, related_name="deliveries", verbose_name=_("event")
    )
    endpoint = models.ForeignKey(
        Endpoint, models.PROTECT, related_name="deliveries", verbose_name=_("endpoint")
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next at"), null=True, db_index=True)
    answered = models.PositiveSmallIntegerField(_("answered"), null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="tenants_delivery_once"),
        ]

    def __str__(self):
        return f"{self.event} → {self.endpoint}"
