"""What is watched, what was wrong with it and since when, and who was told.

These rows are the platform's own: no tenant has any.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import SealedField
from apps.core.models import Dated, Fact

SEVERITIES = [(1, _("Information")), (2, _("Warning")), (3, _("Critical"))]


class Pulse(models.Model):
    """When something that should happen again and again happened last."""

    name = models.CharField(_("name"), max_length=64, primary_key=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("pulse")
        verbose_name_plural = _("pulses")

    def __str__(self):
        return self.name


class Verification(Fact):
    """The books or the audit trail were counted through; what did not fit, if anything."""

    what = models.CharField(
        _("what"),
        max_length=16,
        choices=[("ledger", _("Ledger")), ("audit", _("Audit trail"))],
    )
    misfit = models.CharField(_("misfit"), max_length=500, blank=True)
    seconds = models.FloatField(_("seconds"))

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.what} {self.created_at:%Y-%m-%d %H:%M}"


class Channel(Dated):
    """A way to a person."""

    class Kind(models.TextChoices):
        TELEGRAM = "telegram", "Telegram"
        EMAIL = "email", _("E-mail")
        DINGTALK = "dingtalk", "DingTalk"
        SLACK = "slack", "Slack"
        WEBHOOK = "webhook", _("Webhook")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}

    name = models.CharField(_("name"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    # A chat's number, an e-mail address, or the host of a webhook.
    target = models.CharField(_("target"), max_length=200)
    # The whole target, and a bot's token or what requests are signed with.
    secret = SealedField(_("secret"), binding="channel:{row.kind}:{row.name}")
    least_severity = models.PositiveSmallIntegerField(
        _("from severity"), choices=SEVERITIES, default=2
    )
    # Whether it is told at once, or only what nobody has taken in hand for a while.
    is_second = models.BooleanField(_("for escalations only"), default=False)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta:
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")

    def __str__(self):
        return self.name


class Rule(Dated):
    """When a check's figure is worth a person; each check has one."""

    check_name = models.CharField(_("check"), max_length=32, unique=True)
    # Beyond it something is wrong: above, or below where less is worse.
    threshold = models.FloatField(_("threshold"))
    for_seconds = models.PositiveIntegerField(_("for seconds"), default=0)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=SEVERITIES, default=2)
    cooldown_seconds = models.PositiveIntegerField(_("cool-down (s)"), default=300)
    escalate_seconds = models.PositiveIntegerField(
        _("escalate after (s)"), default=900, help_text=_("0: never")
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        ordering = ["check_name"]

    def __str__(self):
        return self.check_name


class Alert(Fact):
    """Something was wrong with one subject, from when to when."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")  # not yet for long enough
        FIRING = "firing", _("Firing")
        RESOLVED = "resolved", _("Resolved")
        PASSED = "passed", _("Passed by")  # over before anybody was told

    S = Status
    MOVES = {
        S.PENDING: {S.FIRING, S.PASSED},
        S.FIRING: {S.RESOLVED},
        S.RESOLVED: set(),
        S.PASSED: set(),
    }
    OPEN = [S.PENDING, S.FIRING]

    rule = models.ForeignKey(
        Rule, models.PROTECT, related_name="alerts", verbose_name=_("alert rule")
    )
    subject = models.CharField(_("subject"), max_length=100)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=SEVERITIES)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    value = models.FloatField(_("value"))
    told = models.CharField(_("told"), max_length=300, blank=True)
    began_at = models.DateTimeField(_("began at"))
    fired_at = models.DateTimeField(_("fired at"), null=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True)
    acknowledged_by = models.CharField(_("taken in hand by"), max_length=100, blank=True)
    acknowledged_at = models.DateTimeField(_("taken in hand at"), null=True)
    escalated_at = models.DateTimeField(_("escalated at"), null=True)
    # "rule:subject" until it is over: one of a kind at a time.
    open_key = models.CharField(max_length=140, null=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["rule", "subject", "resolved_at"], name="monitoring_before")
        ]

    def __str__(self):
        return f"{self.rule} {self.subject}"


class Silence(Dated):
    """For a while nobody is told of a check, or of one subject of it; it is still recorded."""

    rule = models.ForeignKey(
        Rule, models.PROTECT, related_name="silences", verbose_name=_("alert rule")
    )
    subject = models.CharField(
        _("subject"), max_length=100, blank=True, help_text=_("empty: every subject")
    )
    until = models.DateTimeField(_("until"), db_index=True)
    reason = models.CharField(_("reason"), max_length=200)
    made_by = models.CharField(_("made by"), max_length=100, editable=False)

    class Meta:
        verbose_name = _("silence")
        verbose_name_plural = _("silences")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.rule} {self.subject}".strip()


class Notice(Fact):
    """What one channel is told of one alert: the table of these is the outbox."""

    class Kind(models.TextChoices):
        FIRED = "fired", _("Fired")
        ESCALATED = "escalated", _("Escalated")
        RESOLVED = "resolved", _("Resolved")
        TEST = "test", _("Test")

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")

    MOVES = {
        Status.WAITING: {Status.DELIVERED, Status.DEAD},
        Status.DELIVERED: set(),
        Status.DEAD: {Status.WAITING},
    }

    alert = models.ForeignKey(
        Alert, models.PROTECT, null=True, related_name="notices", verbose_name=_("alert")
    )
    channel = models.ForeignKey(
        Channel, models.PROTECT, related_name="notices", verbose_name=_("alert channel")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next at"), null=True, db_index=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        verbose_name = _("alert notice")
        verbose_name_plural = _("alert notices")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "kind"], name="monitoring_told_once"
            ),
        ]

    def __str__(self):
        return f"{self.kind} → {self.channel}"
