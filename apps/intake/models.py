"""Where alerts come in, and what came: every alert that proved its secret is kept with its end."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated, Fact
from apps.signals.models import Signal
from apps.strategies.models import Strategy

AN_HOUR, A_DAY = 3600, 86_400


class Intake(Dated):
    """An address that speaks for one strategy, to whoever knows it and its secret."""

    class Status(models.TextChoices):
        # All is judged and shown, and nothing is published.
        DRY = "dry", _("Dry run")
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {
        Status.DRY: {Status.ACTIVE, Status.PAUSED},
        Status.ACTIVE: {Status.DRY, Status.PAUSED},
        Status.PAUSED: {Status.DRY, Status.ACTIVE},
    }

    name = models.CharField(_("name"), max_length=100)
    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="intakes", verbose_name=_("strategy")
    )
    token = models.CharField(_("address"), max_length=43, unique=True, editable=False)
    # Of a secret with 256 random bits: nobody finds it again.
    secret_digest = models.CharField(_("secret"), max_length=64, editable=False)
    # {"symbol": "data.pair", "direction": "=long"}: where in an alert a field is found.
    template = models.JSONField(_("template"), default=dict, blank=True)
    repeat_seconds = models.PositiveIntegerField(
        _("the same again within (s)"), default=60, validators=[MaxValueValidator(A_DAY)]
    )
    oldest_seconds = models.PositiveIntegerField(
        _("oldest alert (s)"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(AN_HOUR)],
    )
    most_off_percent = models.PositiveSmallIntegerField(
        _("price off the market (%)"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.DRY)
    wrong_secrets = models.PositiveIntegerField(_("wrong secrets"), default=0, editable=False)
    wrong_at = models.DateTimeField(_("last wrong secret"), null=True, editable=False)

    class Meta:
        verbose_name = _("alert intake")
        verbose_name_plural = _("alert intakes")

    def __str__(self):
        return self.name


class Incoming(Fact):
    """One alert, as it came but for its secret, and what became of it."""

    class Outcome(models.TextChoices):
        PUBLISHED = "published", _("Published")
        DRY = "dry", _("Dry run")
        # Heard before: the same id, or the same words a moment ago.
        REPEATED = "repeated", _("Repeated")
        REFUSED = "refused", _("Refused")
        # Nothing to do: the position is what it was.
        IDLE = "idle", _("Nothing to do")

    intake = models.ForeignKey(
        Intake, models.PROTECT, related_name="incoming", verbose_name=_("alert intake")
    )
    key = models.CharField(_("key"), max_length=100)
    body = models.TextField(_("alert"))
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome)
    field = models.CharField(_("field"), max_length=32, blank=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    # What it asks for, in our words.
    read_as = models.CharField(_("read as"), max_length=200, blank=True)
    closed = models.ForeignKey(
        Signal, models.SET_NULL, null=True, related_name="+", verbose_name=_("signal to close")
    )
    opened = models.ForeignKey(
        Signal, models.SET_NULL, null=True, related_name="+", verbose_name=_("signal to open")
    )

    class Meta:
        verbose_name = _("incoming alert")
        verbose_name_plural = _("incoming alerts")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["intake", "created_at"], name="intake_incoming_recent"),
            models.Index(fields=["intake", "key"], name="intake_incoming_key"),
        ]

    def __str__(self):
        return f"{self.intake} {self.read_as or self.outcome}"
