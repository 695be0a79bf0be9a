"""Execution nodes: how they become known, whether they live, and what they may do."""

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core.admin import HouseAdmin, VerbForm, run_each, verb_action
from apps.nodes.envelopes import centre_verify_key
from apps.nodes.models import Node
from apps.nodes.services import (
    Registered,
    confirm_node,
    drain_node,
    join_node,
    pause_node,
    register_node,
    rename_node,
    resume_node,
    revoke_node,
)


class NodeForm(VerbForm):
    class Meta:
        model = Node
        fields = ["code", "name"]

    def write(self, **values):
        self.made = register_node(now=timezone.now(), **values)
        return self.made.node


class JoinForm(VerbForm):
    """What the host of an expected node has printed."""

    one_time_code = forms.CharField(label=_("one-time code"), widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Node
        fields = ["seal_key", "verify_key"]

    def write(self, **values):
        return join_node(code=self.instance.code, now=timezone.now(), **values)


class ConfirmForm(VerbForm):
    """The fingerprint is typed from the host's screen: shown here, it would only be clicked on."""

    fingerprint = forms.CharField(
        label=_("fingerprint"),
        help_text=_("as the node's host has printed it; with it the node begins"),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Node
        fields: list[str] = []

    def write(self, *, fingerprint):
        confirm_node(node=self.instance, fingerprint=fingerprint)
        return self.instance


class RenameForm(VerbForm):
    class Meta:
        model = Node
        fields = ["name"]

    def write(self, *, name):
        rename_node(node=self.instance, name=name)
        return self.instance


def show_code(request, made: Registered) -> None:
    command = (
        f"python -m workers join --node {made.node.code} --code {made.one_time_code} "
        f"--centre-verify {centre_verify_key()} --out {made.node.code}.json"
    )
    told = _("Node %(node)s is expected for a day. On its host, shown once: %(command)s")
    messages.warning(request, told % {"node": made.node, "command": command})


@admin.register(Node)
class NodeAdmin(HouseAdmin):
    list_display = [
        *("code", "name", "status", "last_heartbeat_at", "silent_at", "clock_offset_ms"),
        *("running", "load_percent", "reached", "version", "drained_at"),
    ]
    list_filter = ["status"]
    search_fields = ["code", "name"]
    actions = ["renew", "pause", "drain", "resume", "revoke"]
    leads_to = [
        (_("Venue accounts"), "venues_venueaccount", "node__id__exact"),
        (_("Tickets"), "orders_ticket", "node__id__exact"),
    ]

    pause = verb_action(_("Pause"), lambda node: pause_node(node=node))
    drain = verb_action(
        _("Drain: finish what it has, and take nothing new"),
        lambda node: drain_node(node=node, now=timezone.now()),
    )
    resume = verb_action(_("Resume"), lambda node: resume_node(node=node))
    revoke = verb_action(
        _("Revoke for good"),
        lambda node: revoke_node(node=node),
        question=_("These nodes are never believed again. They have to be enrolled anew."),
    )

    @admin.action(description=_("Make a new one-time code"), permissions=["act"])
    def renew(self, request, queryset):
        def renew_and_show(node):
            made = register_node(code=node.code, name=node.name, now=timezone.now())
            show_code(request, made)

        return run_each(self, request, queryset, renew_and_show)

    @display(description=_("Venues (ms)"))
    def reached(self, node):
        told = node.venues.items()
        return " · ".join(f"{venue} {'–' if ms is None else ms}" for venue, ms in sorted(told))

    @display(description=_("Fingerprint"))
    def shown_fingerprint(self, node):
        return node.fingerprint

    def get_form(self, request, obj=None, **kwargs):
        kwargs["form"] = form_for(obj)
        return super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        hidden = {"id", "join_hash", *form_for(obj)._meta.fields}
        shown = [field.name for field in Node._meta.fields if field.name not in hidden]
        return shown if obj.status == Node.Status.PENDING else [*shown, "shown_fingerprint"]

    def secrets(self):
        return [*super().secrets(), "join_hash"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            show_code(request, form.made)


def form_for(node: Node | None) -> type[VerbForm]:
    """What is asked next on the way to a node that is trusted; of one that is, only its name."""
    if node is None:
        return NodeForm
    if node.status != Node.Status.PENDING:
        return RenameForm
    return ConfirmForm if node.verify_key else JoinForm
