"""What was imported of published files, to be looked at; it is changed by importing alone."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.arena.models import Record, Source
from apps.core.admin import FactAdmin


@admin.register(Source)
class SourceAdmin(FactAdmin):
    list_display = ["name", "kind", "version", "digest", "imported_at"]
    list_filter = ["kind", "imported_at"]
    search_fields = ["name", "digest"]
    is_chained = False
    leads_to = [(_("Published rows"), "arena_record", "source__id__exact")]


@admin.register(Record)
class RecordAdmin(FactAdmin):
    list_display = ["source", "key", "model_id", "at", "place", "odd"]
    list_filter = ["source", "at"]
    search_fields = ["key", "model_id"]
    is_chained = False
