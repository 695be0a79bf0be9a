"""Alerts and who was told, rules, channels, silences."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordToggleWidget, UnfoldAdminTextInputWidget

from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, verb_action
from apps.monitoring.checks import CHECKS
from apps.monitoring.models import (
    Alert,
    Channel,
    Chat,
    ChatCommand,
    Notice,
    Pulse,
    Rule,
    Silence,
    Verification,
)
from apps.monitoring.services import (
    acknowledge_alert,
    allow_chat,
    bar_chat,
    change_rule,
    create_channel,
    end_silence,
    pause_channel,
    resume_channel,
    send_again,
    silence,
    try_channel,
)
from apps.monitoring.services.rules import TUNED
from apps.monitoring.words import title_of

# What the button of a list silences for; another time is said in the form.
AN_HOUR = timedelta(hours=1)


def silence_of(alert: Alert) -> Silence:
    now = timezone.now()
    return silence(
        rule=alert.rule, subject=alert.subject, until=now + AN_HOUR, reason="an hour", now=now
    )


@admin.register(Alert)
class AlertAdmin(FactAdmin):
    list_display = [
        *("began_at", "severity", "title_column", "subject", "status", "value", "told"),
        *("fired_at", "resolved_at", "acknowledged_by"),
    ]
    list_filter = ["status", "severity", "rule", "began_at"]
    list_select_related = ["rule"]
    search_fields = ["subject", "told", "rule__check_name"]
    actions = ["acknowledge", "silence_hour"]
    is_chained = False
    leads_to = [(_("Notices"), "monitoring_notice", "alert__id__exact")]

    acknowledge = verb_action(
        _("I have it in hand"), lambda row: acknowledge_alert(alert=row, now=timezone.now())
    )
    silence_hour = verb_action(_("Silent for an hour"), silence_of)

    @display(description=_("Alert"), ordering="rule__check_name")
    def title_column(self, alert):
        return title_of(alert.rule)


class RuleForm(VerbForm):
    class Meta:
        model = Rule
        fields = TUNED

    def write(self, **tuned):
        return change_rule(rule=self.instance, **tuned)


@admin.register(Rule)
class RuleAdmin(HouseAdmin):
    """What every check is measured by; a rule is switched off, and never missing."""

    form = RuleForm
    list_display = [
        *("check_name", "title_column", "threshold", "unit_column", "for_seconds", "severity"),
        *("cooldown_seconds", "escalate_seconds", "is_active"),
    ]
    list_filter = ["severity", "is_active"]
    search_fields = ["check_name"]
    readonly_fields = ["check_name", "title_column", "unit_column"]
    fields = ["check_name", "title_column", "unit_column", *TUNED]
    leads_to = [
        (_("Alerts"), "monitoring_alert", "rule__id__exact"),
        (_("Silences"), "monitoring_silence", "rule__id__exact"),
    ]

    def has_add_permission(self, request):
        return False

    @display(description=_("Meaning"))
    def title_column(self, rule):
        check = CHECKS.get(rule.check_name)
        return check.title if check else _("no such check any more")

    @display(description=_("Unit"))
    def unit_column(self, rule):
        check = CHECKS.get(rule.check_name)
        return (check.unit if check else "") or "–"


class ChannelForm(VerbForm):
    target = forms.CharField(
        label=_("target"),
        help_text=_(
            "a chat's number, a mail address, or the whole address of a webhook (kept sealed)"
        ),
        widget=UnfoldAdminTextInputWidget,
    )
    key = forms.CharField(
        label=_("key"),
        required=False,
        help_text=_("the bot's token, or what requests are signed with; kept sealed"),
        widget=UnfoldAdminPasswordToggleWidget,
    )

    class Meta:
        model = Channel
        fields = ["name", "kind", "least_severity", "is_second", "takes_commands"]

    field_order = [
        *("name", "kind", "target", "key", "least_severity", "is_second", "takes_commands"),
    ]

    def write(self, **values):
        return create_channel(**values)


@admin.register(Channel)
class ChannelAdmin(HouseAdmin):
    list_display = [
        *("name", "kind", "target", "least_severity", "is_second", "takes_commands", "status"),
        "created_at",
    ]
    list_filter = ["kind", "status", "least_severity", "created_at"]
    search_fields = ["name", "target"]
    actions = ["pause", "resume", "try_out"]
    leads_to = [(_("Notices"), "monitoring_notice", "channel__id__exact")]

    pause = verb_action(
        _("Pause"),
        lambda row: pause_channel(channel=row),
        question=_("Nothing is sent over these channels until they are resumed."),
    )
    resume = verb_action(_("Resume"), lambda row: resume_channel(channel=row))
    try_out = verb_action(_("Send a test"), lambda row: try_channel(channel=row))

    def has_change_permission(self, request, obj=None):
        # Another way is another channel.
        return obj is None and super().has_change_permission(request, obj)

    def get_form(self, request, obj=None, **kwargs):
        if obj is None:
            kwargs["form"] = ChannelForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        return ChannelForm.field_order if obj is None else self.list_display

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else self.get_fields(request, obj)


class SilenceForm(VerbForm):
    class Meta:
        model = Silence
        fields = ["rule", "subject", "until", "reason"]

    def write(self, **values):
        return silence(now=timezone.now(), **values)


@admin.register(Silence)
class SilenceAdmin(HouseAdmin):
    form = SilenceForm
    list_display = ["rule", "subject", "until", "reason", "made_by", "created_at"]
    list_filter = ["rule", "until"]
    search_fields = ["subject", "reason", "made_by"]
    actions = ["end"]

    end = verb_action(_("End"), lambda row: end_silence(silence=row, now=timezone.now()))

    def has_change_permission(self, request, obj=None):
        return obj is None and super().has_change_permission(request, obj)


@admin.register(Notice)
class NoticeAdmin(FactAdmin):
    list_display = [
        *("created_at", "alert", "channel", "kind", "status", "attempts", "problem"),
        *("next_at", "delivered_at"),
    ]
    list_filter = ["status", "kind", "channel", "created_at"]
    list_select_related = ["alert__rule", "channel"]
    search_fields = ["alert__subject", "channel__name", "problem"]
    actions = ["again"]
    is_chained = False

    again = verb_action(_("Send again"), lambda row: send_again(notice=row))


class ChatForm(VerbForm):
    class Meta:
        model = Chat
        fields = ["user", "language"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].required = True

    def write(self, **values):
        return allow_chat(chat=self.instance, **values)


@admin.register(Chat)
class ChatAdmin(HouseAdmin):
    """To save one is to allow it, for the user that was chosen."""

    form = ChatForm
    list_display = ["number", "name", "is_private", "status", "user", "unanswered", "seen_at"]
    list_filter = ["status", "is_private", "seen_at"]
    search_fields = ["=number", "name", "user__username"]
    readonly_fields = ["number", "name", "is_private", "status", "unanswered", "seen_at"]
    fields = [*readonly_fields, "user", "language"]
    actions = ["bar"]
    leads_to = [(_("Commands by chat"), "monitoring_chatcommand", "chat__id__exact")]

    bar = verb_action(_("Bar"), lambda row: bar_chat(chat=row))

    def has_add_permission(self, request):
        # Who writes to the bot is here by themselves.
        return False


@admin.register(ChatCommand)
class ChatCommandAdmin(FactAdmin):
    list_display = ["created_at", "chat", "words", "status", "answer", "answered_at"]
    list_filter = ["status", "chat", "created_at"]
    list_select_related = ["chat"]
    search_fields = ["words", "answer", "chat__name"]
    is_chained = False


@admin.register(Verification)
class VerificationAdmin(FactAdmin):
    list_display = ["created_at", "what", "misfit", "seconds"]
    list_filter = ["what", "created_at"]
    search_fields = ["misfit"]
    is_chained = False


@admin.register(Pulse)
class PulseAdmin(FactAdmin):
    list_display = ["name", "at"]
    ordering = ["name"]
    search_fields = ["name"]
    is_chained = False
