"""The strategies that a tenant offers, and who follows them."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from apps.core.errors import BadInput, NotFound
from apps.core.face import found, plain
from apps.ledger.movement import MOST
from apps.merchant.gate import Visitor
from apps.merchant.v1.envelope import Id, face, local, member_named
from apps.merchant.v1.members import Named, Nothing, account_of
from apps.positions.selectors import profits_of_member
from apps.strategies.models import RISK_MODES, Subscription, TenantStrategy
from apps.strategies.services import (
    LEAST_CARDS,
    change_subscription,
    refuse_poor,
    stop_subscription,
    subscribe,
)
from apps.tenants.models import AppKey
from apps.venues.models import VenueAccount
from engine.money import ZERO
from engine.sizing import notional_of

S = AppKey.Scope
MODES = {1: Subscription.Mode.ONCE, 2: Subscription.Mode.LOOP}
MODE_NUMBERS = {mode: number for number, mode in MODES.items()}
RISK_NAMES = {number: str(name).lower() for number, name in RISK_MODES}
Whole = Annotated[int, Meta(ge=0, lt=2**31)]


class StrategyLine(Struct):
    id: int
    strategy_id: int
    name: str
    description: str
    symbol: str
    timeframe: str
    min_capital: Decimal
    capital: Decimal
    leverage: int
    risk_mode: int
    risk_mode_label: str
    amount_usdt: Decimal
    status: int


@face.call("GET", "merchant/strategies", scope=S.READ)
def list_strategies(visitor: Visitor, asked: Nothing) -> list[StrategyLine]:
    """What the tenant offers its members."""
    rows = TenantStrategy.objects.of(visitor.key.tenant).select_related("strategy")
    offered = rows.filter(status=TenantStrategy.Status.ACTIVE).order_by("sort_order", "pk")
    return [
        StrategyLine(
            id=row.strategy_id,
            strategy_id=row.strategy_id,
            name=name_of(row),
            description=row.description or row.strategy.description,
            symbol=symbol_of(row),
            timeframe=row.strategy.timeframe,
            min_capital=plain(row.min_capital),
            capital=plain(row.capital),
            leverage=row.leverage,
            risk_mode=row.risk_mode,
            risk_mode_label=RISK_NAMES[row.risk_mode],
            amount_usdt=worth(row),
            status=1,
        )
        for row in offered
    ]


def name_of(offered: TenantStrategy) -> str:
    return offered.display_name or offered.strategy.name


def symbol_of(offered: TenantStrategy) -> str:
    return offered.strategy.symbols[0] if offered.strategy.symbols else ""


def worth(row: TenantStrategy | Subscription) -> Decimal:
    """What one trade of these figures is worth, to the cent."""
    notional = notional_of(capital=row.capital, leverage=row.leverage, risk_mode=row.risk_mode)
    return plain(round(notional, 2))


class OpenStrategy(Struct):
    email: str
    strategy_id: Id
    account_id: Id
    mode: int = 2
    # None of these, or zero, is what the strategy is offered with.
    capital: Decimal = ZERO
    leverage: Whole = 0
    risk_mode: Whole = 0
    min_point_card: Decimal = Decimal(1)


class OpenedStrategy(Struct):
    binding_id: int
    strategy_id: int
    account_id: int
    mode: int
    capital: Decimal
    leverage: int
    risk_mode: int
    risk_mode_label: str
    amount_usdt: Decimal


@face.call("POST", "merchant/user/strategy/open", scope=S.WRITE)
def open_strategy(visitor: Visitor, asked: OpenStrategy) -> OpenedStrategy:
    """Let a member's venue account follow a strategy; one that follows it takes these figures."""
    offered = offered_by(visitor, asked.strategy_id)
    member = member_named(visitor, asked.email)
    refuse_poor(member, least=least_cards(asked.min_point_card))
    if asked.mode not in MODES:
        raise BadInput("the mode is 1 (once) or 2 (every signal)", field="mode")
    account = account_of(visitor, member, asked.account_id)
    figures = {
        "capital": asked.capital or offered.capital,
        "leverage": asked.leverage or offered.leverage,
        "risk_mode": asked.risk_mode or offered.risk_mode,
        "mode": MODES[asked.mode],
    }
    running = running_one(offered, account)
    if running:
        # Without a capital of its own it keeps the one it has.
        if not asked.capital:
            figures["capital"] = running.capital
        row = change_subscription(subscription=running, **figures)
    else:
        row = subscribe(tenant_strategy=offered, venue_account=account, **figures)
    return OpenedStrategy(
        binding_id=row.pk,
        strategy_id=offered.strategy_id,
        account_id=account.pk,
        mode=MODE_NUMBERS[row.mode],
        capital=plain(row.capital),
        leverage=row.leverage,
        risk_mode=row.risk_mode,
        risk_mode_label=RISK_NAMES[row.risk_mode],
        amount_usdt=worth(row),
    )


