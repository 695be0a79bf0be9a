"""An account follows its own tenant's strategies, with sound figures, once each."""

from decimal import Decimal
from threading import Thread

import pytest
from django.db import connections

from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.core.models import AuditEntry
from apps.members.models import Member
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.strategies.selectors import active_watches, followers
from apps.strategies.services import (
    change_subscription,
    offer_strategy,
    pause_tenant_strategy,
    resume_subscription,
    resume_tenant_strategy,
    stop_subscription,
    subscribe,
)
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from tests.factories import (
    StrategyFactory,
    SubscriptionFactory,
    TenantFactory,
    TenantStrategyFactory,
    VenueAccountFactory,
)
from tests.points import give

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    row = VenueAccountFactory()
    give(row.member)
    return row


@pytest.fixture
def offered(account):
    return TenantStrategyFactory(tenant=account.tenant)


def test_a_strategy_is_offered_once_and_stays_as_it_was():
    acme, strategy = TenantFactory(), StrategyFactory()
    first = offer_strategy(tenant=acme, strategy=strategy, display_name="Acme cross")
    pause_tenant_strategy(tenant_strategy=first)
    again = offer_strategy(tenant=acme, strategy=strategy, display_name="Another name")
    assert again == first
    assert (again.display_name, again.status) == ("Acme cross", TenantStrategy.Status.PAUSED)
    assert AuditEntry.objects.filter(action="tenant_strategy.offered").get().tenant == acme


@pytest.mark.parametrize(
    ("case", "make"),
    [
        ("a suspended tenant", lambda: {"tenant": TenantFactory(status=Tenant.Status.SUSPENDED)}),
        ("a paused strategy", lambda: {"strategy": StrategyFactory(status=Strategy.Status.PAUSED)}),
    ],
)
def test_nothing_inactive_is_offered(case, make):
    asked = {"tenant": TenantFactory(), "strategy": StrategyFactory()} | make()
    with pytest.raises(Conflict):
        offer_strategy(**asked)
    assert not TenantStrategy.objects.across_tenants().exists()
    assert not AuditEntry.objects.exists()


def test_a_subscription_belongs_to_the_accounts_member(account, offered):
    row = subscribe(
        tenant_strategy=offered, venue_account=account, capital=Decimal("1000.00000001")
    )
    row.refresh_from_db()
    assert (row.tenant, row.member) == (account.tenant, account.member)
    assert (row.capital, row.leverage, row.risk_mode) == (Decimal("1000.00000001"), 20, 1)
    assert AuditEntry.objects.get().tenant == account.tenant


def test_globex_account_never_follows_acme_strategy(offered):
    globex_account = VenueAccountFactory()
    with pytest.raises(NotAllowed):
        subscribe(tenant_strategy=offered, venue_account=globex_account, capital=Decimal(10))
    nothing_was_written()


def nothing_was_written():
    assert not Subscription.objects.across_tenants().exists()
    assert not AuditEntry.objects.exists()


BAD_FIGURES = [
    ("no capital", "capital", Decimal(0)),
    ("negative capital", "capital", Decimal(-1)),
    ("nine decimals", "capital", Decimal("1.000000001")),
    ("no number", "capital", Decimal("NaN")),
    ("endless", "capital", Decimal("Infinity")),
    ("more than a column holds", "capital", Decimal(10) ** 10),
    ("a float", "capital", 10.5),
    ("no leverage", "leverage", 0),
    ("too much leverage", "leverage", 126),
    ("broken leverage", "leverage", 2.5),
    ("leverage as a flag", "leverage", True),
    ("no risk mode", "risk_mode", 0),
    ("an unknown risk mode", "risk_mode", 4),
    ("a risk mode as text", "risk_mode", "1"),
]


@pytest.mark.parametrize(("case", "field", "value"), BAD_FIGURES)
def test_unsound_figures_are_refused_by_their_field(case, field, value, account, offered):
    figures = {"capital": Decimal(1000), field: value}
    with pytest.raises(BadInput) as refused:
        subscribe(tenant_strategy=offered, venue_account=account, **figures)
    assert refused.value.context["field"] == field
    nothing_was_written()


@pytest.mark.parametrize(("leverage", "risk_mode"), [(1, 1), (125, 3)])
def test_the_bounds_themselves_are_allowed(leverage, risk_mode, account, offered):
    row = subscribe(
        tenant_strategy=offered,
        venue_account=account,
        capital=Decimal("0.00000001"),
        leverage=leverage,
        risk_mode=risk_mode,
    )
    assert row.status == Subscription.Status.ACTIVE


def set_status(row, status):
    """Change the row behind the back of whoever holds it."""
    type(row)._base_manager.filter(pk=row.pk).update(status=status)


INACTIVE = [
    ("the member is disabled", lambda a, o: set_status(a.member, Member.Status.DISABLED)),
    ("the tenant is suspended", lambda a, o: set_status(a.tenant, Tenant.Status.SUSPENDED)),
    ("venue account is paused", lambda a, o: set_status(a, VenueAccount.Status.PAUSED)),
    ("tenant has paused", lambda a, o: set_status(o, TenantStrategy.Status.PAUSED)),
    ("platform has paused", lambda a, o: set_status(o.strategy, Strategy.Status.PAUSED)),
]


