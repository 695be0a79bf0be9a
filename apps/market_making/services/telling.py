"""What a maker is told: two short forms or all parameters, each change a version of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.market_making.models import Command, Maker, Session, Version
from apps.market_making.selectors import version_of
from apps.market_making.services.wishing import command
from apps.venues.models import Venue, VenueAccount
from engine.errors import BadParameters
from engine.making.forms import (
    PRESETS,
    GoalForm,
    Preview,
    StrategyForm,
    from_goal,
    from_strategy,
    preset,
    preview,
    read_form,
)
from engine.making.params import MakerParams, changed
from engine.messages import PositionMode
from engine.paper.generated import SYMBOLS
from engine.venues import NETTED

SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")
FIELD = re.compile(r"`\$\.(\w+)`|unknown field `(\w+)`")
# What the strategy form decides; everything else stays as the venue's preset has it.
OF_STRATEGY = (
    *("gamma", "sigma", "k", "a", "drawdown_percent"),
    *("max_inventory_share", "one_sided_at", "two_sided_at"),
)
F = Version.Form


@dataclass(frozen=True, slots=True)
class Derived:
    """What a form comes to."""

    form: str
    asked: dict[str, object]
    preview: Preview

    @property
    def params(self) -> MakerParams:
        return self.preview.params


def derive(*, venue: str, symbol: str, form: str, asked: Mapping[str, object]) -> Derived:
    """What a form comes to, with nothing changed; a bad value is refused by its name."""
    if venue not in Venue.values:
        raise BadInput(f"{venue[:32]!r} is no venue", field="venue")
    if not SYMBOL.fullmatch(symbol):
        raise BadInput("a symbol is of the form BASE/QUOTE", field="symbol")
    if form not in F.values:
        raise BadInput(f"{form[:32]!r} is no form", field="form", known=F.values)
    asked = {name: plain(value) for name, value in asked.items()}
    try:
        params = DERIVE[form](starting_point(venue, symbol), symbol, asked)
    except BadParameters as error:
        raise BadInput(error.message, field=field_of(error.message)) from error
    return Derived(form, asked, preview(params))


def plain(value: object) -> object:
    """A number as JSON keeps it: parameters look at the market, and are no money."""
    return float(value) if isinstance(value, Decimal) else value


def starting_point(venue: str, symbol: str) -> MakerParams:
    return preset(venue, symbol) if venue in PRESETS else MakerParams()


def of_strategy(base: MakerParams, symbol: str, asked: Mapping[str, object]) -> MakerParams:
    usual = {name: getattr(base, name) for name in ("gamma", "sigma", "k", "a", "drawdown_percent")}
    usual |= {"max_inventory_ratio": base.one_sided_at, "symbol": symbol}
    derived = from_strategy(read_form({**usual, **asked}, StrategyForm))
    return changed(base, **{name: getattr(derived, name) for name in OF_STRATEGY})


def of_goal(base: MakerParams, symbol: str, asked: Mapping[str, object]) -> MakerParams:
    return from_goal(read_form({"symbol": symbol, **asked}, GoalForm))


def of_all(base: MakerParams, symbol: str, asked: Mapping[str, object]) -> MakerParams:
    return changed(base, **asked)


DERIVE = {F.STRATEGY: of_strategy, F.GOAL: of_goal, F.FULL: of_all}


def field_of(message: str) -> str:
    found = FIELD.search(message)
    return next(filter(None, found.groups()), "params") if found else "params"


@retried
@transaction.atomic
def create_maker(
    *, account: VenueAccount, symbol: str, form: str, asked: Mapping[str, object]
) -> Maker:
    """Make a maker for a symbol on an account; it quotes nothing before it is started."""
    derived = derive(venue=account.venue, symbol=symbol, form=form, asked=asked)
    # The account's row is the lock: of two at once the second finds the first one's.
    account = VenueAccount.objects.of(account.tenant_id).select_for_update().get(pk=account.pk)
    refuse_unfit(account=account, symbol=symbol)
    if Maker.objects.of(account.tenant_id).filter(venue_account=account, symbol=symbol).exists():
        raise Conflict("there is a maker of this symbol on the account", field="symbol")
    maker = Maker.objects.of(account.tenant_id).create(
        tenant_id=account.tenant_id, venue_account=account, symbol=symbol
    )
    keep_version(maker, derived)
    audit.record("maker.created", maker, after=told(maker))
    return maker


def refuse_unfit(*, account: VenueAccount, symbol: str) -> None:
    """Long and short apart, a maker would hold both, and pay for it twice."""
    is_netted = account.venue in NETTED or account.position_mode == PositionMode.ONE_WAY.value
    if not is_netted:
        raise Conflict(
            "a maker needs an account in one-way mode: change its position mode first",
            field="position_mode",
        )
    if account.venue == Venue.PAPER and symbol not in SYMBOLS:
        raise BadInput("the paper venue does not trade this symbol", field="symbol")


@retried
@transaction.atomic
def change_maker(*, maker: Maker, form: str, asked: Mapping[str, object], now: datetime) -> Maker:
    """Tell it something else from now on, also while it runs; its symbol and its keys stay."""
    maker = Maker.objects.of(maker.tenant_id).select_for_update().get(pk=maker.pk)
    session = Session.objects.of(maker.tenant_id).select_for_update().filter(live_key=maker.pk)
    live = session.filter(status__in=Session.LIVE).first()
    if live and asked.get("symbol", maker.symbol) != maker.symbol:
        raise Conflict("the symbol is locked while the maker runs", field="symbol")
    if asked.get("symbol", maker.symbol) != maker.symbol:
        raise Conflict("a maker keeps its symbol: make another one", field="symbol")
    before = told(maker)
    derived = derive(venue=maker.venue_account.venue, symbol=maker.symbol, form=form, asked=asked)
    maker.version += 1
    maker.save(update_fields=["version"])
    keep_version(maker, derived)
    audit.record("maker.changed", maker, before=before, after=told(maker))
    if live:
        command(session=live, verb=Command.Verb.RETUNE, now=now)
    return maker


def keep_version(maker: Maker, derived: Derived) -> None:
    Version.objects.of(maker.tenant_id).create(
        tenant_id=maker.tenant_id,
        maker=maker,
        number=maker.version,
        form=derived.form,
        asked=derived.asked,
        params=msgspec.to_builtins(derived.params),
        changed_by=audit.who()[:100],
    )


def told(maker: Maker) -> dict[str, object]:
    """What the audit trail knows of a maker."""
    version = version_of(maker)
    return {
        "venue_account": maker.venue_account_id,
        "symbol": maker.symbol,
        "version": version.number,
        "form": version.form,
        "asked": version.asked,
    }
