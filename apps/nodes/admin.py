"""Execution nodes: whether they live, and what they may do."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.admin import HouseAdmin, VerbForm, verb_action
from apps.nodes.models import Node
from apps.nodes.services import enroll_node, pause_node, resume_node, revoke_node


class NodeForm(VerbForm):
    class Meta:
        model = Node
        fields = ["code", "name", "seal_key", "verify_key"]

    def write(self, **values):
        return enroll_node(**values)


@admin.register(Node)
class NodeAdmin(HouseAdmin):
    list_display = [
        *("code", "name", "status", "last_heartbeat_at", "clock_offset_ms", "running", "version"),
    ]
    list_filter = ["status"]
    search_fields = ["code", "name"]
    actions = ["pause", "resume", "revoke"]
    leads_to = [
        (_("Venue accounts"), "venues_venueaccount", "node__id__exact"),
        (_("Tickets"), "orders_ticket", "node__id__exact"),
    ]

    pause = verb_action(_("Pause"), lambda node: pause_node(node=node))
    resume = verb_action(_("Resume"), lambda node: resume_node(node=node))
    revoke = verb_action(
        _("Revoke for good"),
        lambda node: revoke_node(node=node),
        question=_("These nodes are never believed again. They have to be enrolled anew."),
    )

    def get_form(self, request, obj=None, **kwargs):
        if obj is None:
            kwargs["form"] = NodeForm
        return super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        return [field.name for field in Node._meta.fields if field.name not in {"name", "id"}]
