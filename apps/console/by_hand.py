"""Pages on which a person trades by hand: what will be sent is shown, and sent once confirmed."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import row_page, tenant_in_view
from apps.core.errors import DomainError
from apps.orders.models import Ticket
from apps.orders.services import (
    Part,
    Wish,
    change_modes,
    close_positions,
    draft_close,
    draft_order,
    draft_protection,
    order_by_hand,
    protect_position,
)
from apps.positions.models import Position
from apps.positions.selectors import held
from apps.signals.models import Signal
from apps.venues.models import VenueAccount
from engine.signal import Direction

# What the close page is asked by, as the lists that lead to it call their rows.
WHOSE = {
    "position": "pk__in",
    "venueaccount": "venue_account__in",
    "member": "venue_account__member__in",
    "tenantstrategy": "subscription__tenant_strategy__in",
}


def decimal_field(label):
    widget = UnfoldAdminDecimalFieldWidget
    return forms.DecimalField(label=label, required=False, widget=widget)


class PartForm(forms.Form):
    """How much of each position is closed; all of it where nothing is said."""

    share_percent = decimal_field(gettext_lazy("per cent of each position"))


class ModesForm(forms.Form):
    """What an account is brought to."""

    margin = forms.ChoiceField(
        label=gettext_lazy("margin mode"),
        choices=VenueAccount.MARGINS,
        widget=UnfoldAdminSelectWidget,
    )
    position_mode = forms.ChoiceField(
        label=gettext_lazy("position mode"),
        choices=VenueAccount.POSITION_MODES,
        widget=UnfoldAdminSelectWidget,
    )


class OrderForm(forms.Form):
    symbol = forms.CharField(
        label=gettext_lazy("symbol"), max_length=32, widget=UnfoldAdminTextInputWidget
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("direction"), choices=Signal.DIRECTIONS, widget=UnfoldAdminSelectWidget
    )
    quantity = decimal_field(gettext_lazy("quantity"))
    notional = decimal_field(gettext_lazy("or notional"))
    margin_percent = decimal_field(gettext_lazy("or margin, per cent of equity"))
    leverage = forms.IntegerField(
        label=gettext_lazy("leverage"), initial=1, widget=UnfoldAdminIntegerFieldWidget
    )
    price = decimal_field(gettext_lazy("price, or none for a market order"))
    stop = decimal_field(gettext_lazy("stop"))
    target = decimal_field(gettext_lazy("target"))

    def asked(self) -> Wish:
        values = self.cleaned_data
        return Wish(**values | {"direction": Direction(values["direction"])})


class ProtectionForm(forms.Form):
    stop = decimal_field(gettext_lazy("stop, or none to take it away"))
    target = decimal_field(gettext_lazy("target, or none to take it away"))

    def asked(self) -> dict[str, object]:
        return self.cleaned_data


def order_page(request, account_id):
    """Open a position on an account."""
    refuse_others(request)
    accounts = rows(VenueAccount, tenant_in_view(request)).select_related("member__tenant")
    account = get_object_or_404(accounts, pk=account_id)

    def settled(draft: Ticket, form: OrderForm) -> dict[str, object]:
        """What was counted is what is sent: the price moves on meanwhile."""
        counted = {"quantity": draft.quantity, "notional": None, "margin_percent": None}
        return form.cleaned_data | counted

    return page(
        request,
        OrderForm,
        title=f"{_('Order by hand')}: {account} · {account.member}",
        draft=lambda wish: draft_order(account=account, wish=wish, now=timezone.now()),
        do=lambda wish: order_by_hand(account=account, wish=wish, now=timezone.now()),
        settled=settled,
    )


def protection_page(request, position_id):
    """Set stop and target of a position."""
    refuse_others(request)
    position = get_object_or_404(held(tenant_in_view(request)), pk=position_id)
    return page(
        request,
        ProtectionForm,
        title=f"{_('Stop and target')}: {position}",
        draft=lambda asked: draft_protection(position=position, now=timezone.now(), **asked),
        do=lambda asked: protect_position(position=position, now=timezone.now(), **asked),
        settled=lambda draft, form: form.cleaned_data,
    )


def page(request, form_class, *, title, draft, do, settled):
    """Ask, show the ticket that would be sent, and send it; a refusal is told on its field."""
    form = form_class(request.POST or None)
    drafts = []
    if form.is_bound and form.is_valid():
        try:
            if "confirmed" in request.POST:
                ticket = do(form.asked())
                messages.success(request, _("Planned: %(ticket)s") % {"ticket": ticket})
                return redirect("admin:orders_ticket_change", ticket.pk)
            drafts = [draft(form.asked())]
            form = form_class(initial=settled(drafts[0], form))
        except DomainError as error:
            field = str(error.context.get("field", ""))
            form.add_error(field if field in form.fields else None, error.message)
    return show(request, "console/by_hand.html", title, form=form, drafts=drafts)


def modes_page(request, account_id):
    """Change the margin and position mode of an account that holds nothing."""
    if not request.user.has_perm("venues.change_venueaccount"):
        raise PermissionDenied
    accounts = rows(VenueAccount, tenant_in_view(request)).select_related("member__tenant")
    account = get_object_or_404(accounts, pk=account_id)
    now = {"margin": account.margin, "position_mode": account.position_mode}
    form = ModesForm(request.POST or None, initial=now)
    if form.is_valid():
        try:
            change_modes(account=account, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Its venue is told before the next order that opens."))
            return redirect(row_page(account))
    title = f"{_('Margin and position mode')}: {account} · {account.member}"
    return show(request, "console/modes.html", title, account=account, form=form)


def close_page(request):
    """Close the positions that were chosen, or all of the accounts, members or strategies."""
    refuse_others(request)
    positions = list(chosen(request))
    form = PartForm(request.POST if request.method == "POST" else request.GET or None)
    part = Part(**form.cleaned_data) if form.is_valid() else Part()
    if request.method == "POST" and positions and form.is_valid():
        told = close_positions(positions=positions, now=timezone.now(), part=part)
        planned = sum(one.ticket is not None for one in told)
        if planned:
            messages.success(request, _("Closing: %(count)s") % {"count": planned})
        for one in told:
            if one.ticket is None:
                messages.error(request, f"{one.position}: {one.refused_because}")
        return redirect("admin:orders_ticket_changelist")
    return show(
        request,
        "console/close_positions.html",
        _("Close positions"),
        form=form,
        part=part,
        drafts=[would_close(position, part) for position in positions],
    )


def would_close(position: Position, part: Part) -> tuple[Position, Ticket | None, str]:
    """A position, the ticket that would close it, or why there would be none."""
    try:
        return position, draft_close(position=position, now=timezone.now(), part=part), ""
    except DomainError as refused:
        return position, None, refused.message


def chosen(request) -> QuerySet[Position]:
    """What was shown is what is closed; what is shown, the address says."""
    asked = request.POST if request.method == "POST" else request.GET
    named = [(name, asked.getlist(name)) for name in WHOSE if asked.getlist(name)]
    if len(named) != 1:
        raise Http404("no positions were chosen")
    name, keys = named[0]
    try:
        keys = [UUID(key) if name == "position" else int(key[:18]) for key in keys]
    except ValueError:
        raise Http404("no such row") from None
    return held(tenant_in_view(request), **{WHOSE[name]: keys})


def refuse_others(request) -> None:
    if not request.user.has_perm("orders.add_ticket"):
        raise PermissionDenied
