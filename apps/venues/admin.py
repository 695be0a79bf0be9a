"""Venue accounts and instruments. A secret goes in here, and never comes out."""

from django import forms
from django.contrib import admin
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.core.admin import (
    FactAdmin,
    HouseAdmin,
    VerbForm,
    page_action,
    page_link,
    verb_action,
)
from apps.venues.models import EquitySnapshot, Feed, Instrument, Payment, VenueAccount
from apps.venues.services import (
    accept_key,
    ask_for_state,
    bind_account,
    clear_drift,
    pause_account,
    resume_account,
    unbind_account,
)

# Where the page that gives accounts to a node finds which were chosen.
CHOSEN = "accounts_to_assign"


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
        fields = ["member", "venue", "label", "node", "margin", "position_mode"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("margin", "position_mode"):
            self.fields[name].required = False

    def write(self, **values):
        return bind_account(**values)


class DriftFilter(admin.SimpleListFilter):
    """Accounts that hold something else than the books say, also where a person has seen it."""

    title = _("drift")
    parameter_name = "drifting"

    def lookups(self, request, model_admin):
        return [("yes", _("Differs from the books"))]

    def queryset(self, request, queryset):
        return queryset.exclude(drift={}) if self.value() == "yes" else queryset


@admin.register(VenueAccount)
class VenueAccountAdmin(HouseAdmin):
    list_display = [
        *("member", "tenant", "venue", "label", "key_hint", "node", "equity", "status"),
        *("shown_drift", "read_at", "order_column"),
    ]
    list_filter = ["venue", "status", DriftFilter, "tenant"]
    search_fields = ["member__email", "key_hint", "label"]
    found_by = ["number", "member__email__istartswith"]
    autocomplete_fields = ["member"]
    actions = [
        *("assign", "pause", "resume", "read_back", "clear_drift", "accept_key", "unbind"),
        "close_all",
    ]
    leads_to = [
        (_("Equity"), "venues_equitysnapshot", "venue_account__id__exact"),
        (_("Payments"), "venues_payment", "venue_account__id__exact"),
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

    read_back = verb_action(
        _("Read back from the venue"), lambda account: ask_for_state(account=account)
    )
    clear_drift = verb_action(
        _("Clear the drift"),
        lambda account: clear_drift(account=account),
        question=_(
            "These accounts may open again, although the venue holds other than the books say. "
            "Nothing is traded, and no book is changed."
        ),
    )

    accept_key = verb_action(
        _("Accept a key that can withdraw"),
        lambda account: accept_key(account=account),
        question=_(
            "Whoever has these keys can take the money away. The accounts may open with them "
            "all the same, until other keys are bound."
        ),
    )
    close_all = page_action(_("Close all positions"), "console:close-positions")

    @display(description=_("By hand"))
    def order_column(self, account):
        return format_html(
            "{} · {}",
            page_link("console:order-by-hand", account.pk, _("Order")),
            page_link("console:modes", account.pk, _("Modes")),
        )

    @display(description=_("Drift"))
    def shown_drift(self, account):
        """Each difference as the venue has it, against what the books say."""
        return ", ".join(
            f"{side}: {at_venue} ≠ {in_books}"
            for side, (at_venue, in_books) in account.drift.items()
        )

    @admin.action(description=_("Give to a node"), permissions=["assign"])
    def assign(self, request, queryset):
        request.session[CHOSEN] = list(queryset.values_list("pk", flat=True))
        return redirect("console:assign-accounts")

    def has_assign_permission(self, request):
        return request.user.has_perm("nodes.change_node")

    def has_change_permission(self, request, obj=None):
        # An account is bound, assigned, paused and unbound; on its own page nothing is written.
        return obj is None and super().has_change_permission(request)

    def get_form(self, request, obj=None, **kwargs):
        if obj is None:
            kwargs["form"] = VenueAccountForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        if obj is None:
            asked = ["member", "venue", "label", "node", "margin", "position_mode"]
            return [*asked, "api_key", "api_secret", "passphrase"]
        shown = ["tenant", "member", "venue", "label", "key_hint", "node", "status"]
        shown += ["margin", "position_mode", "equity", "equity_at", "balance", "deposited"]
        shown += ["read_at", "read_error", "shown_drift"]
        shown += ["can_trade", "can_withdraw", "is_hedged", "check_error", "checked_at"]
        shown += ["key_accepted_at", "clock_offset_ms", "margins"]
        shown += ["bound_at", "created_at"]
        return [self._line(name, request) for name in shown]

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        return self.get_fields(request, obj)


@admin.register(Instrument)
class InstrumentAdmin(FactAdmin):
    list_display = ["symbol", "venue", "tick", "step", "min_quantity", "min_notional"]
    list_filter = ["venue"]
    search_fields = ["symbol"]
    is_chained = False


@admin.register(Feed)
class FeedAdmin(FactAdmin):
    list_display = ["venue", "symbol", "timeframe", "bars", "known_until", "problem", "next_at"]
    list_filter = ["venue", "timeframe"]
    search_fields = ["symbol", "problem"]
    is_chained = False


@admin.register(EquitySnapshot)
class EquitySnapshotAdmin(FactAdmin):
    list_display = ["venue_account", "tenant", "hour", "equity", "balance", "free", "deposited"]
    list_filter = ["tenant", "hour"]
    is_chained = False


@admin.register(Payment)
class PaymentAdmin(FactAdmin):
    list_display = ["venue_account", "tenant", "kind", "symbol", "amount", "paid_at"]
    list_filter = ["kind", "tenant", "paid_at"]
    is_chained = False
