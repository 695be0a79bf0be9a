"""AI traders: their models, prompts and managers; made, changed, started, paused, stopped, read.

Models are made known by the platform's own people: a model's address is one that the centre calls.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType, field

from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Id, Visitor, face, named
from apps.tenants.models import Tenant
from apps.traders import services
from apps.traders.models import Mind, Trader
from apps.traders.selectors import Arm, books_of, compared, minds_of, spending_of
from apps.traders.services.keeping import OF_MANAGER, OF_TRADER
from engine.deciding import budget, limits, models, standing
from engine.messages import number
from engine.parameters import parameters_of

ADD, CHANGE, VIEW = "traders.add_trader", "traders.change_trader", "traders.view_trader"
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Key = Annotated[str, Meta(max_length=500)]
Reason = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=65_536)]
Protocol = Literal["openai", "anthropic", "deepseek"]
Symbols = Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=20)]
Frames = Annotated[list[Annotated[str, Meta(max_length=4)]], Meta(max_length=4)]
Minds = Annotated[list[Id], Meta(min_length=1, max_length=5)]
Seconds = Annotated[int, Meta(ge=5, le=604_800)]
Percent = Decimal
Whole = Annotated[int, Meta(ge=1, le=1_000_000)]


class Described(Struct):
    """One of the things that can be told; least and most are bounds where it has any."""

    name: str
    kind: str
    default: Any
    meaning: str
    least: float | None
    most: float | None
    choices: list[Any]
    is_list: bool


class Forms(Struct):
    limits: list[Described]
    budget: list[Described]
    patience: list[Described]
    model: list[Described]


@face.call("GET", "api/traders/forms", scope=VIEW)
def trader_forms(visitor: Visitor, asked: Asked) -> Forms:
    """What limits, budgets, patience and models can be told, with bounds, defaults and meanings."""
    return Forms(
        described(limits.describe()),
        described(parameters_of(budget.Budget)),
        described(parameters_of(standing.Patience)),
        described(models.describe()),
    )


def described(parameters: Iterable[Any]) -> list[Described]:
    return [
        Described(
            one.name,
            one.kind,
            None if one.default is msgspec.NODEFAULT else msgspec.to_builtins(one.default),
            one.meaning,
            one.least,
            one.most,
            list(one.choices),
            one.is_list,
        )
        for one in parameters
    ]


class NewMind(Asked, kw_only=True):
    tenant_id: Id
    name: Name
    protocol: Protocol
    base_url: Annotated[str, Meta(max_length=300)]
    model: Annotated[str, Meta(max_length=128)]
    params: dict[str, Any] = field(default_factory=dict)
    key: Key = ""


@face.call("POST", "api/minds", scope="traders.add_mind", status=201, only=PLATFORM)
def create_a_mind(visitor: Visitor, asked: NewMind) -> lists.minds.line:
    """Make a language model known to a tenant; its key is sealed, and never told again."""
    tenant: Tenant = lists.tenants.one(visitor, asked.tenant_id)
    return lists.minds.line_of(services.create_mind(tenant=tenant, **named(asked, "tenant_id")))


class MindChange(Asked, kw_only=True):
    id: Id
    protocol: Protocol | UnsetType = UNSET
    base_url: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    model: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    key: Key | UnsetType = UNSET


@face.call("PATCH", "api/minds/<int:id>", scope="traders.change_mind", only=PLATFORM)
def change_a_mind(visitor: Visitor, asked: MindChange) -> lists.minds.line:
    """Change what is told; at another address its key has to be told anew."""
    mind: Mind = lists.minds.one(visitor, asked.id)
    return lists.minds.line_of(services.change_mind(mind=mind, **named(asked, "id")))


class NewTemplate(Asked, kw_only=True):
    tenant_id: Id
    name: Name
    text: Text


@face.call("POST", "api/prompt-templates", scope="traders.add_template", status=201)
def create_a_template(visitor: Visitor, asked: NewTemplate) -> lists.templates.line:
    """Keep a prompt under its name and the version that it says; a version has one text."""
    tenant: Tenant = lists.tenants.one(visitor, asked.tenant_id)
    made = services.create_template(tenant=tenant, name=asked.name, text=asked.text)
    return lists.templates.line_of(made)


class TraderTold(Asked, kw_only=True):
    name: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    market: Annotated[str, Meta(max_length=16)] | UnsetType = UNSET
    symbols: Symbols | UnsetType = UNSET
    timeframes: Frames | UnsetType = UNSET
    counsel: Literal["in_turn", "vote", "judge"] | UnsetType = UNSET
    limits: dict[str, Any] | UnsetType = UNSET
    budget: dict[str, Any] | UnsetType = UNSET
    patience: dict[str, Any] | UnsetType = UNSET
    interval_seconds: Seconds | UnsetType = UNSET
    style: Literal["market", "limit"] | UnsetType = UNSET
    slippage_bps: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    sharpe_floor: float | UnsetType | None = UNSET
    sharpe_pause_seconds: Annotated[int, Meta(ge=0, le=604_800)] | UnsetType = UNSET
    drawdown_percent: Percent | UnsetType = UNSET
    failure_percent: Percent | UnsetType = UNSET
    failure_window: Whole | UnsetType = UNSET
    failure_least: Whole | UnsetType = UNSET
    auto_start: bool | UnsetType = UNSET
    is_public: bool | UnsetType = UNSET


class NewTrader(TraderTold, kw_only=True):
    venue_account_id: Id
    code: Code
    template_id: UUID
    mind_ids: Minds
    capital: Decimal
    symbols: Symbols
    is_shadow: bool = False


@face.call("POST", "api/traders", scope=ADD, status=201)
def create_a_trader(visitor: Visitor, asked: NewTrader) -> lists.traders.line:
    """Make a trader on a venue account; it decides nothing before it is started."""
    trader = services.create_trader(
        account=lists.venue_accounts.one(visitor, asked.venue_account_id),
        code=asked.code,
        minds=[lists.minds.one(visitor, one) for one in asked.mind_ids],
        capital=asked.capital,
        is_shadow=asked.is_shadow,
        now=timezone.now(),
        template=lists.templates.one(visitor, asked.template_id),
        **told_of(asked),
    )
    return lists.traders.line_of(trader)


class TraderChange(TraderTold, kw_only=True):
    id: Id
    template_id: UUID | UnsetType = UNSET
    mind_ids: Minds | UnsetType = UNSET


@face.call("PATCH", "api/traders/<int:id>", scope=CHANGE)
def change_a_trader(visitor: Visitor, asked: TraderChange) -> lists.traders.line:
    """Tell it something else from its next decision on; who it is and what it holds stay."""
    told = told_of(asked)
    if asked.template_id is not UNSET:
        told["template"] = lists.templates.one(visitor, asked.template_id)
    minds = None
    if asked.mind_ids is not UNSET:
        minds = [lists.minds.one(visitor, one) for one in asked.mind_ids]
    trader: Trader = lists.traders.one(visitor, asked.id)
    changed = services.change_trader(trader=trader, minds=minds, now=timezone.now(), **told)
    return lists.traders.line_of(changed)


class OneTrader(Asked):
    id: Id


class WithReason(Asked):
    id: Id
    reason: Reason = ""


@face.call("POST", "api/traders/<int:id>/start", scope=CHANGE)
def start_a_trader(visitor: Visitor, asked: OneTrader) -> lists.traders.line:
    """Have it decide from now on; earlier failures no longer count."""
    trader = lists.traders.one(visitor, asked.id)
    return lists.traders.line_of(services.start_trader(trader=trader, now=timezone.now()))


@face.call("POST", "api/traders/<int:id>/pause", scope=CHANGE)
def pause_a_trader(visitor: Visitor, asked: WithReason) -> lists.traders.line:
    """Have it decide nothing for now; what it holds keeps its stop and target."""
    trader = lists.traders.one(visitor, asked.id)
    paused = services.pause_trader(trader=trader, reason=asked.reason, now=timezone.now())
    return lists.traders.line_of(paused)


@face.call("POST", "api/traders/<int:id>/stop", scope=CHANGE)
def stop_a_trader(visitor: Visitor, asked: WithReason) -> lists.traders.line:
    """Have it decide nothing more; its positions are a person's to close."""
    trader = lists.traders.one(visitor, asked.id)
    stopped = services.stop_trader(trader=trader, reason=asked.reason, now=timezone.now())
    return lists.traders.line_of(stopped)


