"""Strategies are made and offered; venue accounts subscribe, stop and resume."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.core.states import change_status, move, move_all
from apps.core.writing import check_fields, put
from apps.ledger.errors import InsufficientPoints
from apps.ledger.models import Account
from apps.ledger.selectors import accounts_of
from apps.members.models import Member
from apps.quotas.services import refuse_full
from apps.strategies.errors import PausedForPoints
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.tenants.models import Event, Tenant
from apps.tenants.services import tell_many
from apps.venues.models import VenueAccount
from engine.errors import BadParameters
from engine.money import ZERO, points
from engine.sizing import RISK_MODES
from engine.strategies import strategy_named

SYMBOL = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{1,15}")
MOST_SYMBOLS = 50
LARGEST_CAPITAL = Decimal(10) ** 10
MOST_LEVERAGE = 125
# Nobody begins to trade, or goes on, with fewer points than these.
LEAST_CARDS = Decimal(1)
# What a tenant may say of a strategy that it offers.
TERMS = (
    *("display_name", "description", "capital", "leverage", "risk_mode", "min_capital"),
    "sort_order",
)
# What of a strategy its maker decides; its status has verbs of its own.
FIELDS = (
    *("code", "name", "description", "rule", "params", "venue", "symbols", "timeframe"),
    *("min_confidence", "cooldown_seconds"),
)


@retried
@transaction.atomic
def create_strategy(**fields: object) -> Strategy:
    """Make a strategy of the platform; `FIELDS` names what it may be given."""
    strategy = Strategy()
    write(strategy, fields)
    audit.record("strategy.created", strategy, after=told(strategy))
    return strategy


@retried
@transaction.atomic
def update_strategy(*, strategy: Strategy, **changes: object) -> Strategy:
    """Change what is named and keep the rest; the whole must still be sound."""
    fresh = Strategy.objects.select_for_update().get(pk=strategy.pk)
    before = told(fresh)
    write(fresh, changes)
    if told(fresh) != before:
        audit.record("strategy.updated", fresh, before=before, after=told(fresh))
    return fresh


def write(strategy: Strategy, values: Mapping[str, object]) -> None:
    put(strategy, values, known=FIELDS)
    check(strategy)
    try:
        with transaction.atomic():
            strategy.save()
    except IntegrityError as error:
        raise Conflict(f"a strategy {strategy.code} exists already", field="code") from error


def check(strategy: Strategy) -> None:
    """Refuse a strategy that could not decide, naming the field."""
    check_params(rule=strategy.rule, params=strategy.params)
    check_symbols(strategy.symbols)
    check_fields(strategy)


def check_params(*, rule: str, params: object) -> None:
    if not isinstance(params, Mapping):
        raise BadInput("parameters are names with values", field="params")
    if not rule:
        if params:
            raise BadInput("without a rule there is nothing to tune", field="params")
        return
    try:
        named = strategy_named(rule)
    except BadParameters as error:
        raise BadInput(f"{error.message}: {rule}", field="rule", **error.context) from error
    try:
        named.read_params(params)
    except BadParameters as error:
        raise BadInput(error.message, field="params") from error


def check_symbols(symbols: object) -> None:
    if not isinstance(symbols, list) or not 1 <= len(symbols) <= MOST_SYMBOLS:
        raise BadInput(f"symbols are a list of 1 to {MOST_SYMBOLS}", field="symbols")
    for symbol in symbols:
        if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol):
            raise BadInput(f"{symbol!r} is not of the form BASE/QUOTE"[:200], field="symbols")
    if len(set(symbols)) != len(symbols):
        raise BadInput("a symbol is named twice", field="symbols")


def told(strategy: Strategy) -> dict[str, object]:
    return {name: getattr(strategy, name) for name in FIELDS}


def pause_strategy(*, strategy: Strategy) -> None:
    """Decide nothing more with it, for any tenant; what is held stays held."""
    change_status(strategy, to=Strategy.Status.PAUSED, action="strategy.paused")


def resume_strategy(*, strategy: Strategy) -> None:
    change_status(strategy, to=Strategy.Status.ACTIVE, action="strategy.resumed")


@retried
@transaction.atomic
def offer_strategy(*, tenant: Tenant, strategy: Strategy, **terms: object) -> TenantStrategy:
    """Let a tenant offer a strategy to its members; offered already, it stays as it is.

    `TERMS` names what may be said of it.
    """
    # The tenant's row is the lock: of two offers at once the second finds the first one's.
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    refuse_suspended(tenant)
    fresh = TenantStrategy(tenant=tenant, strategy=strategy)
    write_terms(fresh, terms)
    offered = TenantStrategy.objects.of(tenant).filter(strategy=strategy).first()
    if offered:
        return offered
    if strategy.made_for_id not in (None, tenant.pk):
        raise NotAllowed("the strategy is another tenant's own", strategy=strategy.code)
    if Strategy.objects.get(pk=strategy.pk).status != Strategy.Status.ACTIVE:
        raise Conflict("the strategy is paused", strategy=strategy.code)
    fresh.save()
    audit.record(
        "tenant_strategy.offered", fresh, after={"strategy": strategy.code, **terms_of(fresh)}
    )
    return fresh


@retried
@transaction.atomic
def change_terms(*, tenant_strategy: TenantStrategy, **terms: object) -> TenantStrategy:
    """Offer it on other terms from now on; who follows it already keeps their own figures."""
    rows = TenantStrategy.objects.of(tenant_strategy.tenant).select_for_update()
    row = rows.get(pk=tenant_strategy.pk)
    before = terms_of(row)
    write_terms(row, terms)
    if terms_of(row) != before:
        row.save(update_fields=TERMS)
        audit.record("tenant_strategy.changed", row, before=before, after=terms_of(row))
    return row


@retried
@transaction.atomic
def change_params(
    *, tenant_strategy: TenantStrategy, params: Mapping[str, object]
) -> TenantStrategy:
    """Trade it with these parameters from the next bar on, for this tenant alone.

    The platform's strategy stays as it is for the others: the tenant gets a version of its own,
    which is changed when it is tuned again.
    """
    rows = TenantStrategy.objects.of(tenant_strategy.tenant).select_for_update()
    row = rows.select_related("strategy", "tenant").get(pk=tenant_strategy.pk)
    before = row.strategy
    check_params(rule=before.rule, params=params)
    if before.params == params:
        return row
    if before.made_for_id == row.tenant_id:
        row.strategy = update_strategy(strategy=before, params=params)
        return row
    row.strategy = own_version(before, tenant=row.tenant, params=params)
    row.save(update_fields=["strategy"])
    audit.record(
        "tenant_strategy.tuned", row, before={"strategy": before.code}, after=told(row.strategy)
    )
    return row


def master_of(row: TenantStrategy) -> Strategy:
    """The platform's strategy that a tenant's version was made of; itself, where it is none."""
    strategy = row.strategy
    if strategy.made_for_id is None:
        return strategy
    ending = own_ending(strategy.made_for_id)
    masters = Strategy.objects.filter(made_for=None, rule=strategy.rule).order_by("pk")
    named = masters.filter(code__startswith=strategy.code.removesuffix(ending))
    return next((one for one in named if one.code[:50] + ending == strategy.code), strategy)


def own_ending(tenant_id: int) -> str:
    return f"-t{tenant_id}"


def own_version(strategy: Strategy, *, tenant: Tenant, params: Mapping[str, object]) -> Strategy:
    """The tenant's version of a strategy: made once, and tuned ever after."""
    code = strategy.code[:50] + own_ending(tenant.pk)
    made = Strategy.objects.filter(code=code, made_for=tenant).first()
    if made:
        return update_strategy(strategy=made, params=params)
    copied = {name: getattr(strategy, name) for name in FIELDS}
    made = create_strategy(**copied | {"code": code, "params": params})
    Strategy.objects.filter(pk=made.pk).update(made_for=tenant)
    made.refresh_from_db()
    return made


