"""What a person sets for themselves, time zone and saved filters; and the keys there are."""

from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from apps.console.models import SavedFilter
from apps.console.pages import show
from apps.core.admin import pages_for
from apps.tenants.services import set_time_zone

# Behind g, as in "go": the list or page it leads to.
GO = {
    "d": "admin:index",
    "s": "admin:signals_signal_changelist",
    "t": "admin:orders_ticket_changelist",
    "o": "admin:orders_order_changelist",
    "p": "admin:positions_position_changelist",
    "b": "admin:backtests_run_changelist",
    "k": "admin:market_making_maker_changelist",
    "i": "admin:traders_trader_changelist",
    "m": "admin:members_member_changelist",
    "w": "admin:rewards_withdrawal_changelist",
    "a": "admin:monitoring_alert_changelist",
    "n": "admin:nodes_node_changelist",
}
MOST_FILTERS, LONGEST_QUERY = 50, 1000


def zones() -> list[tuple[str, str]]:
    known = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
    return [("", gettext_lazy("as the installation")), *((name, name) for name in known)]


class SettingsForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("time zone"),
        choices=zones,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def settings_page(request):
    """What is one's own: the zone in which times are told, and the filters one has saved."""
    form = SettingsForm(request.POST or None, initial={"time_zone": request.user.time_zone})
    if request.method == "POST" and form.is_valid():
        set_time_zone(user=request.user, time_zone=form.cleaned_data["time_zone"])
        messages.success(request, _("Your settings were saved"))
        return redirect("console:settings")
    return show(
        request,
        "console/settings.html",
        _("My settings"),
        form=form,
        now=timezone.now(),
        filters=request.user.saved_filters.all(),
    )


def keys_page(request):
    """Which keys do what. `keys.js` shows the same over any page, and does what it says here."""
    allowed = {str(page["link"]): page["title"] for page in pages_for(request)}
    go = [
        (f"g {key}", allowed[reverse(name)], reverse(name))
        for key, name in GO.items()
        if reverse(name) in allowed
    ]
    return show(request, "console/keys.html", _("Keyboard"), go=go)


@require_POST
def save_filter(request):
    """Keep how a list is filtered now, under a name; a name of before means this from now on."""
    path, query = request.POST.get("path", ""), request.POST.get("query", "")
    title = request.POST.get("title", "").strip()
    page = list_at(path)
    if not title or len(title) > SavedFilter._meta.get_field("title").max_length:
        messages.error(request, _("A filter needs a name, of at most 60 characters"))
    elif len(query) > LONGEST_QUERY:
        messages.error(request, _("This filter is too long to be saved"))
    elif request.user.saved_filters.count() >= MOST_FILTERS:
        messages.error(request, _("You have 50 saved filters: remove one first"))
    else:
        request.user.saved_filters.update_or_create(
            page=page, title=title, defaults={"query": query}
        )
        messages.success(request, _("The filter was saved: %(title)s") % {"title": title})
    return redirect(f"{path}?{query}" if query else path)


def list_at(path: str) -> str:
    """The name of the admin's list at an address; whatever else is asked for is not there."""
    try:
        found = resolve(urlsplit(path).path)
    except Resolver404:
        raise Http404(path) from None
    if found.namespace != "admin" or not str(found.url_name).endswith("_changelist"):
        raise Http404(path)
    return found.url_name


@require_POST
def remove_filter(request, filter_id):
    get_object_or_404(request.user.saved_filters, pk=filter_id).delete()
    return redirect("console:settings")
