"""What people make for themselves in the console: filters they saved, files they had made."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated


class SavedFilter(Dated):
    """How somebody likes to see a list. It filters, and gives no right to see anything."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="saved_filters",
        verbose_name=_("user"),
    )
    # The name of the list's address in the admin.
    page = models.CharField(_("page"), max_length=100)
    title = models.CharField(_("title"), max_length=60)
    query = models.CharField(_("filter"), max_length=1000, blank=True)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ["page", "title"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "page", "title"], name="console_filter_once_per_title"
            ),
        ]

    def __str__(self):
        return self.title

    @property
    def address(self) -> str:
        where = reverse(f"admin:{self.page}")
        return f"{where}?{self.query}" if self.query else where


class Export(Dated):
    """A list as a file, made beside everything else; only who asked for it can have it."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")
        EXPIRED = "expired", _("Expired")

    class Form(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    MOVES = {
        # A worker that died leaves it running: another begins anew.
        Status.QUEUED: {Status.RUNNING, Status.STOPPED},
        Status.RUNNING: {Status.QUEUED, Status.DONE, Status.FAILED, Status.STOPPED},
        Status.DONE: {Status.EXPIRED},
    }
    OPEN = [Status.QUEUED, Status.RUNNING]

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports", verbose_name=_("user")
    )
    # Through which tenant it was asked for; nobody sees more by waiting for it.
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("tenant"),
    )
    # The model, as in "orders.order", and the filter of its list.
    of = models.CharField(_("rows"), max_length=100)
    query = models.CharField(_("filter"), max_length=1000, blank=True)
    form = models.CharField(_("format"), max_length=8, choices=Form)
    language = models.CharField(_("language"), max_length=16)
    status = models.CharField(
        _("status"), max_length=16, choices=Status, default=Status.QUEUED, db_index=True
    )
    done = models.PositiveBigIntegerField(_("rows written"), default=0)
    total = models.PositiveBigIntegerField(_("rows in all"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    # When somebody last worked on it.
    seen_at = models.DateTimeField(_("last worked on"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.of} {self.form}"

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class ExportPart(models.Model):
    """A piece of the file: worker and web may be on different hosts, and share the database."""

    export = models.ForeignKey(
        Export, models.CASCADE, related_name="parts", verbose_name=_("export")
    )
    number = models.PositiveIntegerField(_("number"))
    content = models.BinaryField(_("content"))

    class Meta:
        verbose_name = _("part of an export")
        verbose_name_plural = _("parts of exports")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="console_part_once"),
        ]

    def __str__(self):
        return f"{self.export_id} {self.number}"
