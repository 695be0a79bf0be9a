"""What a tenant's own server shows at the Merchant API, and what that lets it do."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import SealedField
from apps.core.models import Dated, TenantOwned


class AppKey(TenantOwned, Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        REVOKED = "revoked", _("Revoked")

    class Scope(models.TextChoices):
        READ = "read", _("Look at members, cards, rewards and strategies")
        WRITE = "write", _("Change members, venue accounts and subscriptions")
        MONEY = "money", _("Move point cards and ask for withdrawals")
        SECRETS = "secrets:read", _("See venue accounts' keys in full")

    MOVES = {Status.ACTIVE: {Status.REVOKED}, Status.REVOKED: set()}

    key = models.CharField(_("app key"), max_length=32, unique=True)
    # What it signs with: shown once, to whoever made it.
    secret = SealedField(_("secret"), binding="app_key:{row.key}")
    name = models.CharField(_("name"), max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)
    # Networks that it may be used from, as "203.0.113.0/24"; none is everywhere.
    networks = models.JSONField(_("networks"), default=list, blank=True)
    # Whether the old MD5 signature is good enough.
    is_legacy = models.BooleanField(_("takes the old signature"), default=False)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    # Set when another one took its place: both are good until then.
    expires_at = models.DateTimeField(_("good until"), null=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("app key")
        verbose_name_plural = _("app keys")

    def __str__(self):
        return f"{self.name} ({self.key[:8]}…)"
