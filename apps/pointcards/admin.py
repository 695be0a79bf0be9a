"""What was charged on profits, and how far each stream of closes has earned."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, rows_link
from apps.pointcards.models import Charge, HighWaterMark


@admin.register(Charge)
class ChargeAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "member", "close", "profit", "basis", "rate", "due"),
        *("from_self", "from_gift", "shortfall", "transfers_column"),
    ]
    list_filter = ["created_at", "tenant"]
    search_fields = ["=member__email"]
    list_select_related = ["close__position"]
    leads_to = [(_("Profit pool"), "rewards_pool", "charge__id__exact")]

    @display(description=_("Transfers"))
    def transfers_column(self, charge):
        keys = f"charge:{charge.close_id}:"
        return rows_link("ledger_transfer", _("Transfers"), key__startswith=keys)


@admin.register(HighWaterMark)
class HighWaterMarkAdmin(FactAdmin):
    list_display = ["stream", "tenant", "member", "earned", "mark", "created_at"]
    list_filter = ["created_at", "tenant"]
    search_fields = ["stream", "member__email"]
    is_chained = False
