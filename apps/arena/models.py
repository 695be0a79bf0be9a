"""What was imported of published files: each row as the text it came as, in its place.

It belongs to no tenant: it is published, and shown to everybody.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.arena.published.shapes import Kind
from apps.core.models import Dated


class Source(Dated):
    """A published file: what stands around its rows, and which one was taken last."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=24, choices=Kind)
    rest = models.TextField(_("beside its rows"), default="{}")
    is_list = models.BooleanField(_("its rows stand in a list"), default=True)
    digest = models.CharField(_("digest"), max_length=64)
    # Any change of its rows makes it another one: who remembers the rows remembers this.
    version = models.PositiveIntegerField(_("version"), default=0)
    imported_at = models.DateTimeField(_("imported at"))

    class Meta:
        verbose_name = _("published file")
        verbose_name_plural = _("published files")
        ordering = ["name"]

    def __str__(self):
        return self.name


class Record(Dated):
    """A row of a published file."""

    source = models.ForeignKey(
        Source, models.CASCADE, related_name="records", verbose_name=_("published file")
    )
    # SHA-256 of its key: some databases hold "Key" and "key" for equal.
    key_hash = models.CharField(_("hash of its key"), max_length=64)
    key = models.CharField(_("key"), max_length=200)
    model_id = models.CharField(_("model"), max_length=64, blank=True, db_index=True)
    place = models.PositiveIntegerField(_("place"))
    at = models.DateTimeField(_("at"), null=True, db_index=True)
    content = models.TextField(_("content"))
    # What does not fit together in it, by name.
    odd = models.JSONField(_("does not fit"), default=list, blank=True)

    class Meta:
        verbose_name = _("published row")
        verbose_name_plural = _("published rows")
        constraints = [
            models.UniqueConstraint(fields=["source", "key_hash"], name="arena_record_once"),
        ]

    def __str__(self):
        return f"{self.source}: {self.key}"
