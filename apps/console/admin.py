from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.console.models import Export, SavedFilter
from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, verb_action
from apps.market_making.services import stop_opening
from apps.orders.models import Brake
from apps.orders.services import release_brake


class BrakeForm(VerbForm):
    class Meta:
        model = Brake
        fields = ["reason"]

    def write(self, **values):
        return stop_opening(now=timezone.now(), **values)[0]


@admin.register(Brake)
class BrakeAdmin(HouseAdmin):
    """Stands here because who pulls it stops makers as well."""

    form = BrakeForm
    list_display = ["created_at", "reason", "pulled_by", "released_at", "released_by"]
    list_filter = ["created_at", "released_at"]
    search_fields = ["reason", "pulled_by", "released_by"]
    actions = ["release"]

    release = verb_action(
        _("Release the brake"),
        lambda row: release_brake(now=timezone.now()),
        question=_("Openings are allowed again; makers that were stopped stay so."),
    )

    def has_change_permission(self, request, obj=None):
        return obj is None and super().has_change_permission(request, obj)


@admin.register(Export)
class ExportAdmin(FactAdmin):
    list_display = [
        *("created_at", "user", "tenant", "of", "form", "status", "done", "total", "size"),
    ]
    list_filter = ["status", "created_at", "tenant"]
    search_fields = ["of", "user__username"]
    is_chained = False

    def is_tenant_owned(self):
        # Who asked for what is the platform's to see; everybody has a page of their own.
        return False


@admin.register(SavedFilter)
class SavedFilterAdmin(FactAdmin):
    list_display = ["title", "page", "user", "query", "created_at"]
    search_fields = ["title", "page", "user__username"]
    is_chained = False
