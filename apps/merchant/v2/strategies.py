"""Strategies that the tenant offers, subscriptions to them, and what those trade."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from django.db.models import QuerySet
from msgspec import UNSET, Meta, Struct, UnsetType

from apps.core.face import found, plain
from apps.merchant.gate import Visitor
from apps.merchant.v2.members import account_of
from apps.merchant.v2.problem import Asked, Id, Listed, Page, face, listed
from apps.orders.models import Order
from apps.positions.models import Position
from apps.strategies.models import Subscription, TenantStrategy
from apps.strategies.services import (
    change_subscription,
    resume_subscription,
    stop_subscription,
    subscribe,
)
from apps.tenants.models import AppKey
from engine.sizing import notional_of

S = AppKey.Scope
Leverage = Annotated[int, Meta(ge=1, le=125)]
RiskMode = Annotated[int, Meta(ge=1, le=3)]
Mode = Literal["once", "loop"]


class StrategyLine(Struct):
    id: int
    name: str
    description: str
    symbols: list[str]
    timeframe: str
    min_capital: Decimal
    capital: Decimal
    leverage: int
    risk_mode: int


class ListStrategies(Listed):
    pass


@face.call("GET", "merchant/v2/strategies", scope=S.READ)
def list_strategies(visitor: Visitor, asked: ListStrategies) -> Page[StrategyLine]:
    """What the tenant offers its members, the newest first."""
    rows = TenantStrategy.objects.of(visitor.key.tenant).select_related("strategy")
    return listed(rows.filter(status=TenantStrategy.Status.ACTIVE), asked, strategy_line)


def strategy_line(row: TenantStrategy) -> StrategyLine:
    return StrategyLine(
        id=row.pk,
        name=row.display_name or row.strategy.name,
        description=row.description or row.strategy.description,
        symbols=row.strategy.symbols,
        timeframe=row.strategy.timeframe,
        min_capital=plain(row.min_capital),
        capital=plain(row.capital),
        leverage=row.leverage,
        risk_mode=row.risk_mode,
    )


class SubscriptionLine(Struct):
    id: int
    member_id: int
    account_id: int
    strategy_id: int
    capital: Decimal
    leverage: int
    risk_mode: int
    mode: Mode
    # What one trade is worth.
    notional: Decimal
    status: str
    created_at: datetime


def subscription_line(row: Subscription) -> SubscriptionLine:
    notional = notional_of(capital=row.capital, leverage=row.leverage, risk_mode=row.risk_mode)
    return SubscriptionLine(
        id=row.pk,
        member_id=row.member_id,
        account_id=row.venue_account_id,
        strategy_id=row.tenant_strategy_id,
        capital=plain(row.capital),
        leverage=row.leverage,
        risk_mode=row.risk_mode,
        mode=row.mode,
        notional=plain(notional),
        status=row.status,
        created_at=row.created_at,
    )


class ListSubscriptions(Listed):
    member_id: Id | None = None
    status: Literal["active", "paused", "stopped"] | None = None


@face.call("GET", "merchant/v2/subscriptions", scope=S.READ)
def list_subscriptions(visitor: Visitor, asked: ListSubscriptions) -> Page[SubscriptionLine]:
    """Who follows which strategy, the newest first."""
    rows = following_strategies(visitor)
    if asked.member_id is not None:
        rows = rows.filter(member=asked.member_id)
    if asked.status:
        rows = rows.filter(status=asked.status)
    return listed(rows, asked, subscription_line)


class Subscribe(Asked):
    account_id: Id
    strategy_id: Id
    # What is not named is what the strategy is offered with.
    capital: Decimal | UnsetType = UNSET
    leverage: Leverage | UnsetType = UNSET
    risk_mode: RiskMode | UnsetType = UNSET
    mode: Mode = "loop"


@face.call("POST", "merchant/v2/subscriptions", scope=S.WRITE, status=201)
def follow(visitor: Visitor, asked: Subscribe) -> SubscriptionLine:
    """Let a venue account follow a strategy. One that was stopped resumes, with these figures."""
    account = account_of(visitor, asked.account_id)
    offers = TenantStrategy.objects.of(visitor.key.tenant).select_related("strategy")
    offered = found(offers, what="strategy", pk=asked.strategy_id)
    row = subscribe(
        tenant_strategy=offered,
        venue_account=account,
        capital=offered.capital if asked.capital is UNSET else asked.capital,
        leverage=offered.leverage if asked.leverage is UNSET else asked.leverage,
        risk_mode=offered.risk_mode if asked.risk_mode is UNSET else asked.risk_mode,
        mode=asked.mode,
    )
    return subscription_line(row)


class OneSubscription(Asked):
    subscription_id: Id


@face.call("GET", "merchant/v2/subscriptions/<int:subscription_id>", scope=S.READ)
def read_subscription(visitor: Visitor, asked: OneSubscription) -> SubscriptionLine:
    """One subscription."""
    return subscription_line(subscription_of(visitor, asked.subscription_id))


class ChangeSubscription(Asked):
    subscription_id: Id
    capital: Decimal | None = None
    leverage: Leverage | None = None
    risk_mode: RiskMode | None = None
    mode: Mode | None = None


@face.call("PATCH", "merchant/v2/subscriptions/<int:subscription_id>", scope=S.WRITE)
def change(visitor: Visitor, asked: ChangeSubscription) -> SubscriptionLine:
    """Trade with other figures from the next signal on; what is not named stays."""
    row = change_subscription(
        subscription=subscription_of(visitor, asked.subscription_id),
        capital=asked.capital,
        leverage=asked.leverage,
        risk_mode=asked.risk_mode,
        mode=asked.mode,
    )
    return subscription_line(row)


@face.call("POST", "merchant/v2/subscriptions/<int:subscription_id>/stop", scope=S.WRITE)
def stop(visitor: Visitor, asked: OneSubscription) -> SubscriptionLine:
    """Trade no further signal; what is held stays held."""
    row = subscription_of(visitor, asked.subscription_id)
    stop_subscription(subscription=row)
    return subscription_line(row)


@face.call("POST", "merchant/v2/subscriptions/<int:subscription_id>/resume", scope=S.WRITE)
def resume(visitor: Visitor, asked: OneSubscription) -> SubscriptionLine:
    """Trade again, with the figures it had."""
    row = subscription_of(visitor, asked.subscription_id)
    resume_subscription(subscription=row)
    row.refresh_from_db()
    return subscription_line(row)


def subscription_of(visitor: Visitor, subscription_id: int) -> Subscription:
    rows = following_strategies(visitor)
    rows = rows.select_related("tenant", "venue_account__tenant", "tenant_strategy")
    return found(rows, what="subscription", pk=subscription_id)


def following_strategies(visitor: Visitor) -> QuerySet[Subscription]:
    """Subscriptions but copies, which have no strategy to name."""
    return Subscription.objects.of(visitor.key.tenant).filter(tenant_strategy__isnull=False)


class OfAccount(Listed):
    account_id: Id | None = None


class OrderLine(Struct):
    id: UUID
    account_id: int
    symbol: str
    side: str
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    status: str
    created_at: datetime


@face.call("GET", "merchant/v2/orders", scope=S.READ)
def list_orders(visitor: Visitor, asked: OfAccount) -> Page[OrderLine]:
    """Orders, the latest first."""
    return listed(of_account(Order, visitor, asked), asked, order_line)


def order_line(row: Order) -> OrderLine:
    return OrderLine(
        id=row.pk,
        account_id=row.venue_account_id,
        symbol=row.symbol,
        side=row.side,
        quantity=plain(row.quantity),
        filled=plain(row.filled),
        average_price=None if row.average_price is None else plain(row.average_price),
        status=row.status,
        created_at=row.created_at,
    )


class PositionLine(Struct):
    id: UUID
    account_id: int
    symbol: str
    direction: str
    quantity: Decimal
    entry_price: Decimal
    realized: Decimal
    status: str
    created_at: datetime


@face.call("GET", "merchant/v2/positions", scope=S.READ)
def list_positions(visitor: Visitor, asked: OfAccount) -> Page[PositionLine]:
    """Positions, the latest first."""
    return listed(of_account(Position, visitor, asked), asked, position_line)


def position_line(row: Position) -> PositionLine:
    return PositionLine(
        id=row.pk,
        account_id=row.venue_account_id,
        symbol=row.symbol,
        direction=row.direction,
        quantity=plain(row.quantity),
        entry_price=plain(row.entry_price),
        realized=plain(row.realized),
        status=row.status,
        created_at=row.created_at,
    )


def of_account(model, visitor: Visitor, asked: OfAccount):
    rows = model.objects.of(visitor.key.tenant)
    return rows if asked.account_id is None else rows.filter(venue_account=asked.account_id)
