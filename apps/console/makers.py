"""Pages of makers: made and changed with a preview, watched while they quote, and commanded."""

import json
from datetime import datetime

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.console.live import key_of, watched
from apps.console.pages import show
from apps.console.run_forms import ParametersForm
from apps.console.selectors import rows
from apps.core import live
from apps.core.admin import tenant_in_view
from apps.core.errors import DomainError
from apps.market_making.models import Maker, Session, Version
from apps.market_making.selectors import (
    fills_of,
    is_forsaken,
    last_session,
    notices_of,
    orders_of,
    params_of,
    readings_of,
    version_of,
)
from apps.market_making.services import (
    change_maker,
    create_maker,
    derive,
    give_up_maker,
    halt_maker,
    release_maker,
    start_maker,
    stop_maker,
)
from apps.venues.models import Venue, VenueAccount
from engine.making.forms import PRESETS, GoalForm, StrategyForm, describe_form, preset
from engine.making.params import describe
from engine.messages import PositionMode, number
from engine.venues import NETTED

F = Version.Form
USUAL_SYMBOL = "BTC/USDT"
SHOWN, HISTORY_SECONDS = 12, 600
# What the charts draw, of each reading.
DRAWN = (
    *("mid", "bid", "ask", "inventory", "equity", "drawdown_percent", "pnl_total"),
    *("half_bps", "shift_bps", "distance_bid_bps", "distance_ask_bps"),
)
VERBS = {"start", "stop", "halt", "release", "give-up"}


