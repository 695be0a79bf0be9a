"""Signals, with the way to their tickets and their trace."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.admin import FactAdmin
from apps.signals.models import Signal


@admin.register(Signal)
class SignalAdmin(FactAdmin):
    list_display = [
        *("created_at", "strategy", "action", "direction", "symbol", "price", "confidence"),
        "status",
    ]
    list_filter = ["status", "action", "direction", "strategy", "created_at"]
    search_fields = ["symbol", "strategy__name", "reason"]
    leads_to = [(_("Tickets"), "orders_ticket", "signal__id__exact")]
