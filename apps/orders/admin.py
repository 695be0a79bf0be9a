"""Tickets, orders and fills: what was wanted, asked and done."""

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, rows_link, verb_action
from apps.orders.models import Fill, Order, Ticket
from apps.orders.services import cancel_order
from apps.risk.words import RULES

STEPS = [
    ("ask", _("Ask the venue again")),
    ("arrived", _("It arrived")),
    ("never-arrived", _("It never arrived")),
]


class RuleFilter(admin.SimpleListFilter):
    """Which of our rules refused it."""

    title = _("refused by")
    parameter_name = "refused_by"

    def lookups(self, request, model_admin):
        return RULES.items()

    def queryset(self, request, queryset):
        if self.value() not in RULES:
            return queryset
        refused = queryset.filter(status=Ticket.Status.REFUSED)
        return refused.filter(refused_because__startswith=f"{self.value()}:")


@admin.register(Ticket)
class TicketAdmin(FactAdmin):
    change_list_template = "admin/live_list.html"
    list_display = [
        *("created_at", "tenant", "venue_account", "signal", "action", "direction", "symbol"),
        *("quantity", "status", "refused_because"),
    ]
    list_filter = ["status", RuleFilter, "action", "direction", "created_at", "tenant"]
    search_fields = ["=venue_account__member__email"]
    list_select_related = ["signal__strategy"]
    leads_to = [(_("Orders"), "orders_order", "ticket__id__exact")]

    @display(description=_("Next"))
    def steps_column(self, ticket):
        """What a person may do about a parked ticket, each on a page of its own."""
        is_parked = ticket.status == Ticket.Status.PARKED
        steps = (
            (reverse("console:parked", args=[ticket.pk, step]), title)
            for step, title in (STEPS if is_parked else [])
        )
        links = format_html_join(" · ", '<a class="text-link" href="{}">{}</a>', steps)
        return format_html('<span class="whitespace-nowrap">{}</span>', links)

    def get_list_display(self, request):
        return self._steps_for(request, super().get_list_display(request))

    def get_readonly_fields(self, request, obj=None):
        return self._steps_for(request, super().get_readonly_fields(request, obj))

    def _steps_for(self, request, names):
        """Only who may decide is led to a decision."""
        may_decide = request.user.has_perm("orders.change_ticket")
        return [*names, "steps_column"] if may_decide else names


@admin.register(Order)
class OrderAdmin(FactAdmin):
    change_list_template = "admin/live_list.html"
    list_display = [
        *("created_at", "tenant", "venue_account", "ticket", "kind", "side", "symbol", "quantity"),
        *("filled", "average_price", "status", "client_order_id"),
    ]
    list_filter = ["status", "kind", "side", "created_at", "tenant"]
    search_fields = ["=client_order_id", "=venue_order_id"]
    found_by = ["id", "client_order_id__iexact", "venue_order_id__iexact"]
    leads_to = [(_("Fills"), "orders_fill", "order__id__exact")]
    actions = ["cancel"]
    cancel = verb_action(
        _("Cancel"),
        lambda order: cancel_order(order=order, now=timezone.now()),
        question=_("These orders are taken away at their venues. What they have filled stays."),
    )

    def has_act_permission(self, request):
        return self.has_trade_permission(request)


@admin.register(Fill)
class FillAdmin(FactAdmin):
    list_display = [
        *("filled_at", "tenant", "order", "quantity", "price", "fee", "unheld", "close_column"),
    ]
    list_filter = ["filled_at", "tenant"]
    search_fields = ["^key"]

    @display(description=_("Close"))
    def close_column(self, fill):
        return rows_link("positions_close", _("Close"), fill_key__exact=fill.key)
