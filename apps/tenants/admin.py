"""Tenants' policies and webhooks. Tenants have their pages where their members are."""

from django import forms
from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core import audit
from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, ask, run_each, verb_action
from apps.core.models import AuditEntry
from apps.tenants import app_key_admin, login_admin, user_admin  # noqa: F401 - they register their pages
from apps.tenants.models import Delivery, Endpoint, Event, Policy
from apps.tenants.selectors import policy_of
from apps.tenants.services import (
    create_endpoint,
    pause_endpoint,
    replay_delivery,
    resume_endpoint,
    rotate_endpoint_secret,
    set_policy,
)
from apps.tenants.services.policies import RULES


class PolicyForm(VerbForm):
    class Meta:
        model = Policy
        fields = RULES

    def write(self, **rules):
        return set_policy(tenant=self.instance.tenant, **rules)


@admin.register(Policy)
class PolicyAdmin(HouseAdmin):
    """Every version of every tenant's money rules; to edit the last one writes the next."""

    form = PolicyForm
    list_display = [
        *("tenant", "version", "created_at", "set_by_column", "charge_basis", "charge_rate"),
        *("pauses_on_shortfall", "tech_rate", "network_rate", "withdrawal_fee_rate"),
    ]
    list_filter = ["created_at", "charge_basis", "tenant"]
    search_fields = ["tenant__name"]
    leads_to = [(_("Charges"), "pointcards_charge", "policy__id__exact")]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        is_platforms = not request.user.tenant_id and super().has_change_permission(request, obj)
        return is_platforms and (obj is None or obj == policy_of(obj.tenant))

    def get_fields(self, request, obj=None):
        shown = self.get_readonly_fields(request, obj)
        return [*shown, *RULES] if self.has_change_permission(request, obj) else shown

    def get_readonly_fields(self, request, obj=None):
        names = ["tenant", "version", "created_at"]
        if not self.has_change_permission(request, obj):
            names += RULES
        return [self._line(name, request) for name in names]

    def get_changelist_instance(self, request):
        """The versions on a page, each with who set it."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        names = {audit.name_of(row): row for row in changelist.result_list}
        entries = AuditEntry.objects.filter(action="policy.set", subject__in=names)
        actors = dict(entries.values_list("subject", "actor"))
        for name, row in names.items():
            row.set_by = actors.get(name)
        return changelist

    @display(description=_("Set by"))
    def set_by_column(self, policy):
        return policy.set_by


class EndpointForm(VerbForm):
    """Where to, and what of; the secret is made by the service."""

    url = forms.CharField(label=_("address"), widget=UnfoldAdminTextInputWidget)
    events = forms.CharField(
        label=_("events"),
        required=False,
        help_text=_("names or first words, as withdrawal or order.filled; empty for all"),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Endpoint
        fields = ["tenant", "url"]

    def write(self, *, tenant, url, events):
        self.opened = create_endpoint(
            tenant=tenant, url=url, events=events.replace(",", " ").split()
        )
        return self.opened.endpoint


@admin.register(Endpoint)
class EndpointAdmin(HouseAdmin):
    list_display = ["url", "tenant", "events", "status", "created_at"]
    list_filter = ["status", "created_at", "tenant"]
    search_fields = ["url"]
    actions = ["pause", "resume", "rotate"]
    leads_to = [(_("Deliveries"), "tenants_delivery", "endpoint__id__exact")]

    pause = verb_action(
        _("Pause"),
        lambda endpoint: pause_endpoint(endpoint=endpoint),
        question=_("What happens meanwhile is not told to these endpoints, then or later."),
    )
    resume = verb_action(_("Resume"), lambda endpoint: resume_endpoint(endpoint=endpoint))

    @action(description=_("New secret"), permissions=["change"])
    def rotate(self, request, queryset):
        if "confirmed" not in request.POST:
            question = _("The secret that these endpoints verify with is replaced at once.")
            return ask(self, request, queryset, title=_("New secret"), question=question)

        def rotate_and_show(endpoint):
            self.show(request, rotate_endpoint_secret(endpoint=endpoint))

        return run_each(self, request, queryset, rotate_and_show)

    def get_form(self, request, obj=None, **kwargs):
        if obj is None:
            kwargs["form"] = EndpointForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        return (
            ["tenant", "url", "events"] if obj is None else self.get_readonly_fields(request, obj)
        )

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["tenant", "url", "events", "status", "created_at"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            self.show(request, form.opened)

    def show(self, request, opened):
        told = _("The secret of %(endpoint)s, shown once: %(secret)s")
        messages.warning(request, told % {"endpoint": opened.endpoint, "secret": opened.secret})


@admin.register(Event)
class EventAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "name"]
    list_filter = ["created_at", "tenant"]
    search_fields = ["name"]
    is_chained = False
    leads_to = [(_("Deliveries"), "tenants_delivery", "event__id__exact")]


@admin.register(Delivery)
class DeliveryAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "event", "endpoint", "status", "attempts", "answered"),
        *("problem", "next_at", "delivered_at"),
    ]
    list_filter = ["status", "created_at", "tenant"]
    search_fields = ["event__name", "endpoint__url"]
    is_chained = False
    actions = ["replay"]

    replay = verb_action(
        _("Send again"),
        lambda delivery: replay_delivery(delivery=delivery),
        question=_("These are sent again, with the same id."),
    )