@face.call("POST", "api/traders/<int:id>/decide-now", scope=CHANGE)
def have_a_trader_decide(visitor: Visitor, asked: OneTrader) -> lists.traders.line:
    """Make it due at once; what stands before a decision still does."""
    trader = lists.traders.one(visitor, asked.id)
    return lists.traders.line_of(services.decide_now(trader=trader, now=timezone.now()))


class HeldNow(Struct):
    symbol: str
    direction: str
    quantity: str
    entry: str
    mark: str
    leverage: int
    margin: str
    unrealised: str
    stop: str | None
    target: str | None
    invalidation: str


class TraderState(Struct):
    trader: lists.traders.line
    minds: list[str]
    # Its own slice of the account.
    equity: str
    available: str
    margin_used: str
    realised: str
    unrealised: str
    # Of today, with what is set aside for a call under way.
    cost: str
    tokens: int
    positions: list[HeldNow]


@face.call("GET", "api/traders/<int:id>/state", scope=VIEW)
def trader_state(visitor: Visitor, asked: OneTrader) -> TraderState:
    """A trader with what it is worth, holds, and has spent today."""
    now = timezone.now()
    trader: Trader = lists.traders.one(visitor, asked.id)
    books = books_of([trader], now=now)[trader.pk]
    spent, account = spending_of(trader, now.date()), books.account
    return TraderState(
        lists.traders.line_of(trader),
        [mind.name for mind in minds_of(trader)],
        number(account.equity),
        number(account.available),
        number(account.margin_used),
        number(account.realised),
        number(account.unrealised),
        number(spent.cost),
        spent.tokens,
        [
            HeldNow(
                one.symbol,
                one.direction.value,
                number(one.quantity),
                number(one.entry),
                number(one.mark),
                one.leverage,
                number(one.margin),
                number(one.unrealised),
                None if one.stop is None else number(one.stop),
                None if one.target is None else number(one.target),
                one.invalidation,
            )
            for one in books.held
        ],
    )


