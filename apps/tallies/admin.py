"""Tallies, to be looked at; they follow from the rows."""

from django.contrib import admin

from apps.core.admin import FactAdmin
from apps.tallies.models import Tally


@admin.register(Tally)
class TallyAdmin(FactAdmin):
    list_display = ["day", "tenant", "what", "which", "count", "amount"]
    list_filter = ["what", "tenant"]
    search_fields = ["which"]
    is_chained = False
