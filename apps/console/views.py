"""Pages of the console inside the admin: its login, its permissions, its tenant in view."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.console.pages import show
from apps.console.trace import trace
from apps.core.admin import TENANT_KEY, tenant_in_view
from apps.core.errors import NotFound
from apps.tenants.models import Tenant


def trace_page(request, fact_id):
    """The chain around an id; another tenant's id is not there."""
    asked = request.GET.get("page", "1")
    page = max(1, int(asked)) if asked.isdigit() else 1
    try:
        found = trace(fact_id, tenant=tenant_in_view(request), page=page)
    except NotFound as error:
        raise Http404(error.message) from None
    return show(request, "console/trace.html", _("Trace"), trace=found)


@require_POST
def switch_tenant(request):
    """Look at everything through one tenant, or at all of them again."""
    if request.user.tenant_id:
        raise PermissionDenied
    chosen = request.POST.get("tenant", "")
    if chosen and not Tenant.objects.filter(pk=chosen if chosen.isdigit() else None).exists():
        raise Http404("no such tenant")
    request.session[TENANT_KEY] = int(chosen) if chosen else None
    return redirect("admin:index")
