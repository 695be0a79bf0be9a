"""Traders, their models, prompts and managers; their decisions, calls and what they cost."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.admin import FactAdmin
from apps.traders.models import (
    Allocation,
    Call,
    Decision,
    Item,
    Manager,
    Mind,
    Sample,
    Seat,
    Shade,
    Spending,
    Template,
    Trader,
)


@admin.register(Mind)
class MindAdmin(FactAdmin):
    list_display = ["name", "protocol", "base_url", "model", "key_hint", "tenant", "created_at"]
    list_filter = ["protocol", "tenant"]
    search_fields = ["name", "model"]
    is_chained = False


@admin.register(Template)
class TemplateAdmin(FactAdmin):
    list_display = ["name", "version", "digest", "tenant", "created_at"]
    list_filter = ["tenant"]
    search_fields = ["name"]
    is_chained = False


@admin.register(Manager)
class ManagerAdmin(FactAdmin):
    list_display = [
        *("name", "total", "reserve_percent", "strategy", "interval_seconds", "is_active"),
        *("problem", "next_at", "tenant"),
    ]
    list_filter = ["strategy", "tenant"]
    search_fields = ["name"]
    is_chained = False
    leads_to = [
        (_("AI traders"), "traders_trader", "manager__id__exact"),
        (_("Allocations"), "traders_allocation", "manager__id__exact"),
    ]


@admin.register(Trader)
class TraderAdmin(FactAdmin):
    list_display = [
        *("name", "code", "status", "reason", "venue_account", "capital", "is_shadow"),
        *("is_public", "decided", "skipped_because", "next_at", "tenant"),
    ]
    list_filter = ["status", "is_shadow", "is_public", "tenant"]
    search_fields = ["code", "name"]
    is_chained = False
    leads_to = [
        (_("Decisions"), "traders_decision", "trader__id__exact"),
        (_("Calls of models"), "traders_call", "trader__id__exact"),
        (_("Spending"), "traders_spending", "trader__id__exact"),
        (_("Positions"), "positions_position", "trader__id__exact"),
        (_("Tickets"), "orders_ticket", "trader__id__exact"),
    ]


@admin.register(Seat)
class SeatAdmin(FactAdmin):
    list_display = ["trader", "place", "mind", "tenant"]
    list_filter = ["tenant"]
    is_chained = False


@admin.register(Decision)
class DecisionAdmin(FactAdmin):
    list_display = [
        *("at", "trader", "number", "status", "mind", "reason", "result", "milliseconds"),
        "tenant",
    ]
    list_filter = ["status", "is_shadow", "at", "tenant"]
    search_fields = ["trader__code", "mind"]
    is_chained = False
    leads_to = [
        (_("On each symbol"), "traders_item", "decision__id__exact"),
        (_("Calls of models"), "traders_call", "decision__id__exact"),
    ]


@admin.register(Item)
class ItemAdmin(FactAdmin):
    list_display = [
        *("created_at", "decision", "symbol", "signal", "size", "leverage", "confidence"),
        *("status", "refused_by", "reason", "ticket", "tenant"),
    ]
    list_filter = ["status", "signal", "created_at", "tenant"]
    list_select_related = ["decision__trader"]
    search_fields = ["symbol", "refused_by"]
    is_chained = False


@admin.register(Call)
class CallAdmin(FactAdmin):
    list_display = [
        *("called_at", "trader", "mind", "purpose", "result", "cost", "tokens", "milliseconds"),
        *("reason", "tenant"),
    ]
    list_filter = ["result", "called_at", "tenant"]
    search_fields = ["mind", "trader__code"]
    is_chained = False


@admin.register(Spending)
class SpendingAdmin(FactAdmin):
    list_display = ["day", "trader", "cost", "tokens", "alerted_at", "spent_at", "tenant"]
    list_filter = ["tenant"]
    search_fields = ["trader__code"]
    is_chained = False


@admin.register(Sample)
class SampleAdmin(FactAdmin):
    list_display = ["at", "trader", "equity", "realised", "unrealised", "capital", "tenant"]
    list_filter = ["at", "tenant"]
    search_fields = ["trader__code"]
    is_chained = False


@admin.register(Shade)
class ShadeAdmin(FactAdmin):
    list_display = [
        *("opened_at", "trader", "symbol", "direction", "quantity", "entry_price"),
        *("exit_price", "closed_by", "closed_at", "tenant"),
    ]
    list_filter = ["direction", "opened_at", "tenant"]
    search_fields = ["symbol", "trader__code"]
    is_chained = False


@admin.register(Allocation)
class AllocationAdmin(FactAdmin):
    list_display = [
        *("created_at", "manager", "trader", "capital_before", "capital_after"),
        *("share_before", "share_after", "tenant"),
    ]
    list_filter = ["created_at", "tenant"]
    search_fields = ["trader__code"]
    is_chained = False
