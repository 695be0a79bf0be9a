"""Pages of the console inside the admin: its login, its permissions, its tenant in view."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.console.forms import RechargeForm
from apps.console.selectors import cards_of
from apps.console.trace import plain, trace
from apps.core.admin import TENANT_KEY, tenant_in_view
from apps.core.errors import DomainError, NotFound
from apps.members.models import Member
from apps.pointcards.services import recharge_member, recharge_tenant
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


def recharge_tenant_page(request, tenant_id):
    """Sell or give points to a tenant: the platform's to do."""
    if request.user.tenant_id or not request.user.has_perm("tenants.change_tenant"):
        raise PermissionDenied
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    return recharge_page(
        request,
        tenant,
        owners={str(tenant): f"tenant:{tenant.pk}"},
        do=lambda **asked: recharge_tenant(tenant=tenant, **asked),
    )


def recharge_member_page(request, member_id):
    """Sell or give points to a member, from the tenant's own cards."""
    if not request.user.has_perm("members.change_member"):
        raise PermissionDenied
    tenant = tenant_in_view(request)
    members = Member.objects.of(tenant) if tenant else Member.objects.across_tenants()
    member = get_object_or_404(members.select_related("tenant"), pk=member_id)
    return recharge_page(
        request,
        member,
        owners={str(member.tenant): f"tenant:{member.tenant_id}", str(member): member.owner},
        do=lambda **asked: recharge_member(member=member, **asked),
    )


def recharge_page(request, subject, *, owners, do):
    """Show the balances that will change, and move what is confirmed, once."""
    form = RechargeForm(request.POST) if request.method == "POST" else RechargeForm.fresh()
    if form.is_bound and form.is_valid():
        try:
            made = do(**form.cleaned_data)
        except DomainError as error:
            field = str(error.context.get("field", ""))
            form.add_error(field if field in form.fields else None, error.message)
        else:
            said = _("Moved %(amount)s points") % {"amount": plain(made.amount)}
            messages.success(request, f"{subject}: {said}")
            return redirect(request.path)
    return show(
        request,
        "console/recharge.html",
        f"{_('Recharge point cards')}: {subject}",
        form=form,
        cards=cards_of(owners),
    )


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


def show(request, template: str, title: str, **context):
    return render(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )
