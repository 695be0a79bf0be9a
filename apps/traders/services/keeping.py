"""What traders are made of: models, prompts and the traders themselves, checked as they come in."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.tenants.models import Tenant
from apps.traders.models import Manager, Mind, Seat, Template, Trader
from apps.traders.selectors import (
    budget_of,
    limits_of,
    minds_of,
    model_of,
    patience_of,
)
from apps.venues.feeding import want
from apps.venues.models import Venue, VenueAccount
from apps.venues.selectors import instruments
from engine.candle import TIMEFRAMES
from engine.deciding.errors import BadTemplate
from engine.deciding.prompt import digest_of_text, read_template
from engine.errors import BadParameters

LONGEST_KEY = 500
MOST_SYMBOLS, MOST_TIMEFRAMES, MOST_MINDS = 20, 4, 5
# Enough for the slowest of the indicators to be warm, and to be shown for a while.
BARS = 150
OF_MIND = ("protocol", "base_url", "model", "params")
OF_TRADER = (
    *("name", "market", "symbols", "timeframes", "template", "counsel", "limits", "budget"),
    *("patience", "interval_seconds", "style", "slippage_bps", "sharpe_floor"),
    *("sharpe_pause_seconds", "drawdown_percent", "failure_percent", "failure_window"),
    *("failure_least", "auto_start", "is_public"),
)
OF_MANAGER = (
    *("total", "reserve_percent", "strategy", "interval_seconds", "least_percent"),
    *("most_percent", "step_percent", "least_trades", "is_active"),
)


@retried
@transaction.atomic
def create_mind(*, tenant: Tenant, name: str, key: str = "", **values: Any) -> Mind:
    """Make a language model known; its key is sealed to its address."""
    mind = Mind(tenant=tenant, name=name, **values)
    seal(mind, key)
    checked_mind(mind)
    written(row=mind, conflict="there is a model of this name", field="name")
    audit.record("mind.created", mind, after=told_of_mind(mind))
    return mind


@retried
@transaction.atomic
def change_mind(*, mind: Mind, key: str | None = None, **values: Any) -> Mind:
    """Change what is told; at another address its key has to be told anew."""
    mind = Mind.objects.of(mind.tenant_id).select_for_update().get(pk=mind.pk)
    before = told_of_mind(mind)
    has_moved = values.get("base_url", mind.base_url) != mind.base_url
    if has_moved and mind.key and key is None:
        raise BadInput("at another address the key has to be told anew", field="key")
    for name, value in values.items():
        setattr(mind, name, value)
    if key is not None:
        seal(mind, key)
    checked_mind(mind)
    mind.save()
    audit.record("mind.changed", mind, before=before, after=told_of_mind(mind))
    return mind


def seal(mind: Mind, key: str) -> None:
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadInput(f"a key has up to {LONGEST_KEY} printable characters", field="key")
    if key:
        Mind._meta.get_field("key").seal(mind, key)
    else:
        mind.key = ""
    mind.key_hint = key[-4:] if len(key) > 8 else ""


def checked_mind(mind: Mind) -> None:
    if not isinstance(mind.params, dict):
        raise BadInput("params is an object", field="params")
    mind.params = plain(mind.params)
    try:
        model_of(mind)
    except BadParameters as error:
        raise BadInput(error.message, field=field_of(error, OF_MIND, "params")) from error
    validated(mind)


def told_of_mind(mind: Mind) -> dict[str, object]:
    told = {name: getattr(mind, name) for name in ("name", *OF_MIND)}
    return {**told, "key_hint": mind.key_hint}


@retried
@transaction.atomic
def create_template(*, tenant: Tenant, name: str, text: str) -> Template:
    """Keep a prompt's text under its name and the version that it says; never another for it."""
    try:
        version = read_template(text).version
    except BadTemplate as error:
        raise BadInput(error.message, field="text") from error
    digest = digest_of_text(text)
    rows = Template.objects.of(tenant)
    known = rows.filter(name=name, version=version).first()
    if known:
        if known.digest != digest:
            raise Conflict(f"{name} {version} has another text: tell another version", field="text")
        return known
    template = Template(tenant=tenant, name=name, version=version, text=text, digest=digest)
    validated(template)
    written(row=template, conflict="somebody else keeps this version now", field="text")
    audit.record("template.created", template, after={"name": name, "version": version})
    return template


@retried
@transaction.atomic
def create_trader(
    *,
    account: VenueAccount,
    code: str,
    minds: Sequence[Mind],
    capital: Decimal,
    is_shadow: bool = False,
    now: datetime,
    **values: Any,
) -> Trader:
    """Make a trader; it decides nothing before it is started."""
    trader = Trader(
        tenant_id=account.tenant_id,
        code=code,
        venue_account=account,
        capital=capital,
        is_shadow=is_shadow,
        **{"name": code, "timeframes": ["3m", "4h"], **values},
    )
    checked_trader(trader, minds)
    written(row=trader, conflict="there is a trader of this code", field="code")
    seat(trader, minds)
    want_candles(trader, now=now)
    audit.record("trader.created", trader, after=told_of_trader(trader))
    return trader


