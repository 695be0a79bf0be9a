from django.contrib import admin

from apps.console.models import Export, SavedFilter
from apps.core.admin import FactAdmin


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
