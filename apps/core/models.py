"""Base rows, and rows of no noun: audit trail, idempotency keys, refused messages."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.scope import RowsQuerySet, ScopedManager, refuse_strangers
from engine.ids import uuid7


class Dated(models.Model):
    created_at = models.DateTimeField(_("created at"), auto_now_add=True, db_index=True)

    class Meta:
        abstract = True


class Fact(Dated):
    """Something that happened. Its id is made before the row, and sorts by time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TenantOwned(models.Model):
    """A row that belongs to one tenant: `objects` wants to know which.

    Django's own machinery (admin, relations, validation) uses `rows`; our code does not.
    """

    tenant = models.ForeignKey(
        "tenants.Tenant", models.PROTECT, related_name="+", verbose_name=_("tenant")
    )

    rows = RowsQuerySet.as_manager()
    objects = ScopedManager()

    class Meta:
        abstract = True
        default_manager_name = "rows"
        base_manager_name = "rows"

    def save(self, **kwargs):
        refuse_strangers(self, look_up=self._state.adding)
        super().save(**kwargs)


class AuditEntry(models.Model):
    """Who did what to which row, from where; each entry is chained to the one before it."""

    append_only = True

    number = models.BigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("at"), db_index=True)
    actor = models.CharField(_("actor"), max_length=100)
    source = models.CharField(_("from"), max_length=64, blank=True)
    action = models.CharField(_("action"), max_length=64, db_index=True)
    subject = models.CharField(_("subject"), max_length=100, db_index=True)
    tenant = models.ForeignKey(
        "tenants.Tenant", models.PROTECT, null=True, related_name="+", verbose_name=_("tenant")
    )
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64, unique=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-number"]

    def __str__(self):
        return f"{self.number} {self.action} {self.subject}"


class AuditHead(models.Model):
    """The end of the chain: one row, locked by whoever appends, so that entries are in one line."""

    number = models.BigIntegerField(_("number"), default=0)
    hash = models.CharField(_("hash"), max_length=64, default="0" * 64)

    class Meta:
        verbose_name = _("end of the audit trail")
        verbose_name_plural = _("ends of the audit trail")

    def __str__(self):
        return str(self.number)


class IdempotencyKey(Dated):
    """A caller's name for one request, and the answer it was given."""

    scope = models.CharField(_("scope"), max_length=100)
    key = models.CharField(_("key"), max_length=100)
    request_hash = models.CharField(_("request hash"), max_length=64)
    answer = models.JSONField(_("answer"), null=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="core_idempotency_once"),
        ]

    def __str__(self):
        return f"{self.scope}:{self.key}"


class RefusedMessage(Dated):
    """A message that was not what it claimed to be. It is kept here, and never tried again."""

    queue = models.CharField(_("queue"), max_length=64, db_index=True)
    reason = models.CharField(_("reason"), max_length=500)
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    preview = models.CharField(_("preview"), max_length=300, blank=True)
    times = models.PositiveIntegerField(_("times seen"), default=1)
    last_seen_at = models.DateTimeField(_("last seen at"), auto_now=True)

    class Meta:
        verbose_name = _("refused message")
        verbose_name_plural = _("refused messages")
        ordering = ["-last_seen_at"]

    def __str__(self):
        return f"{self.queue}: {self.reason}"