class NewDuel(Asked, kw_only=True):
    trader_id: Id
    template_id: UUID
    name: Name
    way: Literal["in_turn", "halves"] = "in_turn"


@face.call("POST", "api/duels", scope="traders.add_duel", status=201)
def begin_a_duel(visitor: Visitor, asked: NewDuel) -> lists.duels.line:
    """Try another prompt beside a trader's own, by turns or with half of its capital."""
    duel = services.begin_duel(
        trader=lists.traders.one(visitor, asked.trader_id),
        second=lists.templates.one(visitor, asked.template_id),
        name=asked.name,
        way=asked.way,
        now=timezone.now(),
    )
    return lists.duels.line_of(duel)


class OneDuel(Asked):
    id: Id


@face.call("POST", "api/duels/<int:id>/end", scope="traders.change_duel")
def end_a_duel(visitor: Visitor, asked: OneDuel) -> lists.duels.line:
    """Its figures stay as they are; the trader goes on by its own prompt, the other one stops."""
    duel = lists.duels.one(visitor, asked.id)
    return lists.duels.line_of(services.end_duel(duel=duel, now=timezone.now()))


class ArmTold(Struct):
    prompt: str
    trader: str
    decisions: int
    failed: int
    openings: int
    refused: int
    cost: str
    trades: int
    wins: int
    net: str
    # What each trade won, in percent of the equity that its decision saw.
    mean_percent: str | None


