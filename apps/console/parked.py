"""A parked ticket: what is known of its order, and the three things that a person may do."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.forms import ApproveForm, ArrivedForm, NeverArrivedForm
from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import row_page, tenant_in_view
from apps.core.errors import DomainError
from apps.orders.models import Ticket
from apps.orders.selectors import current_orders
from apps.orders.services import ask_venue_again, has_arrived, never_arrived

# What each step is called, asks for, and does.
STEPS = {
    "ask": (gettext_lazy("Ask the venue again"), ApproveForm, ask_venue_again),
    "arrived": (gettext_lazy("It arrived"), ArrivedForm, has_arrived),
    "never-arrived": (gettext_lazy("It never arrived"), NeverArrivedForm, never_arrived),
}


def parked_page(request, ticket_id, step):
    if step not in STEPS:
        raise Http404("no such step")
    if not request.user.has_perm("orders.change_ticket"):
        raise PermissionDenied
    found = rows(Ticket, tenant_in_view(request)).select_related("venue_account__member", "tenant")
    ticket = get_object_or_404(found, pk=ticket_id)
    title, form_class, do = STEPS[step]
    form = form_class(request.POST or None)
    if form.is_valid():
        try:
            do(ticket=ticket, **form.cleaned_data)
        except DomainError as error:
            field = str(error.context.get("field", ""))
            form.add_error(field if field in form.fields else None, error.message)
        else:
            is_over = step == "never-arrived"
            messages.success(
                request, _("It has expired.") if is_over else _("The venue is being asked.")
            )
            return redirect(row_page(ticket))
    return show(
        request,
        "console/parked.html",
        f"{title}: {ticket}",
        ticket=ticket,
        orders=current_orders([ticket]),
        form=form,
        step=step,
        is_possible=ticket.status == Ticket.Status.PARKED,
    )
