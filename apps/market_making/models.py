"""Makers, the versions of what they are told, and the sessions in which they quote.

A maker's orders, fills and positions are the common ones. An order that came and went unfilled
leaves no row: it is counted in the readings.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated, Fact, TenantOwned
from apps.nodes.models import Node
from apps.venues.models import VenueAccount
from engine.messages import MakerVerb


class Maker(TenantOwned, Dated):
    """One symbol on one account. Its number is in the names of its orders."""

    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="makers", verbose_name=_("venue account")
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    # Which of its versions holds.
    version = models.PositiveIntegerField(_("version"), default=1)
    # How often it has come to life: the names of its orders tell lives apart.
    life = models.PositiveBigIntegerField(_("life"), default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = _("maker")
        verbose_name_plural = _("makers")
        constraints = [
            models.UniqueConstraint(
                fields=["venue_account", "symbol"], name="market_making_one_maker_a_symbol"
            ),
        ]

    def __str__(self):
        return f"{self.symbol} · {self.venue_account}"


class Version(TenantOwned, Fact):
    """What a maker was told, by whom."""

    append_only = True

    class Form(models.TextChoices):
        STRATEGY = "strategy", _("Strategy")  # what the model is made of
        GOAL = "goal", _("Goal")  # capital, volume and how much risk is liked
        FULL = "full", _("All parameters")

    maker = models.ForeignKey(
        Maker, models.PROTECT, related_name="versions", verbose_name=_("maker")
    )
    number = models.PositiveIntegerField(_("number"))
    form = models.CharField(_("form"), max_length=16, choices=Form)
    asked = models.JSONField(_("asked"), default=dict)
    # All of them, as they followed from what was asked.
    params = models.JSONField(_("parameters"), default=dict)
    changed_by = models.CharField(_("changed by"), max_length=100)

    class Meta(TenantOwned.Meta):
        verbose_name = _("version of a maker")
        verbose_name_plural = _("versions of makers")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["maker", "number"], name="market_making_version_once"),
        ]

    def __str__(self):
        return f"{self.maker} · {self.number}"


class Session(TenantOwned, Fact):
    """A maker from its start to its rest, on the node that it is leased to."""

    class Status(models.TextChoices):
        STARTING = "starting", _("Starting")
        RUNNING = "running", _("Running")
        STOPPING = "stopping", _("Stopping")
        IDLE = "idle", _("Idle")
        HALTED = "halted", _("Halted")  # a person has to look

    S = Status
    MOVES = {
        # Its host died, and it came to life again.
        S.STARTING: {S.RUNNING, S.STOPPING, S.STARTING},
        S.RUNNING: {S.STOPPING, S.STARTING},
        S.STOPPING: {S.IDLE, S.HALTED, S.STARTING},
        S.HALTED: {S.IDLE},
        S.IDLE: set(),
    }
    # On a node; one that is halted is over, and keeps its maker from being started.
    LIVE = [S.STARTING, S.RUNNING, S.STOPPING]
    VERBS = [
        (MakerVerb.RUN.value, _("Run")),
        (MakerVerb.STOP.value, _("Stop")),
        (MakerVerb.HALT.value, _("Halt")),
        (MakerVerb.REST.value, _("Rest")),
    ]

    maker = models.ForeignKey(
        Maker, models.PROTECT, related_name="sessions", verbose_name=_("maker")
    )
    node = models.ForeignKey(
        Node, models.PROTECT, related_name="maker_sessions", verbose_name=_("node")
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.STARTING)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    started_by = models.CharField(_("started by"), max_length=100)
    # What it is to do, and the newest command that says so.
    verb = models.CharField(_("wanted"), max_length=8, choices=VERBS, default=MakerVerb.RUN.value)
    wish = models.PositiveIntegerField(_("wish"), default=1)
    # Of its present life, how much of each kind was heard.
    life = models.PositiveBigIntegerField(_("life"), default=0)
    moves_heard = models.PositiveIntegerField(default=0, editable=False)
    orders_heard = models.PositiveIntegerField(default=0, editable=False)
    alerts_heard = models.PositiveIntegerField(default=0, editable=False)
    # Up to when its fills are known, in milliseconds.
    fills_known_ms = models.PositiveBigIntegerField(default=0, editable=False)
    told_at = models.DateTimeField(_("told at"), null=True)
    reported_at = models.DateTimeField(_("reported at"), null=True)
    wished_at = models.DateTimeField(_("wished at"), null=True)
    leased_until = models.DateTimeField(_("leased until"))
    # As it last told: its figures, and its orders at the venue.
    figures = models.JSONField(_("figures"), default=dict, blank=True)
    quotes = models.JSONField(_("quotes"), default=list, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    # The maker's, until it is idle again: one of them at a time.
    live_key = models.PositiveBigIntegerField(null=True, unique=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("maker session")
        verbose_name_plural = _("maker sessions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "wished_at"], name="market_making_due")]

    def __str__(self):
        return f"{self.maker} · {self.created_at:%Y-%m-%d %H:%M}"


class Command(TenantOwned, Fact):
    """What a person asked of a session; the node says when it has taken it in."""

    class Verb(models.TextChoices):
        START = "start", _("Start")
        RETUNE = "retune", _("Change")
        STOP = "stop", _("Stop")
        HALT = "halt", _("Halt")
        RELEASE = "release", _("Release")

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="commands", verbose_name=_("maker session")
    )
    number = models.PositiveIntegerField(_("number"))
    verb = models.CharField(_("command"), max_length=8, choices=Verb)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    version = models.PositiveIntegerField(_("version"))
    asked_by = models.CharField(_("asked by"), max_length=100)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    refused_because = models.CharField(_("refused because"), max_length=500, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("maker command")
        verbose_name_plural = _("maker commands")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "number"], name="market_making_command_once"
            ),
        ]

    def __str__(self):
        return f"{self.verb} · {self.session}"


class Notice(TenantOwned, Fact):
    """What a maker found worth telling a person."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="notices", verbose_name=_("maker session")
    )
    level = models.CharField(
        _("level"),
        max_length=8,
        choices=[
            ("info", _("Information")),
            ("warning", _("Warning")),
            ("critical", _("Critical")),
        ],
    )
    kind = models.CharField(_("kind"), max_length=16)
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    noticed_at = models.DateTimeField(_("noticed at"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("maker notice")
        verbose_name_plural = _("maker notices")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.level} {self.kind}"


class Reading(TenantOwned, Dated):
    """Every figure of a session at one second."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="readings", verbose_name=_("maker session")
    )
    read_at = models.DateTimeField(_("read at"))
    figures = models.JSONField(_("figures"))
    # The first of its minute is kept longer.
    is_kept = models.BooleanField(_("kept"), default=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("maker reading")
        verbose_name_plural = _("maker readings")
        ordering = ["-id"]
        indexes = [models.Index(fields=["is_kept", "read_at"], name="market_making_old")]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "read_at"], name="market_making_reading_once"
            ),
        ]

    def __str__(self):
        return f"{self.session} {self.read_at:%H:%M:%S}"
