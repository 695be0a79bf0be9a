"""What one trade comes to on terms that somebody is still typing: by planning's own sizing."""

from collections.abc import Mapping
from decimal import Decimal

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console.selectors import rows
from apps.console.trace import plain
from apps.copying.models import Copier
from apps.copying.selectors import led_positions
from apps.copying.services import check_measure, copied_quantity
from apps.core.admin import tenant_in_view
from apps.core.errors import DomainError
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.strategies.services import check_figures, refuse_small
from apps.traders.models import Trader
from apps.venues.models import VenueAccount
from apps.venues.selectors import instrument, last_price
from engine.errors import EngineError
from engine.sizing import notional_of, quantity_of


class FiguresForm(forms.Form):
    """What the forms call their figures; a bound that is broken is told as the service tells it."""

    capital = forms.DecimalField()
    leverage = forms.IntegerField()
    risk_mode = forms.IntegerField(initial=1)


class CopyForm(forms.Form):
    capital = forms.DecimalField()
    leverage = forms.IntegerField()
    measure = forms.CharField()
    measured = forms.DecimalField()


def sizes_page(request, kind):
    """The table of sizes, or what is wrong, by field; nothing is written."""
    if kind not in KINDS:
        raise Http404
    model, form_class, table_of = KINDS[kind]
    verbs = ("add", "change")
    rights = (f"{model._meta.app_label}.{verb}_{model._meta.model_name}" for verb in verbs)
    if not any(map(request.user.has_perm, rights)):
        raise PermissionDenied
    form = form_class(request.GET)
    if not form.is_valid():
        return told(errors={name: " ".join(said) for name, said in form.errors.items()})
    row = chosen(request, model, "row")
    try:
        table = table_of(request, row, form.cleaned_data)
    except DomainError as error:
        return told(errors={str(error.context.get("field", "")): error.message})
    return told(table)


def told(table: dict | None = None, errors: Mapping[str, str] | None = None) -> JsonResponse:
    shown = render_to_string("console/sizes_table.html", {"sizes": table}) if table else ""
    return JsonResponse({"shown": shown, "errors": errors or {}})


def chosen(request, model, name: str):
    """The row that a form names, among those that its user may see; None where it names none."""
    key = request.GET.get(name, "")
    found = rows(model, tenant_in_view(request)) if model is not Strategy else model.objects.all()
    return found.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None


def offered_sizes(request, row: TenantStrategy | None, figures: dict) -> dict | None:
    check_figures(**figures)
    strategy = row.strategy if row else chosen(request, Strategy, "strategy")
    return sizes_table(strategy, strategy.venue, figures) if strategy else None


def subscribed_sizes(request, row: Subscription | None, figures: dict) -> dict | None:
    check_figures(**figures)
    followed = row.tenant_strategy if row else chosen(request, TenantStrategy, "tenant_strategy")
    account = row.venue_account if row else chosen(request, VenueAccount, "venue_account")
    if followed is None:
        return None
    refuse_small(capital=figures["capital"], tenant_strategy=followed)
    venue = account.venue if account else followed.strategy.venue
    return sizes_table(followed.strategy, venue, figures)


def sizes_table(strategy: Strategy, venue: str, terms: dict) -> dict[str, object]:
    """One trade of each symbol at its last price, by what the venue takes."""
    capital = Decimal(terms["capital"])
    figures = {"leverage": terms["leverage"], "risk_mode": terms["risk_mode"]}
    notional = notional_of(capital=capital, **figures)
    return {
        "headers": [_("Symbol"), _("Last price"), _("Quantity"), _("Notional"), _("Margin")],
        "rows": [
            [
                symbol,
                *size_of(strategy, venue, symbol, capital, figures),
                plain(notional),
                plain(notional / terms["leverage"]),
            ]
            for symbol in strategy.symbols
        ],
    }


def size_of(
    strategy: Strategy, venue: str, symbol: str, capital: Decimal, figures: dict
) -> tuple[str, str]:
    """The last price of a symbol where the strategy looks, and how much would be traded of it."""
    try:
        price = last_price(venue=strategy.venue, symbol=symbol, now=timezone.now())
        found = instrument(venue=venue, symbol=symbol)
    except EngineError:
        # Its venue has not described it yet.
        return "–", "–"
    if not price:
        return "–", "–"
    quantity = quantity_of(capital=capital, price=price, instrument=found, **figures)
    return plain(price), shown_quantity(quantity)


def shown_quantity(quantity: Decimal) -> str:
    return plain(quantity) if quantity else _("below the venue's minimum")


def copied_sizes(request, row: Copier | None, figures: dict) -> dict | None:
    """Of what the leader holds now, what a copy of it would be."""
    check_figures(capital=figures["capital"], leverage=figures["leverage"], risk_mode=1)
    check_measure(measure=figures["measure"], measured=figures["measured"])
    follower = row.venue_account if row else chosen(request, VenueAccount, "venue_account")
    account = row.leader_account if row else chosen(request, VenueAccount, "leader_account")
    trader = row.leader_trader if row else chosen(request, Trader, "leader_trader")
    if follower is None or not (account or trader):
        return None
    as_if, now = Copier(**figures), timezone.now()
    lines = []
    for position in led_positions(account=account, trader=trader):
        price = last_price(venue=follower.venue, symbol=position.symbol, now=now)
        price = price or position.entry_price
        try:
            found = instrument(venue=follower.venue, symbol=position.symbol)
        except EngineError:
            lines.append([position.symbol, plain(position.quantity), "–", "–"])
            continue
        quantity = copied_quantity(
            subscription=as_if, held=position.quantity, price=price, instrument=found
        )
        worth = plain(quantity * price)
        lines.append([position.symbol, plain(position.quantity), shown_quantity(quantity), worth])
    return {
        "headers": [_("Symbol"), _("The leader holds"), _("Quantity"), _("Notional")],
        "rows": lines,
        "empty": _("The leader holds nothing now: there is nothing to show a size of."),
    }


KINDS = {
    "tenant-strategy": (TenantStrategy, FiguresForm, offered_sizes),
    "subscription": (Subscription, FiguresForm, subscribed_sizes),
    "copier": (Copier, CopyForm, copied_sizes),
}
