"""What is held, and what each close realised."""

from django.contrib import admin
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.core import audit
from apps.core.admin import FactAdmin, page_action, page_link, rows_link, run_each
from apps.core.errors import Conflict
from apps.core.later import later
from apps.positions.models import Close, Position


@transaction.atomic
def settle_again(close: Close) -> None:
    """Name the settling of a close that failed; what it then does is the settling's own."""
    if close.status != Close.Status.FAILED:
        raise Conflict("only a close that failed is settled again", status=close.status)
    later("rewards.settle", close_ids=[str(close.pk)])
    audit.record("close.settle_again", close, before={"failed_because": close.failed_because})


@admin.register(Position)
class PositionAdmin(FactAdmin):
    change_list_template = "admin/live_list.html"
    list_display = [
        *("created_at", "tenant", "venue_account", "symbol", "direction", "quantity"),
        *("entry_price", "realized", "fees", "funding", "status"),
        *("protection_column", "unprotected_because"),
    ]
    list_filter = ["status", "direction", "created_at", "tenant"]
    search_fields = ["symbol"]
    leads_to = [(_("Closes"), "positions_close", "position__id__exact")]
    actions = ["close_now"]
    close_now = page_action(_("Close at the market"), "console:close-positions")

    @display(description=_("Stop and target"))
    def protection_column(self, position):
        if position.status != Position.Status.OPEN:
            return "–"
        return page_link("console:protection", position.pk, _("Change"))


@admin.register(Close)
class CloseAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "position", "profit", "fee", "funding", "status", "fill_column"),
        "failed_because",
    ]
    list_filter = [
        *("status", "created_at", "tenant"),
        "position__subscription__tenant_strategy__strategy",
    ]
    search_fields = ["^fill_key"]
    leads_to = [(_("Charge"), "pointcards_charge", "close__id__exact")]
    actions = ["settle_again"]

    @action(description=_("Settle again"), permissions=["settle"])
    def settle_again(self, request, queryset):
        run_each(self, request, queryset, settle_again)

    def has_settle_permission(self, request):
        return request.user.has_perm("positions.change_close")

    @display(description=_("Fill"))
    def fill_column(self, close):
        return rows_link("orders_fill", _("Fill"), key__exact=close.fill_key.partition("@")[0])