def write_terms(row: TenantStrategy, terms: Mapping[str, object]) -> None:
    put(row, terms, known=TERMS)
    check_figures(capital=row.capital, leverage=row.leverage, risk_mode=row.risk_mode)
    check_fields(row, without=["tenant", "strategy"])
    if not ZERO <= row.min_capital <= row.capital:
        raise BadInput("minimum capital is from zero to the capital", field="min_capital")


def terms_of(row: TenantStrategy) -> dict[str, object]:
    return {name: getattr(row, name) for name in TERMS}


def pause_tenant_strategy(*, tenant_strategy: TenantStrategy) -> None:
    """Trade it for none of the tenant's members until it is resumed."""
    paused = TenantStrategy.Status.PAUSED
    change_status(tenant_strategy, to=paused, action="tenant_strategy.paused")


def resume_tenant_strategy(*, tenant_strategy: TenantStrategy) -> None:
    active = TenantStrategy.Status.ACTIVE
    change_status(tenant_strategy, to=active, action="tenant_strategy.resumed")


@retried
@transaction.atomic
def subscribe(
    *,
    tenant_strategy: TenantStrategy,
    venue_account: VenueAccount,
    capital: Decimal,
    leverage: int = 20,
    risk_mode: int = 1,
    mode: str = Subscription.Mode.LOOP,
) -> Subscription:
    """Let a venue account follow a tenant strategy.

    One that was stopped resumes, with these figures; one that runs keeps its own.
    """
    check_figures(capital=capital, leverage=leverage, risk_mode=risk_mode)
    figures = {
        "capital": capital,
        "leverage": leverage,
        "risk_mode": risk_mode,
        "mode": checked_mode(mode),
    }
    if venue_account.tenant_id != tenant_strategy.tenant_id:
        raise NotAllowed("the venue account and the strategy are not of one tenant")
    account = locked_account(venue_account)
    refuse_unready(tenant_strategy=tenant_strategy, account=account)
    refuse_small(capital=capital, tenant_strategy=tenant_strategy)

    of_tenant = Subscription.objects.of(account.tenant)
    row = of_tenant.filter(venue_account=account, tenant_strategy=tenant_strategy).first()
    if row is None or row.status == Subscription.Status.STOPPED:
        refuse_poor(account.member)
        refuse_full(tenant=account.tenant, limit="max_subscriptions", rows=counted(account.tenant))
    if row is None:
        row = of_tenant.create(
            tenant_strategy=tenant_strategy,
            venue_account=account,
            member_id=account.member_id,
            **figures,
        )
        audit.record("subscription.started", row, after=told_of(row))
    elif row.status == Subscription.Status.STOPPED:
        before = told_of(row)
        move(row, to=Subscription.Status.ACTIVE, allowed=Subscription.MOVES, **figures)
        audit.record("subscription.resumed", row, before=before, after=told_of(row))
    elif {name: getattr(row, name) for name in figures} != figures:
        raise Conflict("the account follows this strategy with other figures", subscription=row.pk)
    return row


