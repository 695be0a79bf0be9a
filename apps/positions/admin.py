"""What is held, and what each close realised."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.core.admin import FactAdmin, rows_link, run_each
from apps.core.later import later
from apps.positions.models import Close, Position


@admin.register(Position)
class PositionAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "venue_account", "symbol", "direction", "quantity"),
        *("entry_price", "realized", "fees", "status"),
    ]
    list_filter = ["status", "direction", "created_at", "tenant"]
    search_fields = ["symbol"]
    leads_to = [(_("Closes"), "positions_close", "position__id__exact")]


@admin.register(Close)
class CloseAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "position", "profit", "fee", "status", "fill_column"),
        "failed_because",
    ]
    list_filter = ["status", "created_at", "tenant"]
    search_fields = ["fill_key"]
    leads_to = [(_("Charge"), "pointcards_charge", "close__id__exact")]
    actions = ["settle_again"]

    @action(description=_("Settle again"), permissions=["settle"])
    def settle_again(self, request, queryset):
        run_each(
            self,
            request,
            queryset.filter(status=Close.Status.FAILED),
            lambda close: later("rewards.settle", close_ids=[str(close.pk)]),
        )

    def has_settle_permission(self, request):
        return request.user.has_perm("positions.change_close")

    @display(description=_("Fill"))
    def fill_column(self, close):
        return rows_link("orders_fill", f"q={close.fill_key}", _("Fill"))
