"""What is watched, what was wrong with it and since when, and who was told.

These rows are the platform's own: no tenant has any.
"""

from django.conf import settings
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
    # Whether its bot also listens to the chats that are allowed; of Telegram's only.
    takes_commands = models.BooleanField(_("takes commands"), default=False)
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


class Chat(Dated):
    """Somebody who wrote to one of our bots; once allowed, they speak for a user of ours."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")  # written to us, and got no answer
        ALLOWED = "allowed", _("Allowed")
        BARRED = "barred", _("Barred")

    MOVES = {
        Status.WAITING: {Status.ALLOWED, Status.BARRED},
        Status.ALLOWED: {Status.ALLOWED, Status.BARRED},
        Status.BARRED: {Status.ALLOWED},
    }

    # Telegram's number of the chat: of a private one, that of the person.
    number = models.BigIntegerField(_("number"), unique=True)
    # In a group nobody knows who may be let in next.
    is_private = models.BooleanField(_("private"), default=True)
    # What they call themselves there; proves nothing.
    name = models.CharField(_("name"), max_length=100, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.WAITING)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="chats",
        verbose_name=_("user"),
    )
    language = models.CharField(
        _("language"), max_length=16, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    unanswered = models.PositiveIntegerField(_("got no answer"), default=0)
    seen_at = models.DateTimeField(_("last seen at"))

    class Meta:
        verbose_name = _("operators' chat")
        verbose_name_plural = _("operators' chats")
        ordering = ["-seen_at"]

    def __str__(self):
        return self.name or str(self.number)


class ChatCommand(Fact):
    """What somebody wrote in an allowed chat, once for each update, and what they were answered."""

    class Status(models.TextChoices):
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        ASKED = "asked", _("Waits for a yes")
        CONFIRMED = "confirmed", _("Confirmed")
        DROPPED = "dropped", _("Dropped")

    MOVES = {
        Status.DONE: {Status.REFUSED, Status.ASKED},
        Status.ASKED: {Status.CONFIRMED, Status.DROPPED},
        Status.REFUSED: set(),
        Status.CONFIRMED: set(),
        Status.DROPPED: set(),
    }

    chat = models.ForeignKey(
        Chat, models.PROTECT, related_name="commands", verbose_name=_("operators' chat")
    )
    # The number of the bot, and of the update there: what was heard twice is done once.
    bot = models.BigIntegerField(_("bot"))
    update = models.BigIntegerField(_("update"))
    words = models.CharField(_("words"), max_length=300)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.DONE)
    # What has to be said again for it to be done, and until when.
    code = models.CharField(max_length=8, blank=True, editable=False)
    good_until = models.DateTimeField(_("good until"), null=True)
    answer = models.TextField(_("answer"), blank=True)
    # The button that was pressed, which waits for a word.
    pressed = models.CharField(max_length=64, blank=True, editable=False)
    answered_at = models.DateTimeField(_("answered at"), null=True)

    class Meta:
        verbose_name = _("command by chat")
        verbose_name_plural = _("commands by chat")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["bot", "update"], name="monitoring_heard_once"),
        ]

    def __str__(self):
        return self.words
