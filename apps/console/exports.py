"""Pages of exports: begin one, see how far it is, stop it, have the file."""

from urllib.parse import urlencode

from django.apps import apps
from django.contrib import messages
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.console.exporting import TYPES, ask_export, content_of, stop_export
from apps.console.models import Export
from apps.console.pages import show
from apps.core import audit
from apps.core.admin import may_see, tenant_in_view
from apps.core.errors import DomainError

SHOWN = 100


def exports_page(request):
    """One's own exports, the latest first."""
    exports = list(request.user.exports.all()[:SHOWN])
    for export in exports:
        export.title = capfirst(apps.get_model(export.of)._meta.verbose_name_plural)
    is_open = any(export.is_open for export in exports)
    return show(request, "console/exports.html", _("My exports"), exports=exports, is_open=is_open)


def new_export_page(request):
    """How a large list is to be made into a file; the filter of the list goes with it."""
    try:
        model = apps.get_model(request.GET.get("of", ""))
    except (LookupError, ValueError):
        raise Http404("no such list") from None
    if not may_see(request, model):
        raise Http404("no such list")
    filters = request.GET.copy()
    del filters["of"]
    if request.method == "POST":
        try:
            ask_export(
                user=request.user,
                tenant=tenant_in_view(request),
                of=model._meta.label_lower,
                query=filters.urlencode(),
                form=request.POST.get("form", ""),
            )
        except DomainError as refused:
            messages.error(request, refused.message)
        else:
            return redirect("console:exports")
    back = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return show(
        request,
        "console/new_export.html",
        _("Export %(name)s") % {"name": model._meta.verbose_name_plural},
        forms=Export.Form.choices,
        filters=urlencode(list(filters.lists()), doseq=True),
        back=f"{back}?{filters.urlencode()}",
    )


def file_page(request, export_id):
    export = get_object_or_404(request.user.exports, pk=export_id, status=Export.Status.DONE)
    audit.record("export.fetched", export, tenant=export.tenant)
    response = StreamingHttpResponse(content_of(export), content_type=TYPES[export.form])
    name = f"{export.of.replace('.', '-')}-{export.created_at:%Y%m%d-%H%M}.{export.form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Content-Length"] = str(export.size)
    return response


@require_POST
def stop_page(request, export_id):
    export = get_object_or_404(request.user.exports, pk=export_id)
    try:
        stop_export(export=export)
    except DomainError as refused:
        messages.error(request, refused.message)
    return redirect("console:exports")