class Ahead(Struct):
    """Of the second over the first, in percent a trade."""

    mean: float
    # Where it lies in 95 of 100 draws.
    low: float
    high: float
    # How often chance alone comes to as much, and whether that is seldom enough.
    by_chance: float
    is_sure: bool


class DuelTold(Struct):
    first: ArmTold
    second: ArmTold
    # None while there are too few trades.
    ahead: Ahead | None


@face.call("GET", "api/duels/<int:id>/comparison", scope="traders.view_duel")
def compare_a_duel(visitor: Visitor, asked: OneDuel) -> DuelTold:
    """How both prompts have done since it began, and how sure their difference is."""
    told = compared(lists.duels.one(visitor, asked.id))
    found = told.difference
    ahead = found and Ahead(
        found.mean, found.interval.low, found.interval.high, found.by_chance, found.is_sure
    )
    return DuelTold(arm_told(told.first), arm_told(told.second), ahead)


def arm_told(arm: Arm) -> ArmTold:
    mean = arm.mean_percent
    amounts = {"cost": number(arm.cost), "net": number(arm.net)}
    amounts["mean_percent"] = None if mean is None else number(round(mean, 8))
    return ArmTold(**{name: getattr(arm, name) for name in Arm.__slots__} | amounts)


class ManagerTold(Asked, kw_only=True):
    total: Decimal | UnsetType = UNSET
    reserve_percent: Percent | UnsetType = UNSET
    strategy: Literal["fixed", "equal", "performance_based"] | UnsetType = UNSET
    interval_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] | UnsetType = UNSET
    least_percent: Percent | UnsetType = UNSET
    most_percent: Percent | UnsetType = UNSET
    step_percent: Percent | UnsetType = UNSET
    least_trades: Annotated[int, Meta(ge=0, le=100_000)] | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class NewManager(ManagerTold, kw_only=True):
    tenant_id: Id
    name: Name
    total: Decimal


@face.call("POST", "api/trader-managers", scope="traders.add_manager", status=201)
def create_a_manager(visitor: Visitor, asked: NewManager) -> lists.trader_managers.line:
    """Make a manager that shares its capital out among traders, less what it keeps in reserve."""
    tenant: Tenant = lists.tenants.one(visitor, asked.tenant_id)
    told = {name: value for name, value in named(asked).items() if name in OF_MANAGER}
    made = services.create_manager(tenant=tenant, name=asked.name, now=timezone.now(), **told)
    return lists.trader_managers.line_of(made)


class ManagerChange(ManagerTold, kw_only=True):
    id: Id


@face.call("PATCH", "api/trader-managers/<int:id>", scope="traders.change_manager")
def change_a_manager(visitor: Visitor, asked: ManagerChange) -> lists.trader_managers.line:
    """Change how it shares out; it does so anew at once."""
    manager = lists.trader_managers.one(visitor, asked.id)
    told = named(asked, "id")
    changed = services.change_manager(manager=manager, now=timezone.now(), **told)
    return lists.trader_managers.line_of(changed)


class Joining(Asked, kw_only=True):
    id: Id
    trader_id: Id
    share_percent: Percent


@face.call("POST", "api/trader-managers/<int:id>/traders", scope="traders.change_manager")
def put_under_a_manager(visitor: Visitor, asked: Joining) -> lists.traders.line:
    """Give a trader that holds nothing its share of the manager's capital."""
    joined = services.join_manager(
        trader=lists.traders.one(visitor, asked.trader_id),
        manager=lists.trader_managers.one(visitor, asked.id),
        share_percent=asked.share_percent,
        now=timezone.now(),
    )
    return lists.traders.line_of(joined)


# Inside.


def told_of(asked: TraderTold) -> dict[str, Any]:
    return {name: value for name, value in named(asked).items() if name in OF_TRADER}