def offered_by(visitor: Visitor, strategy_id: int) -> TenantStrategy:
    rows = TenantStrategy.objects.of(visitor.key.tenant).select_related("strategy")
    active = rows.filter(status=TenantStrategy.Status.ACTIVE)
    return found(active, what="strategy", strategy=strategy_id)


def least_cards(asked: Decimal) -> Decimal:
    """A caller may ask for more than the platform does, and never for less."""
    if not asked.is_finite() or abs(asked) > MOST:
        raise BadInput(f"min_point_card is a number up to {MOST:f}", field="min_point_card")
    return max(asked, LEAST_CARDS)


def running_one(offered: TenantStrategy, account: VenueAccount) -> Subscription | None:
    rows = Subscription.objects.of(offered.tenant).exclude(status=Subscription.Status.STOPPED)
    return rows.filter(tenant_strategy=offered, venue_account=account).first()


class UpdateStrategy(Struct):
    email: str
    strategy_id: Id
    account_id: Id
    capital: Decimal = ZERO
    leverage: Whole = 0
    risk_mode: Whole = 0


class UpdatedStrategy(Struct):
    binding_id: int
    capital: Decimal
    leverage: int
    risk_mode: int
    risk_mode_label: str
    amount_usdt: Decimal


@face.call("POST", "merchant/user/strategy/update", scope=S.WRITE)
def update_strategy(visitor: Visitor, asked: UpdateStrategy) -> UpdatedStrategy:
    """Trade with other figures from the next signal on; zero leaves a figure as it is."""
    row = change_subscription(
        subscription=subscription_of(visitor, asked.email, asked.strategy_id, asked.account_id),
        capital=asked.capital or None,
        leverage=asked.leverage or None,
        risk_mode=asked.risk_mode or None,
    )
    return UpdatedStrategy(
        binding_id=row.pk,
        capital=plain(row.capital),
        leverage=row.leverage,
        risk_mode=row.risk_mode,
        risk_mode_label=RISK_NAMES[row.risk_mode],
        amount_usdt=worth(row),
    )


def subscription_of(
    visitor: Visitor, email: str, strategy_id: int, account_id: int
) -> Subscription:
    """What a member's account follows; told apart are a wrong member, strategy and account."""
    member = member_named(visitor, email)
    offers = TenantStrategy.objects.of(member.tenant)
    offered = found(offers, what="strategy", strategy=strategy_id)
    rows = Subscription.objects.of(member.tenant).filter(member=member)
    row = rows.filter(tenant_strategy=offered, venue_account=account_id).first()
    if row is None:
        raise NotFound("subscription not found", what="subscription")
    return row


class CloseStrategy(Struct):
    email: str
    strategy_id: Id
    account_id: Id


@face.call("POST", "merchant/user/strategy/close", scope=S.WRITE)
def close_strategy(visitor: Visitor, asked: CloseStrategy) -> None:
    """Trade no further signal; what is held stays held. Closed already, it stays so."""
    row = subscription_of(visitor, asked.email, asked.strategy_id, asked.account_id)
    if row.status != Subscription.Status.STOPPED:
        stop_subscription(subscription=row)


class FollowedLine(Struct):
    strategy_id: int
    strategy_name: str
    symbol: str
    account_id: int
    status: int
    mode: int
    capital: Decimal
    leverage: int
    risk_mode: int
    risk_mode_label: str
    amount_usdt: Decimal
    total_profit: Decimal
    total_trades: int
    create_time: str


@face.call("GET", "merchant/user/strategies", scope=S.READ)
def user_strategies(visitor: Visitor, asked: Named) -> list[FollowedLine]:
    """What a member's accounts follow or followed, and what that realised."""
    member = member_named(visitor, asked.email)
    # Of copies nothing is told here: a line names its strategy.
    rows = Subscription.objects.of(member.tenant).filter(member=member)
    rows = rows.filter(tenant_strategy__isnull=False)
    profits = profits_of_member(member)
    return [
        followed_line(row, profits.get(row.pk, (ZERO, 0)))
        for row in rows.select_related("tenant_strategy__strategy").order_by("pk")
    ]


def followed_line(row: Subscription, profits: tuple[Decimal, int]) -> FollowedLine:
    profit, count = profits
    return FollowedLine(
        strategy_id=row.tenant_strategy.strategy_id,
        strategy_name=name_of(row.tenant_strategy),
        symbol=symbol_of(row.tenant_strategy),
        account_id=row.venue_account_id,
        status=int(row.status == Subscription.Status.ACTIVE),
        mode=MODE_NUMBERS[row.mode],
        capital=plain(row.capital),
        leverage=row.leverage,
        risk_mode=row.risk_mode,
        risk_mode_label=RISK_NAMES[row.risk_mode],
        amount_usdt=worth(row),
        total_profit=plain(profit),
        total_trades=count,
        create_time=local(row.created_at),
    )
