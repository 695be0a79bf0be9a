"""Venue accounts and instruments. A secret goes in here, and never comes out."""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, verb_action
from apps.core.errors import BadInput
from apps.venues.models import Instrument, VenueAccount
from apps.venues.services import (
    assign_node,
    bind_account,
    pause_account,
    resume_account,
    unbind_account,
)


class VenueAccountForm(VerbForm):
    # The paper venue asks for none; whether a venue does, the service says.
    api_key = forms.CharField(label=_("API key"), required=False, widget=UnfoldAdminTextInputWidget)
    api_secret = forms.CharField(
        label=_("API secret"), required=False, widget=UnfoldAdminPasswordWidget
    )
    passphrase = forms.CharField(
        label=_("passphrase"), required=False, widget=UnfoldAdminPasswordWidget
    )

    class Meta:
        model = VenueAccount
        fields = ["member", "venue", "label", "node"]

    def write(self, **values):
        return bind_account(**values)


class VenueAccountChangeForm(VerbForm):
    class Meta:
        model = VenueAccount
        fields = ["node"]

    def write(self, *, node):
        if node is None:
            raise BadInput("an account is given to a node", field="node")
        assign_node(account=self.instance, node=node)
        return self.instance


@admin.register(VenueAccount)
class VenueAccountAdmin(HouseAdmin):
    list_display = [
        *("member", "tenant", "venue", "label", "key_hint", "node", "equity", "status"),
    ]
    list_filter = ["venue", "status", "tenant"]
    search_fields = ["member__email", "key_hint", "label"]
    autocomplete_fields = ["member"]
    actions = ["pause", "resume", "unbind"]
    leads_to = [
        (_("Subscriptions"), "strategies_subscription", "venue_account__id__exact"),
        (_("Positions"), "positions_position", "venue_account__id__exact"),
        (_("Orders"), "orders_order", "venue_account__id__exact"),
    ]

    pause = verb_action(_("Pause"), lambda account: pause_account(account=account))
    resume = verb_action(_("Resume"), lambda account: resume_account(account=account))
    unbind = verb_action(
        _("Unbind and forget the keys"),
        lambda account: unbind_account(account=account),
        question=_("The keys of these accounts are forgotten. They have to be bound again."),
    )

    def get_form(self, request, obj=None, **kwargs):
        kwargs["form"] = VenueAccountForm if obj is None else VenueAccountChangeForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        if obj is None:
            return ["member", "venue", "label", "node", "api_key", "api_secret", "passphrase"]
        shown = ["tenant", "member", "venue", "label", "key_hint", "status"]
        shown += ["equity", "equity_at", "created_at"]
        return ["node", *(self._line(name, request) for name in shown)]

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        return [name for name in self.get_fields(request, obj) if name != "node"]


@admin.register(Instrument)
class InstrumentAdmin(FactAdmin):
    list_display = ["symbol", "venue", "tick", "step", "min_quantity", "min_notional"]
    list_filter = ["venue"]
    search_fields = ["symbol"]
    is_chained = False
