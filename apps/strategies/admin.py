"""Strategies, what tenants make of them, and who follows those."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import (
    FactAdmin,
    HouseAdmin,
    VerbForm,
    page_action,
    page_link,
    verb_action,
)
from apps.strategies import services
from apps.strategies.models import Strategy, Subscription, TenantStrategy, Watch


class StrategyForm(VerbForm):
    class Meta:
        model = Strategy
        fields = [
            *("code", "name", "description", "rule", "params", "venue", "symbols", "timeframe"),
            *("min_confidence", "cooldown_seconds"),
        ]

    def write(self, **values):
        if self.instance.pk:
            return services.update_strategy(strategy=self.instance, **values)
        return services.create_strategy(**values)


@admin.register(Strategy)
class StrategyAdmin(HouseAdmin):
    form = StrategyForm
    list_display = [
        *("name", "code", "rule", "venue", "timeframe", "min_confidence", "made_for", "status"),
    ]
    list_filter = ["status", "venue", "timeframe"]
    search_fields = ["code", "name"]
    actions = ["pause", "resume"]
    leads_to = [
        (_("Signals"), "signals_signal", "strategy__id__exact"),
        (_("Offered by"), "strategies_tenantstrategy", "strategy__id__exact"),
        (_("Watches"), "strategies_watch", "strategy__id__exact"),
    ]

    pause = verb_action(_("Pause"), lambda row: services.pause_strategy(strategy=row))
    resume = verb_action(_("Resume"), lambda row: services.resume_strategy(strategy=row))


@admin.register(Watch)
class WatchAdmin(FactAdmin):
    list_display = ["strategy", "symbol", "bar_at", "problem"]
    search_fields = ["symbol", "problem"]
    is_chained = False


class TenantStrategyForm(VerbForm):
    class Meta:
        model = TenantStrategy
        fields = ["tenant", "strategy", *services.TERMS]

    def write(self, **values):
        if self.instance.pk:
            return services.change_terms(tenant_strategy=self.instance, **values)
        return services.offer_strategy(**values)


@admin.register(TenantStrategy)
class TenantStrategyAdmin(HouseAdmin):
    form = TenantStrategyForm
    change_form_after_template = "console/sizes.html"
    sizes_of = "tenant-strategy"
    list_display = [
        *("__str__", "tenant", "strategy", "capital", "leverage", "risk_mode", "min_capital"),
        *("status", "tune_column", "created_at"),
    ]
    list_filter = ["status", "tenant"]
    search_fields = ["display_name", "strategy__name"]
    actions = ["pause", "resume", "close_all"]
    close_all = page_action(_("Close all positions"), "console:close-positions")
    leads_to = [(_("Subscriptions"), "strategies_subscription", "tenant_strategy__id__exact")]

    pause = verb_action(_("Pause"), lambda row: services.pause_tenant_strategy(tenant_strategy=row))
    resume = verb_action(
        _("Resume"), lambda row: services.resume_tenant_strategy(tenant_strategy=row)
    )

    @display(description=_("Parameters"))
    def tune_column(self, row):
        return page_link("console:tune", row.pk, _("Tune"))

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["tenant", "strategy"]


class SubscriptionForm(VerbForm):
    class Meta:
        model = Subscription
        fields = [
            *("tenant_strategy", "venue_account", "capital", "leverage", "risk_mode", "mode"),
        ]
        help_texts = {"venue_account": _("Look for it by the member's e-mail.")}

    def write(self, **values):
        if self.instance.pk:
            return services.change_subscription(subscription=self.instance, **values)
        return services.subscribe(**values)


@admin.register(Subscription)
class SubscriptionAdmin(HouseAdmin):
    form = SubscriptionForm
    change_form_after_template = "console/sizes.html"
    sizes_of = "subscription"
    list_display = [
        *("member", "tenant", "tenant_strategy", "venue_account", "capital", "leverage"),
        *("risk_mode", "mode", "status"),
    ]
    list_filter = ["status", "risk_mode", "mode", "tenant"]
    search_fields = ["member__email"]
    found_by = ["number", "member__email__istartswith"]
    list_select_related = ["tenant_strategy__strategy"]
    autocomplete_fields = ["tenant_strategy", "venue_account"]
    actions = ["stop", "resume"]
    leads_to = [
        (_("Tickets"), "orders_ticket", "subscription__id__exact"),
        (_("Positions"), "positions_position", "subscription__id__exact"),
    ]

    stop = verb_action(_("Stop"), lambda row: services.stop_subscription(subscription=row))
    resume = verb_action(_("Resume"), lambda row: services.resume_subscription(subscription=row))

    def get_queryset(self, request):
        # Those that copy somebody have a list of their own.
        return super().get_queryset(request).filter(tenant_strategy__isnull=False)

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["tenant_strategy", "venue_account", "mode"]
