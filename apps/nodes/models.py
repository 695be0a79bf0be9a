"""A node is an execution host: a Celery worker with venue keys and no database."""

import base64

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated
from engine import envelope


class Node(Dated):
    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")  # it is given nothing before a person confirms its keys
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        DRAINING = "draining", _("Draining")  # it finishes what it has, and is given nothing new
        REVOKED = "revoked", _("Revoked")

    MOVES = {
        Status.PENDING: {Status.ACTIVE, Status.REVOKED},
        Status.ACTIVE: {Status.PAUSED, Status.DRAINING, Status.REVOKED},
        Status.PAUSED: {Status.ACTIVE, Status.DRAINING, Status.REVOKED},
        Status.DRAINING: {Status.ACTIVE, Status.REVOKED},
        Status.REVOKED: set(),
    }
    # Whoever is not trusted, not yet or not any more: nothing is sealed to it, nothing believed.
    NOT_TRUSTED = [Status.PENDING, Status.REVOKED]
    # How far its clock may be ahead before nothing is opened through it.
    AHEAD_MS = 1000

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    # Public keys, base64: what is sealed to the node, and what its signatures are checked with.
    seal_key = models.CharField(_("sealing key"), max_length=64, blank=True)
    verify_key = models.CharField(_("verifying key"), max_length=64, blank=True)
    # The hash of the one-time code, until the node has joined with it.
    join_hash = models.CharField(max_length=64, blank=True, editable=False)
    join_until = models.DateTimeField(_("may join until"), null=True, editable=False)
    version = models.CharField(_("version"), max_length=64, blank=True)
    clock_offset_ms = models.IntegerField(_("clock offset (ms)"), null=True)
    running = models.PositiveIntegerField(_("tickets in hand"), default=0)
    # What runs on its host, in per cent of what its processors can do at once.
    load_percent = models.PositiveIntegerField(_("load (%)"), default=0)
    # How long each venue took to answer, in ms; null where it did not.
    venues = models.JSONField(_("venues (ms)"), default=dict, blank=True)
    last_heartbeat_at = models.DateTimeField(_("last heartbeat at"), null=True)
    # Since when it is known to be silent; null while it is heard.
    silent_at = models.DateTimeField(_("silent since"), null=True)
    draining_at = models.DateTimeField(_("draining since"), null=True)
    drained_at = models.DateTimeField(_("drained at"), null=True)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        constraints = [
            models.CheckConstraint(
                name="nodes_trusted_by_its_keys",
                condition=Q(status__in=["pending", "revoked"])
                | ~Q(seal_key="") & ~Q(verify_key=""),
            ),
        ]

    def __str__(self):
        return self.code

    @property
    def is_clock_off(self) -> bool:
        """Whether it is further ahead than it may be.

        One that is behind sees that itself: from here it looks like a heartbeat that took its time.
        """
        return (self.clock_offset_ms or 0) > self.AHEAD_MS

    @property
    def queue(self) -> str:
        return f"node.{self.code}"

    @property
    def fingerprint(self) -> str:
        """What its keys look like to a person; empty while it has none."""
        if not self.verify_key:
            return ""
        keys = base64.b64decode(self.seal_key), base64.b64decode(self.verify_key)
        return envelope.fingerprint(self.code, *keys)
