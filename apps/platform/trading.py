"""Strategies and their offers, subscriptions, and venue accounts' nodes."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from apps.copying.services import follow as copy_account
from apps.core.face import found
from apps.nodes.models import Node
from apps.orders.services import assign_account, change_modes
from apps.platform import lists
from apps.platform.face import Asked, Id, Visitor, face, named
from apps.platform.people import tenant_of
from apps.strategies.models import Strategy, TenantStrategy
from apps.strategies.services import (
    change_subscription,
    change_terms,
    offer_strategy,
    subscribe,
)
from apps.traders.models import Trader
from apps.venues.models import VenueAccount
from apps.venues.services import bind_account

Leverage = Annotated[int, Meta(ge=1, le=125)]
RiskMode = Annotated[int, Meta(ge=1, le=3)]
Place = Annotated[int, Meta(ge=0, le=32767)]
Mode = Literal["once", "loop"]
CHANGE_OFFER = "strategies.change_tenantstrategy"


class Terms(Asked, kw_only=True):
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    capital: Decimal | UnsetType = UNSET
    leverage: Leverage | UnsetType = UNSET
    risk_mode: RiskMode | UnsetType = UNSET
    min_capital: Decimal | UnsetType = UNSET
    sort_order: Place | UnsetType = UNSET


class Offer(Terms, kw_only=True):
    for_tenant: Id
    strategy_id: Id


@face.call("POST", "api/tenant-strategies", scope="strategies.add_tenantstrategy", status=201)
def offer(visitor: Visitor, asked: Offer) -> lists.tenant_strategies.line:
    """Let a tenant offer a strategy, on these terms; offered already, it stays as it is."""
    tenant = tenant_of(visitor, asked.for_tenant)
    strategy = found(Strategy.objects.all(), what="strategy", pk=asked.strategy_id)
    terms = named(asked, "for_tenant", "strategy_id")
    return lists.tenant_strategies.line_of(
        offer_strategy(tenant=tenant, strategy=strategy, **terms)
    )


class ChangeOffer(Terms, kw_only=True):
    id: Id


@face.call("PATCH", "api/tenant-strategies/<int:id>", scope=CHANGE_OFFER)
def change_offer(visitor: Visitor, asked: ChangeOffer) -> lists.tenant_strategies.line:
    """Offer it on other terms from now on; who follows it keeps their own figures."""
    row = lists.tenant_strategies.one(visitor, asked.id)
    changed = change_terms(tenant_strategy=row, **named(asked, "id"))
    return lists.tenant_strategies.line_of(changed)


class OneOffer(Asked):
    id: Id


@face.call("POST", "api/tenant-strategies/<int:id>/copy-from-master", scope=CHANGE_OFFER)
def copy_from_master(visitor: Visitor, asked: OneOffer) -> lists.tenant_strategies.line:
    """Take over the strategy's own name and description, where the tenant gave none."""
    row = lists.tenant_strategies.one(visitor, asked.id)
    changed = change_terms(
        tenant_strategy=row,
        display_name=row.display_name or row.strategy.name,
        description=row.description or row.strategy.description,
    )
    return lists.tenant_strategies.line_of(changed)


class CopyLeader(Asked, kw_only=True):
    venue_account_id: Id
    leader_account_id: Id | None = None
    leader_trader_id: Id | None = None
    measure: Literal["ratio", "amount", "quantity"]
    measured: Decimal
    capital: Decimal
    leverage: Leverage = 20


@face.call("POST", "api/subscriptions/copy", scope="strategies.add_subscription", status=201)
def copy_leader(visitor: Visitor, asked: CopyLeader) -> lists.subscriptions.line:
    """Let a venue account do as another account, or an AI trader, does."""
    account = lists.venue_accounts.one(visitor, asked.venue_account_id)
    leaders = {
        "leader_account": (VenueAccount, asked.leader_account_id),
        "leader_trader": (Trader, asked.leader_trader_id),
    }
    row = copy_account(
        venue_account=account,
        measure=asked.measure,
        measured=asked.measured,
        capital=asked.capital,
        leverage=asked.leverage,
        **{
            name: found(model.objects.of(account.tenant), what=name.replace("_", " "), pk=key)
            for name, (model, key) in leaders.items()
            if key is not None
        },
    )
    return lists.subscriptions.line_of(row)


