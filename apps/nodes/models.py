"""A node is an execution host: a Celery worker with venue keys and no database."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated


class Node(Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        REVOKED = "revoked", _("Revoked")

    MOVES = {
        Status.ACTIVE: {Status.PAUSED, Status.REVOKED},
        Status.PAUSED: {Status.ACTIVE, Status.REVOKED},
        Status.REVOKED: set(),
    }

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    # Public keys, base64: what is sealed to the node, and what its signatures are checked with.
    seal_key = models.CharField(_("sealing key"), max_length=64)
    verify_key = models.CharField(_("verifying key"), max_length=64)
    version = models.CharField(_("version"), max_length=64, blank=True)
    clock_offset_ms = models.IntegerField(_("clock offset (ms)"), null=True)
    running = models.PositiveIntegerField(_("tickets in hand"), default=0)
    last_heartbeat_at = models.DateTimeField(_("last heartbeat at"), null=True)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")

    def __str__(self):
        return self.code

    @property
    def queue(self) -> str:
        return f"node.{self.code}"