@retried
@transaction.atomic
def change_subscription(
    *,
    subscription: Subscription,
    capital: Decimal | None = None,
    leverage: int | None = None,
    risk_mode: int | None = None,
    mode: str | None = None,
) -> Subscription:
    """Trade with other figures from the next signal on; what is not named stays."""
    locked_account(subscription.venue_account)
    row = Subscription.objects.of(subscription.tenant).get(pk=subscription.pk)
    before = told_of(row)
    row.capital = row.capital if capital is None else capital
    row.leverage = row.leverage if leverage is None else leverage
    row.risk_mode = row.risk_mode if risk_mode is None else risk_mode
    row.mode = row.mode if mode is None else checked_mode(mode)
    check_figures(capital=row.capital, leverage=row.leverage, risk_mode=row.risk_mode)
    if capital is not None and row.tenant_strategy:
        refuse_small(capital=capital, tenant_strategy=row.tenant_strategy)
    if told_of(row) != before:
        row.save(update_fields=["capital", "leverage", "risk_mode", "mode"])
        audit.record("subscription.changed", row, before=before, after=told_of(row))
    return row


def refuse_poor(member: Member, *, least: Decimal = LEAST_CARDS) -> None:
    """Refuse a member whose point cards, of both kinds, are fewer than the least."""
    held = held_by(member)
    if held < least:
        raise InsufficientPoints(
            "the member has not enough point cards",
            field="member",
            held=f"{held:f}",
            least=f"{least:f}",
        )


def held_by(member: Member) -> Decimal:
    books = accounts_of([member.owner], [Account.Kind.SELF, Account.Kind.GIFT])
    return sum((account.balance for account in books.values()), ZERO)


def stop_subscription(*, subscription: Subscription) -> None:
    """Trade no further signal; what is held stays held."""
    change_status(subscription, to=Subscription.Status.STOPPED, action="subscription.stopped")


@retried
@transaction.atomic
def resume_subscription(*, subscription: Subscription) -> None:
    account = locked_account(subscription.venue_account)
    refuse_unready(tenant_strategy=subscription.tenant_strategy, account=account)
    rows = Subscription.objects.of(account.tenant).filter(pk=subscription.pk)
    if rows.filter(status=Subscription.Status.PAUSED).exists():
        raise PausedForPoints(
            "it goes on by itself once the member's point cards are topped up",
            subscription=subscription.pk,
        )
    refuse_poor(account.member)
    if rows.filter(status=Subscription.Status.STOPPED).exists():
        refuse_full(tenant=account.tenant, limit="max_subscriptions", rows=counted(account.tenant))
    change_status(subscription, to=Subscription.Status.ACTIVE, action="subscription.resumed")


def pause_short(*, members: Iterable[Member]) -> None:
    """Open nothing more for members whose point cards could not pay, until they are topped up."""
    move_of(
        members,
        came_from=Subscription.Status.ACTIVE,
        to=Subscription.Status.PAUSED,
        action="subscription.paused",
    )