class WhichForm(forms.Form):
    """Whose maker, of what, told in which way."""

    account = forms.ModelChoiceField(
        VenueAccount.objects.across_tenants().none(),
        label=gettext_lazy("venue account"),
        widget=UnfoldAdminSelectWidget,
    )
    symbol = forms.CharField(label=gettext_lazy("symbol"), widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args, accounts, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = accounts


def need(request, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied


def maker_of(request, maker_id: int, right: str = "market_making.view_maker") -> Maker:
    """A maker that this user sees; another tenant's is not there."""
    need(request, right)
    found = rows(Maker, tenant_in_view(request)).select_related("venue_account", "tenant")
    return get_object_or_404(found, pk=maker_id)


def described(form: str) -> list:
    kind = {F.STRATEGY: StrategyForm, F.GOAL: GoalForm}.get(form)
    told = describe_form(kind) if kind else describe()
    return [one for one in told if one.name != "symbol"]


def form_asked(request) -> str:
    form = (request.POST or request.GET).get("form", F.STRATEGY)
    if form not in F.values:
        raise Http404("no such form")
    return form


def new_page(request):
    """What would be told is shown, and then confirmed."""
    need(request, "market_making.add_maker")
    form = form_asked(request)
    accounts = rows(VenueAccount, tenant_in_view(request)).order_by("pk")
    fitting = accounts.filter(position_mode=PositionMode.ONE_WAY) | accounts.filter(
        venue__in=NETTED
    )
    symbol, initial = preset_asked(request)
    which = WhichForm(
        request.POST or None, prefix="which", accounts=fitting, initial={"symbol": symbol}
    )
    params = ParametersForm(described(form), request.POST or None, prefix="params", initial=initial)
    derived, problem = None, ""
    if request.POST and which.is_valid() and params.is_valid():
        told, asked = which.cleaned_data, params.values()
        try:
            derived = derive(
                venue=told["account"].venue, symbol=told["symbol"], form=form, asked=asked
            )
            if "confirm" in request.POST:
                maker = create_maker(
                    account=told["account"],
                    symbol=told["symbol"],
                    form=form,
                    asked=asked,
                )
                return redirect("console:maker", maker.pk)
        except DomainError as error:
            problem = error.message
    return forms_page(request, _("New maker"), form, which, params, derived, problem)


def preset_asked(request) -> tuple[str, dict[str, object]]:
    """What a form begins with: a venue's own figures for a symbol, or what is usual."""
    venue, symbol = request.GET.get("preset", ""), request.GET.get("symbol", "")
    if venue not in PRESETS:
        return symbol or USUAL_SYMBOL, {}
    params = msgspec.to_builtins(preset(venue, symbol))
    return symbol, params | {"max_inventory_ratio": params["one_sided_at"]}


def presets() -> list[tuple[str, str, str]]:
    return [
        (venue, str(Venue(venue).label), USUAL_SYMBOL if symbol == "*" else symbol)
        for venue, symbols in PRESETS.items()
        for symbol in symbols
    ]


def change_page(request, maker_id):
    maker = maker_of(request, maker_id, "market_making.change_maker")
    form = form_asked(request)
    version = version_of(maker)
    now_told = msgspec.to_builtins(params_of(maker)) | (
        version.asked if version.form == form else {}
    )
    params = ParametersForm(
        described(form), request.POST or None, prefix="params", initial=now_told
    )
    derived, problem = None, ""
    if request.POST and params.is_valid():
        asked = params.values()
        try:
            derived = derive(
                venue=maker.venue_account.venue, symbol=maker.symbol, form=form, asked=asked
            )
            if "confirm" in request.POST:
                change_maker(maker=maker, form=form, asked=asked, now=timezone.now())
                return redirect("console:maker", maker.pk)
        except DomainError as error:
            problem = error.message
    title = f"{_('Change')}: {maker}"
    return forms_page(request, title, form, None, params, derived, problem)


def forms_page(request, title, form, which, params, derived, problem):
    return show(
        request,
        "console/maker_forms.html",
        title,
        form=form,
        forms=F.choices,
        which=which,
        params=params,
        derived=derived,
        presets=presets() if which and form != F.GOAL else [],
        told=msgspec.to_builtins(derived.params).items() if derived else [],
        problem=problem,
    )


def maker_page(request, maker_id):
    maker = maker_of(request, maker_id)
    return show(
        request,
        "console/maker.html",
        f"{_('Maker')}: {maker}",
        maker=maker,
        version=version_of(maker),
        may_act=request.user.has_perm("market_making.change_maker"),
        state=Told(maker).state(after=0),
        titles={name: str(title) for name, title in TITLES.items()},
    )


def state_page(request, maker_id):
    """What the page asks where it cannot have a stream."""
    maker = maker_of(request, maker_id)
    return JsonResponse(Told(maker).state(after_of(request)))


def stream_page(request, maker_id):
    """The same, told again and again; who comes back says what they have seen."""
    maker = maker_of(request, maker_id)
    language, zone = get_language(), timezone.get_current_timezone()

    def read(_before):
        with override(language), timezone.override(zone):
            return Told(maker)

    key, seen = key_of(request, request.path), str(after_of(request))
    return watched(request, key, read, seen=seen, seconds=live.STEP_SECONDS / 2)


def after_of(request) -> int:
    return number_of(request.headers.get("Last-Event-ID") or request.GET.get("after", ""))


def number_of(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class Told:
    """A maker at one moment: all of it, and of the readings those that a viewer has not seen."""

    def __init__(self, maker: Maker) -> None:
        self._state = state_of(maker, now=timezone.now())

    def state(self, after: int) -> dict[str, object]:
        readings = self._state["readings"]
        return self._state | {
            "readings": [told for pk, told in readings if pk > after],
            "seen": readings[-1][0] if readings else after,
        }

    def since(self, seen: str) -> tuple[str, bytes]:
        state = self.state(number_of(seen))
        return str(state["seen"]), json.dumps(state).encode()


@require_POST
def act_page(request, maker_id, verb):
    maker = maker_of(request, maker_id, "market_making.change_maker")
    if verb not in VERBS:
        raise Http404(verb)
    about = {"maker": maker, "now": timezone.now()}
    reason = request.POST.get("reason", "")
    try:
        if verb == "start":
            start_maker(**about)
        elif verb == "stop":
            stop_maker(**about)
        elif verb == "halt":
            halt_maker(reason=reason, **about)
        elif verb == "give-up":
            give_up_maker(reason=reason, **about)
        else:
            release_maker(reason=reason, **about)
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("console:maker", maker.pk)


# --- what is told


def state_of(maker: Maker, *, now: datetime) -> dict[str, object]:
    """All that the page shows; of each reading its key, too."""
    session = last_session(maker)
    status = session.status if session else Session.Status.IDLE
    readings = list(readings_of(session, now=now, seconds=HISTORY_SECONDS)) if session else []
    return {
        "status": status,
        "shown": str(Session.Status(status).label),
        "reason": session.reason if session else "",
        "may": allowed(session, now),
        "seconds_silent": silence(session, now),
        "figures": session.figures if session else {},
        "quotes": session.quotes if session else [],
        "readings": [(one.pk, point(one)) for one in readings],
        "fills": [
            {
                "at": clock(fill.filled_at),
                "side": fill.order.get_side_display(),
                "is_buy": fill.order.side == "buy",
                "quantity": number(fill.quantity),
                "price": number(fill.price),
                "fee": number(fill.fee),
            }
            for fill in fills_of(maker)[:SHOWN]
        ],
        "orders": [
            {
                "at": clock(order.created_at),
                "side": order.get_side_display(),
                "is_buy": order.side == "buy",
                "quantity": number(order.quantity),
                "filled": number(order.filled),
                "status": order.get_status_display(),
            }
            for order in orders_of(maker)[:SHOWN]
        ],
        "notices": [
            {
                "at": clock(one.noticed_at),
                "level": one.level,
                "kind": one.kind,
                "facts": ", ".join(f"{name} {value}" for name, value in one.facts.items()),
            }
            for one in notices_of(maker)[:SHOWN]
        ],
    }


def allowed(session: Session | None, now: datetime) -> dict[str, bool]:
    status = session.status if session else Session.Status.IDLE
    is_live = status in Session.LIVE
    return {
        "start": status == Session.Status.IDLE,
        "stop": is_live and session.verb == "run",
        "halt": is_live and session.verb != "halt",
        "release": status == Session.Status.HALTED,
        "give-up": session is not None and is_forsaken(session, now),
    }


def silence(session: Session | None, now: datetime) -> int | None:
    if session is None or session.status not in Session.LIVE or not session.reported_at:
        return None
    return max(int((now - session.reported_at).total_seconds()), 0)


def point(reading) -> list[object]:
    told = reading.figures
    values = (told.get(name) for name in DRAWN)
    return [
        int(reading.read_at.timestamp()),
        *(None if value is None else str(value) for value in values),
    ]


def clock(at: datetime) -> str:
    return timezone.localtime(at).strftime("%H:%M:%S")


TITLES = {
    "mid": gettext_lazy("Mid"),
    "bid": gettext_lazy("Bid"),
    "ask": gettext_lazy("Ask"),
    "spread_bps": gettext_lazy("Spread (bps)"),
    "half_bps": gettext_lazy("Half spread (bps)"),
    "shift_bps": gettext_lazy("Shift (bps)"),
    "distance_bid_bps": gettext_lazy("Bid from best (bps)"),
    "distance_ask_bps": gettext_lazy("Ask from best (bps)"),
    "sigma": gettext_lazy("Volatility"),
    "sigma_z": gettext_lazy("Volatility z"),
    "gamma": gettext_lazy("gamma"),
    "k": gettext_lazy("k"),
    "inventory": gettext_lazy("Inventory"),
    "inventory_notional": gettext_lazy("Inventory (notional)"),
    "inventory_usage": gettext_lazy("Inventory over capacity"),
    "sides": gettext_lazy("Sides"),
    "equity": gettext_lazy("Equity"),
    "pnl_total": gettext_lazy("Profit"),
    "pnl_daily": gettext_lazy("Profit today"),
    "pnl_spread": gettext_lazy("of it spread"),
    "pnl_inventory": gettext_lazy("of it inventory"),
    "drawdown_percent": gettext_lazy("Drawdown (%)"),
    "fees_paid": gettext_lazy("Fees paid"),
    "fees_rebated": gettext_lazy("Fees rebated"),
    "fills": gettext_lazy("Fills"),
    "fills_a_minute": gettext_lazy("Fills a minute"),
    "canceled": gettext_lazy("Cancels"),
    "cancels_a_minute": gettext_lazy("Cancels a minute"),
    "fill_to_cancel": gettext_lazy("Fills to cancels"),
    "volume": gettext_lazy("Volume"),
    "volume_1h": gettext_lazy("Volume of the hour"),
    "wear_per_10k": gettext_lazy("Wear per 10k"),
    "target_share": gettext_lazy("Share of the target"),
    "target_share_1h": gettext_lazy("Share of the target, last hour"),
    "failures_in_a_row": gettext_lazy("Failures in a row"),
    "time_in_book_p50": gettext_lazy("Time in book, half (s)"),
    "time_in_book_p90": gettext_lazy("Time in book, 9 of 10 (s)"),
    "latency_p50_ms": gettext_lazy("Latency, half (ms)"),
    "latency_p99_ms": gettext_lazy("Latency, 99 of 100 (ms)"),
    "book_source": gettext_lazy("Market seen by"),
    "book_age_seconds": gettext_lazy("Age of the book (s)"),
    "requests_a_minute": gettext_lazy("Requests a minute"),
    "budget_left": gettext_lazy("Of the venue's limits, left"),
    "refused": gettext_lazy("Refused"),
    "failures": gettext_lazy("Failures"),
    "reasons": gettext_lazy("Requoted for"),
}
