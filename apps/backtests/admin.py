"""Runs and what they tried; how they are asked for and watched is a page of the console."""

from urllib.parse import urlencode

from django.contrib import admin
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.backtests import services
from apps.backtests.models import Run, Trial
from apps.core.admin import FactAdmin, page_link, verb_action


@display(description=_("Run"), ordering="rule")
def run_column(row):
    return page_link("console:run", row.pk, row)


@display(description=_("Progress"))
def progress_column(row):
    return f"{row.percent} %" if row.total else "–"


@admin.register(Run)
class RunAdmin(FactAdmin):
    list_display = [
        *(run_column, "kind", "venue", "from_at", "until_at", "status"),
        *(progress_column, "asked_by", "tenant", "created_at"),
    ]
    list_filter = ["kind", "status", "is_kept", "venue", "timeframe", "created_at", "tenant"]
    search_fields = ["rule", "asked_by", "problem"]
    list_display_links = None
    list_before_template = "console/runs_before.html"
    actions = ["stop", "retry", "keep", "release", "compare"]
    is_chained = False
    leads_to = [(_("Trials"), "backtests_trial", "run__id__exact")]

    stop = verb_action(_("Stop"), lambda row: services.stop_run(run=row, now=timezone.now()))
    retry = verb_action(
        _("Take up again"), lambda row: services.retry_run(run=row, now=timezone.now())
    )

    keep = verb_action(_("Keep its report"), lambda row: services.keep_run(run=row))
    release = verb_action(_("Do not keep its report"), lambda row: services.release_run(run=row))

    @action(description=_("Compare"))
    def compare(self, request, queryset):
        asked = urlencode([("run", key) for key in queryset.values_list("pk", flat=True)])
        return redirect(f"{reverse('console:compare-runs')}?{asked}")


@admin.register(Trial)
class TrialAdmin(FactAdmin):
    list_display = ["run", "window", "number", "score", "values", "problem", "created_at"]
    list_filter = ["tenant"]
    is_chained = False
