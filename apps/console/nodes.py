"""A page on which venue accounts that were chosen in their list are given to a node."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import tenant_in_view
from apps.core.errors import DomainError
from apps.nodes.models import Node
from apps.orders.services import Assigned, assign_accounts
from apps.venues.admin import CHOSEN
from apps.venues.models import VenueAccount

# How many are named on the page; all are counted.
SHOWN = 100


class NodeForm(forms.Form):
    node = forms.ModelChoiceField(
        Node.objects.filter(status=Node.Status.ACTIVE).order_by("code"),
        label=gettext_lazy("node"),
        widget=UnfoldAdminSelectWidget,
    )


def assign_page(request):
    if not request.user.has_perm("nodes.change_node"):
        raise PermissionDenied
    tenant = tenant_in_view(request)
    # What was shown is what is moved, whatever is chosen in another window meanwhile.
    chosen = request.POST.getlist("account") or request.session.get(CHOSEN, [])
    keys = [int(key) for key in chosen if str(key).isdecimal()]
    accounts = list(rows(VenueAccount, tenant).filter(pk__in=keys).order_by("pk"))
    form = NodeForm(request.POST or None)
    if accounts and form.is_valid():
        try:
            done = assign_accounts(accounts=accounts, tenant=tenant, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            tell(request, done, form.cleaned_data["node"])
            return redirect("admin:venues_venueaccount_changelist")
    return show(
        request,
        "console/assign_accounts.html",
        _("Give to a node"),
        accounts=accounts,
        shown=accounts[:SHOWN],
        form=form,
    )


def tell(request, done: Assigned, node: Node) -> None:
    told = {"node": node, "count": len(done.moved)}
    messages.success(request, _("Given to %(node)s: %(count)s") % told)
    if done.held:
        named = ", ".join(f"{account} ({account.pk})" for account in done.held[:SHOWN])
        told = {"count": len(done.held), "accounts": named}
        text = _("Not moved, because a ticket is under way: %(count)s. %(accounts)s")
        messages.error(request, text % told)