def resume_topped_up(*, member: Member) -> None:
    """Go on with what was paused for want of points, once there are enough."""
    if held_by(member) < LEAST_CARDS:
        return
    move_of(
        [member],
        came_from=Subscription.Status.PAUSED,
        to=Subscription.Status.ACTIVE,
        action="subscription.resumed",
    )


@retried
@transaction.atomic
def move_of(members: Iterable[Member], *, came_from: str, to: str, action: str) -> None:
    """Move every subscription of these members that has one status to another one."""
    owners = {member.pk for member in members}
    if not owners:
        return
    rows = Subscription.objects.across_tenants().select_for_update().order_by("pk")
    found = list(rows.filter(member__in=owners, status=came_from))
    move_all(found, to=to, allowed=Subscription.MOVES)
    tell_many(
        Event(
            tenant_id=row.tenant_id,
            name=action,
            about={"subscription": row.pk, "member": row.member_id},
        )
        for row in found
    )
    if found:
        audit.record_each(action, found, before={"status": came_from}, after={"status": to})


def check_figures(*, capital: Decimal, leverage: int, risk_mode: int) -> None:
    if not isinstance(capital, Decimal) or not capital.is_finite():
        raise BadInput("capital is a decimal number", field="capital")
    if not ZERO < capital < LARGEST_CAPITAL:
        raise BadInput("capital is above zero and below ten billion", field="capital")
    if points(capital) != capital:
        raise BadInput("capital has at most eight decimals", field="capital")
    if type(leverage) is not int or not 1 <= leverage <= MOST_LEVERAGE:
        raise BadInput(f"leverage is a whole number from 1 to {MOST_LEVERAGE}", field="leverage")
    if type(risk_mode) is not int or risk_mode not in RISK_MODES:
        raise BadInput(f"the risk mode is one of {list(RISK_MODES)}", field="risk_mode")


def checked_mode(mode: str) -> str:
    if mode not in Subscription.Mode.values:
        raise BadInput(f"the mode is one of {Subscription.Mode.values}", field="mode")
    return mode


def refuse_small(*, capital: Decimal, tenant_strategy: TenantStrategy) -> None:
    least = tenant_strategy.min_capital
    if capital < least:
        raise BadInput(f"the least capital is {least.normalize():f}", field="capital")


def counted(tenant: Tenant) -> QuerySet[Subscription]:
    """The subscriptions that a plan counts."""
    return Subscription.objects.of(tenant).exclude(status=Subscription.Status.STOPPED)


def locked_account(account: VenueAccount) -> VenueAccount:
    """The account as it is now. Its row is the lock of all its subscriptions."""
    return VenueAccount.objects.of(account.tenant).select_for_update().get(pk=account.pk)


def refuse_unready(*, tenant_strategy: TenantStrategy | None, account: VenueAccount) -> None:
    """Refuse an account that could not trade the strategy now, or copy anybody."""
    refuse_suspended(Tenant.objects.get(pk=account.tenant_id))
    if tenant_strategy is not None:
        refuse_unoffered(tenant_strategy)
    if account.member.status != Member.Status.ACTIVE:
        raise Conflict("the member is disabled", member=account.member_id)
    if account.status != VenueAccount.Status.ACTIVE:
        raise Conflict("the venue account is paused", venue_account=account.pk)


def refuse_unoffered(tenant_strategy: TenantStrategy) -> None:
    offers = TenantStrategy.objects.of(tenant_strategy.tenant_id).select_related("strategy")
    offered = offers.get(pk=tenant_strategy.pk)
    if offered.status != TenantStrategy.Status.ACTIVE:
        raise Conflict("the tenant has paused this strategy", tenant_strategy=offered.pk)
    if offered.strategy.status != Strategy.Status.ACTIVE:
        raise Conflict("the platform has paused this strategy", tenant_strategy=offered.pk)


def refuse_suspended(tenant: Tenant) -> None:
    if tenant.status != Tenant.Status.ACTIVE:
        raise Conflict("the tenant is suspended", tenant=tenant.pk)


def told_of(row: Subscription) -> dict[str, object]:
    return {
        "tenant_strategy": row.tenant_strategy_id,
        "venue_account": row.venue_account_id,
        "capital": row.capital,
        "leverage": row.leverage,
        "risk_mode": row.risk_mode,
        "mode": row.mode,
        "status": row.status,
        **({} if row.tenant_strategy_id else copying_of(row)),
    }


def copying_of(row: Subscription) -> dict[str, object]:
    return {
        "leader_account": row.leader_account_id,
        "leader_trader": row.leader_trader_id,
        "measure": row.measure,
        "measured": row.measured,
    }
