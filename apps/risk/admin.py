"""Whatever was set, of the platform and of every tenant; to change it there is a page."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin
from apps.risk.models import RiskRule


@admin.register(RiskRule)
class RiskRuleAdmin(FactAdmin):
    list_display = ["rule", "tenant", "is_on", "figures", "version", "set_column"]
    list_filter = ["rule", "is_on", "tenant"]
    is_chained = False

    @display(description=_("Change"))
    def set_column(self, row):
        page = reverse("console:risk-rule", args=[row.tenant_id or 0, row.rule])
        return format_html('<a class="text-link" href="{}">{}</a>', page, _("Change"))
