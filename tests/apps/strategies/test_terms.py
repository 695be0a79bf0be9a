"""A tenant says on what terms it offers a strategy; what is too small is refused."""

from decimal import Decimal

import pytest

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.strategies.models import Subscription, TenantStrategy
from apps.strategies.services import (
    change_subscription,
    change_terms,
    offer_strategy,
    subscribe,
)
from tests.factories import (
    StrategyFactory,
    TenantFactory,
    TenantStrategyFactory,
    VenueAccountFactory,
)
from tests.points import give

pytestmark = pytest.mark.django_db

TERMS = {"capital": Decimal(500), "leverage": 10, "risk_mode": 2, "min_capital": Decimal(300)}


def entries():
    return AuditEntry.objects.filter(action="tenant_strategy.changed")


def test_a_strategy_is_offered_on_the_terms_named():
    offered = offer_strategy(tenant=TenantFactory(), strategy=StrategyFactory(), **TERMS)
    offered.refresh_from_db()
    assert {name: getattr(offered, name) for name in TERMS} == TERMS


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"leverage": 126}, "leverage"),
        ({"leverage": 0}, "leverage"),
        ({"risk_mode": 4}, "risk_mode"),
        ({"capital": Decimal(0)}, "capital"),
        ({"capital": Decimal("NaN")}, "capital"),
        ({"capital": Decimal(100)}, "min_capital"),
        ({"min_capital": Decimal(-1)}, "min_capital"),
        ({"sort_order": -1}, "sort_order"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"status": "paused"}, "status"),
    ],
)
@pytest.mark.parametrize("way", ["offered", "changed"])
def test_terms_that_cannot_be_are_refused_and_nothing_is_written(way, terms, field):
    if way == "offered":
        with pytest.raises(BadInput) as refused:
            offer_strategy(tenant=TenantFactory(), strategy=StrategyFactory(), **terms)
        assert not TenantStrategy.objects.across_tenants().exists()
    else:
        row = TenantStrategyFactory(min_capital=Decimal(200))
        with pytest.raises(BadInput) as refused:
            change_terms(tenant_strategy=row, **terms)
        assert not entries().exists()
    assert refused.value.context["field"] == field


def test_a_change_of_terms_is_told_once_and_leaves_followers_their_figures():
    account = VenueAccountFactory()
    give(account.member)
    row = TenantStrategyFactory(tenant=account.tenant)
    follows = subscribe(tenant_strategy=row, venue_account=account, capital=Decimal(1000))
    change_terms(tenant_strategy=row, **TERMS)
    change_terms(tenant_strategy=row, **TERMS)
    assert entries().get().after["leverage"] == 10
    follows.refresh_from_db()
    assert (follows.capital, follows.leverage) == (Decimal(1000), 20)


def test_less_than_the_least_capital_is_refused():
    account = VenueAccountFactory()
    give(account.member)
    row = TenantStrategyFactory(tenant=account.tenant, min_capital=Decimal(200))
    with pytest.raises(BadInput, match="least capital is 200"):
        subscribe(tenant_strategy=row, venue_account=account, capital=Decimal("199.99999999"))
    assert not Subscription.objects.across_tenants().exists()
    follows = subscribe(tenant_strategy=row, venue_account=account, capital=Decimal(200))
    with pytest.raises(BadInput, match="least capital is 200"):
        change_subscription(subscription=follows, capital=Decimal(199))
    change_terms(tenant_strategy=row, min_capital=Decimal(300))
    # Its own figure stays; another one has to fit what is asked now.
    assert change_subscription(subscription=follows, leverage=5).capital == Decimal(200)


def test_a_subscription_trades_once_or_every_signal():
    account = VenueAccountFactory()
    give(account.member)
    row = TenantStrategyFactory(tenant=account.tenant)
    with pytest.raises(BadInput, match="mode"):
        subscribe(tenant_strategy=row, venue_account=account, capital=Decimal(9), mode="twice")
    once = subscribe(tenant_strategy=row, venue_account=account, capital=Decimal(9), mode="once")
    assert Subscription.objects.across_tenants().get(mode="once") == once