@pytest.mark.parametrize(("reason", "happens"), INACTIVE)
def test_nothing_inactive_is_subscribed(reason, happens, account, offered):
    happens(account, offered)
    with pytest.raises(Conflict, match=reason):
        subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    nothing_was_written()


@pytest.mark.parametrize(("reason", "happens"), INACTIVE)
def test_nothing_inactive_is_resumed(reason, happens, account, offered):
    row = SubscriptionFactory(
        venue_account=account, tenant_strategy=offered, status=Subscription.Status.STOPPED
    )
    happens(account, offered)
    with pytest.raises(Conflict, match=reason):
        resume_subscription(subscription=row)
    row.refresh_from_db()
    assert row.status == Subscription.Status.STOPPED
    assert not AuditEntry.objects.exists()


def test_subscribing_twice_is_done_once_and_never_overwrites(account, offered):
    first = subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    again = subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    assert again == first
    with pytest.raises(Conflict, match="other figures"):
        subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(2000))
    assert Subscription.objects.of(account.tenant).get().capital == Decimal(1000)
    assert AuditEntry.objects.count() == 1


def test_a_stopped_subscription_resumes_with_the_new_figures(account, offered):
    first = subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    stop_subscription(subscription=first)
    again = subscribe(
        tenant_strategy=offered,
        venue_account=account,
        capital=Decimal(2000),
        leverage=5,
        risk_mode=3,
    )
    assert (again.pk, again.status) == (first.pk, Subscription.Status.ACTIVE)
    assert (again.capital, again.leverage, again.risk_mode) == (Decimal(2000), 5, 3)
    told = AuditEntry.objects.get(action="subscription.resumed")
    assert (told.before["status"], told.after["status"]) == ("stopped", "active")


def test_stopping_twice_is_refused(account, offered):
    row = subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    stop_subscription(subscription=row)
    with pytest.raises(Conflict):
        stop_subscription(subscription=row)
    assert AuditEntry.objects.filter(action="subscription.stopped").count() == 1


def test_figures_change_from_the_next_signal_on(account, offered):
    row = subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
    for _time in range(2):
        change_subscription(subscription=row, leverage=7)
    row.refresh_from_db()
    assert (row.capital, row.leverage, row.risk_mode) == (Decimal(1000), 7, 1)
    with pytest.raises(BadInput):
        change_subscription(subscription=row, leverage=8, capital=Decimal(0))
    row.refresh_from_db()
    assert row.leverage == 7
    assert AuditEntry.objects.filter(action="subscription.changed").count() == 1


def test_followers_are_those_who_may_trade_in_two_queries(django_assert_num_queries):
    strategy = StrategyFactory()
    acme = TenantStrategyFactory(strategy=strategy)
    globex = TenantStrategyFactory(strategy=strategy)
    trading = [follower(acme), follower(acme), follower(globex)]
    follower(TenantStrategyFactory())
    follower(acme, status=Subscription.Status.STOPPED)
    for _reason, happens in INACTIVE[:1] + INACTIVE[2:3]:
        row = follower(acme)
        happens(row.venue_account, acme)
    with django_assert_num_queries(2):
        found = list(followers(strategy))
        for row in found:
            assert row.venue_account.node.code
            assert row.member.owner
            assert row.tenant.name
    assert found == trading
    set_status(globex, TenantStrategy.Status.PAUSED)
    assert list(followers(strategy)) == trading[:2]
    set_status(acme.tenant, Tenant.Status.SUSPENDED)
    assert list(followers(strategy)) == []


def follower(tenant_strategy, **kwargs):
    account = VenueAccountFactory(member__tenant=tenant_strategy.tenant)
    give(account.member)
    return SubscriptionFactory(venue_account=account, tenant_strategy=tenant_strategy, **kwargs)


def test_a_strategy_is_watched_while_an_active_tenant_offers_it():
    strategy = StrategyFactory()
    assert list(active_watches()) == []
    acme = TenantStrategyFactory(strategy=strategy)
    globex = TenantStrategyFactory(strategy=strategy)
    assert list(active_watches()) == [strategy]
    pause_tenant_strategy(tenant_strategy=acme)
    set_status(globex.tenant, Tenant.Status.SUSPENDED)
    assert list(active_watches()) == []
    resume_tenant_strategy(tenant_strategy=acme)
    assert list(active_watches()) == [strategy]
    set_status(strategy, Strategy.Status.PAUSED)
    assert list(active_watches()) == []


@pytest.mark.django_db(transaction=True)
def test_subscribing_four_times_at_once_subscribes_once():
    account = VenueAccountFactory()
    give(account.member)
    offered = TenantStrategyFactory(tenant=account.tenant)
    problems = []

    def follow():
        try:
            subscribe(tenant_strategy=offered, venue_account=account, capital=Decimal(1000))
        except Exception as error:  # noqa: BLE001
            problems.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=follow) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert Subscription.objects.of(account.tenant).count() == 1
    assert AuditEntry.objects.count() == 1