@retried
@transaction.atomic
def change_trader(
    *, trader: Trader, minds: Sequence[Mind] | None = None, now: datetime, **values: Any
) -> Trader:
    """Tell it something else from its next decision on; who it is and what it holds stay."""
    trader = Trader.objects.of(trader.tenant_id).select_for_update().get(pk=trader.pk)
    before = told_of_trader(trader)
    if unknown := values.keys() - set(OF_TRADER):
        raise BadInput(f"{sorted(unknown)[0]} stays as it is", field=sorted(unknown)[0])
    for name, value in values.items():
        setattr(trader, name, value)
    asked = minds_of(trader) if minds is None else minds
    checked_trader(trader, asked)
    trader.save(update_fields=[*OF_TRADER])
    if minds is not None:
        seat(trader, minds)
    want_candles(trader, now=now)
    audit.record("trader.changed", trader, before=before, after=told_of_trader(trader))
    return trader


def seat(trader: Trader, minds: Sequence[Mind]) -> None:
    rows = Seat.objects.of(trader.tenant_id)
    rows.filter(trader=trader).delete()
    rows.bulk_create(
        Seat(tenant_id=trader.tenant_id, trader=trader, mind=mind, place=place)
        for place, mind in enumerate(minds, start=1)
    )


def want_candles(trader: Trader, *, now: datetime) -> None:
    """Have the bars kept that it looks at; the paper venue's are made as they are asked for."""
    if trader.market != Venue.PAPER:
        series = [(s, t) for s in trader.symbols for t in trader.timeframes]
        want({(trader.market, symbol, frame): BARS for symbol, frame in series}, now=now)


def checked_trader(trader: Trader, minds: Sequence[Mind]) -> None:
    names(trader.symbols, "symbols", most=MOST_SYMBOLS)
    names(trader.timeframes, "timeframes", most=MOST_TIMEFRAMES)
    if unknown := set(trader.timeframes) - set(TIMEFRAMES):
        raise BadInput(f"{sorted(unknown)[0][:16]!r} is no timeframe", field="timeframes")
    known = instruments(trader.venue_account.venue)
    if unknown := set(trader.symbols) - set(known):
        told = f"{trader.venue_account.venue} has not described {sorted(unknown)[0][:32]}"
        raise BadInput(told, field="symbols")
    if not minds or len(minds) > MOST_MINDS or len({mind.pk for mind in minds}) != len(minds):
        raise BadInput(f"it asks 1 to {MOST_MINDS} models, each once", field="minds")
    if not trader.capital.is_finite() or trader.capital <= 0:
        raise BadInput("capital is more than zero", field="capital")
    for mind in minds:
        if mind.tenant_id != trader.tenant_id:
            raise BadInput("a model is another tenant's", field="minds")
    for name, read in (("limits", limits_of), ("budget", budget_of), ("patience", patience_of)):
        if not isinstance(getattr(trader, name), dict):
            raise BadInput(f"{name} is an object", field=name)
        setattr(trader, name, plain(getattr(trader, name)))
        try:
            read(trader)
        except BadParameters as error:
            raise BadInput(error.message, field=name) from error
    if trader.counsel == Trader.Counsel.JUDGE and len(minds) < 2:
        raise BadInput("a judge has somebody to judge: name two models", field="minds")
    validated(trader)


def plain(value: object) -> Any:
    """Numbers as JSON keeps them: parameters look at the market, and are no money."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def names(value: object, field: str, *, most: int) -> None:
    is_list = isinstance(value, list) and 0 < len(value) <= most
    if not is_list or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{field} is a list of 1 to {most} names", field=field)
    if len(set(value)) != len(value):
        raise BadInput(f"{field} names one twice", field=field)


def told_of_trader(trader: Trader) -> dict[str, object]:
    told = {name: getattr(trader, name) for name in OF_TRADER if name != "template"}
    return {
        **told,
        "template": str(trader.template_id),
        "minds": [mind.name for mind in minds_of(trader)],
        "venue_account": trader.venue_account_id,
        "capital": trader.capital,
        "is_shadow": trader.is_shadow,
    }


@retried
@transaction.atomic
def create_manager(*, tenant: Tenant, name: str, now: datetime, **values: Any) -> Manager:
    manager = Manager(tenant=tenant, name=name, next_at=now, **values)
    checked_manager(manager)
    written(row=manager, conflict="there is a manager of this name", field="name")
    audit.record("manager.created", manager, after=told_of_manager(manager))
    return manager


@retried
@transaction.atomic
def change_manager(*, manager: Manager, now: datetime, **values: Any) -> Manager:
    manager = Manager.objects.of(manager.tenant_id).select_for_update().get(pk=manager.pk)
    before = told_of_manager(manager)
    for name, value in values.items():
        setattr(manager, name, value)
    checked_manager(manager)
    manager.next_at = now
    manager.save()
    audit.record("manager.changed", manager, before=before, after=told_of_manager(manager))
    return manager


def checked_manager(manager: Manager) -> None:
    if not manager.total.is_finite() or manager.total <= 0:
        raise BadInput("total is more than zero", field="total")
    validated(manager)
    if manager.least_percent > manager.most_percent:
        raise BadInput("least_percent is at most most_percent", field="least_percent")


def told_of_manager(manager: Manager) -> dict[str, object]:
    return {"name": manager.name, **{name: getattr(manager, name) for name in OF_MANAGER}}


def validated(row: Any) -> None:
    """What the fields say of themselves; the first that is broken is named."""
    sealed = {"key"} & {field.name for field in row._meta.fields}
    try:
        row.full_clean(exclude=sealed, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {messages[0]}", field=field) from error


def written(*, row: Any, conflict: str, field: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(conflict, field=field) from error


def field_of(error: BadParameters, fields: Sequence[str], default: str) -> str:
    """Which field of ours a message is about."""
    return next((name for name in fields if f"$.{name}" in error.message), default)
