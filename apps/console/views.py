"""Pages of the console inside the admin: its login, its permissions, its tenant in view."""

from django.contrib import admin
from django.http import Http404
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.console.trace import trace
from apps.core.admin import tenant_in_view
from apps.core.errors import NotFound


def trace_page(request, fact_id):
    """The chain around an id; another tenant's id is not there."""
    asked = request.GET.get("page", "1")
    page = max(1, int(asked)) if asked.isdigit() else 1
    try:
        found = trace(fact_id, tenant=tenant_in_view(request), page=page)
    except NotFound as error:
        raise Http404(error.message) from None
    context = {**admin.site.each_context(request), "title": _("Trace"), "trace": found}
    return render(request, "console/trace.html", context)