class Subscribe(Asked):
    tenant_strategy_id: Id
    venue_account_id: Id
    capital: Decimal
    leverage: Leverage = 20
    risk_mode: RiskMode = 1
    mode: Mode = "loop"


@face.call("POST", "api/subscriptions", scope="strategies.add_subscription", status=201)
def follow(visitor: Visitor, asked: Subscribe) -> lists.subscriptions.line:
    """Let a venue account follow a tenant's strategy."""
    account = lists.venue_accounts.one(visitor, asked.venue_account_id)
    offers = TenantStrategy.objects.of(account.tenant)
    offered = found(offers, what="tenant strategy", pk=asked.tenant_strategy_id)
    row = subscribe(
        tenant_strategy=offered,
        venue_account=account,
        capital=asked.capital,
        leverage=asked.leverage,
        risk_mode=asked.risk_mode,
        mode=asked.mode,
    )
    return lists.subscriptions.line_of(row)


class ChangeSubscription(Asked):
    id: Id
    capital: Decimal | UnsetType = UNSET
    leverage: Leverage | UnsetType = UNSET
    risk_mode: RiskMode | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET


@face.call("PATCH", "api/subscriptions/<int:id>", scope="strategies.change_subscription")
def change(visitor: Visitor, asked: ChangeSubscription) -> lists.subscriptions.line:
    """Trade with other figures from the next signal on."""
    row = lists.subscriptions.one(visitor, asked.id)
    return lists.subscriptions.line_of(change_subscription(subscription=row, **named(asked, "id")))


class Bind(Asked):
    member_id: Id
    venue: str
    label: str = "futures"
    api_key: str = ""
    api_secret: str = ""
    passphrase: str = ""
    # As they are; at first isolated margin, and long and short apart.
    margin: str = ""
    position_mode: str = ""


@face.call("POST", "api/venue-accounts", scope="venues.add_venueaccount", status=201)
def bind(visitor: Visitor, asked: Bind) -> lists.venue_accounts.line:
    """Bind a member's venue account; bound again, its keys are replaced."""
    account = bind_account(
        member=lists.members.one(visitor, asked.member_id),
        venue=asked.venue,
        label=asked.label,
        api_key=asked.api_key,
        api_secret=asked.api_secret,
        passphrase=asked.passphrase,
        margin=asked.margin,
        position_mode=asked.position_mode,
    )
    return lists.venue_accounts.line_of(account)


class Modes(Asked):
    id: Id
    margin: str = ""
    position_mode: str = ""


@face.call("POST", "api/venue-accounts/<int:id>/modes", scope="venues.change_venueaccount")
def set_modes(visitor: Visitor, asked: Modes) -> lists.venue_accounts.line:
    """Margin (isolated, cross) and position mode (hedge, one_way); refused while it holds anything.

    Its venue is told before the account next opens anything.
    """
    account: VenueAccount = lists.venue_accounts.one(visitor, asked.id)
    change_modes(account=account, margin=asked.margin, position_mode=asked.position_mode)
    return lists.venue_accounts.line_of(account)


class Assign(Asked):
    id: Id
    node_id: Id


@face.call("POST", "api/venue-accounts/<int:id>/node", scope="nodes.change_node")
def assign(visitor: Visitor, asked: Assign) -> lists.venue_accounts.line:
    """Let this node trade the account from the next ticket on."""
    account: VenueAccount = lists.venue_accounts.one(visitor, asked.id)
    assign_account(account=account, node=found(Node.objects.all(), what="node", pk=asked.node_id))
    return lists.venue_accounts.line_of(account)
