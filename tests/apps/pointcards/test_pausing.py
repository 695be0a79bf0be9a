"""Where the policy says so, a shortfall pauses a member's subscriptions until a top-up."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.ledger.errors import InsufficientPoints
from apps.members.models import Member
from apps.orders.models import Ticket
from apps.orders.services import plan
from apps.pointcards.services import recharge_member, transfer_cards
from apps.strategies.errors import PausedForPoints
from apps.strategies.models import Subscription
from apps.strategies.services import resume_subscription, stop_subscription, subscribe
from apps.tenants.models import Event
from apps.tenants.services import set_policy
from engine.signal import Action
from tests.apps.pointcards.trader import close, follower
from tests.apps.rewards.shop import K, Shop, settle
from tests.factories import (
    EndpointFactory,
    InstrumentFactory,
    NodeFactory,
    PositionFactory,
    SignalFactory,
    SubscriptionFactory,
)

S = Subscription.Status


@pytest.fixture
def shop(db):
    shop = Shop()
    set_policy(tenant=shop.tenant, pauses_on_shortfall=True)
    EndpointFactory(tenant=shop.tenant)
    return shop


def paused(shop):
    """A subscription whose member's last charge was short."""
    row = follower(shop, own=10)
    settle([close(row, "100")])
    assert status(row) == S.PAUSED
    return row


def status(row):
    row.refresh_from_db()
    return row.status


def told(name):
    return [event.about for event in Event.objects.across_tenants().filter(name=name)]


@pytest.mark.parametrize(("pauses", "then"), [(True, S.PAUSED), (False, S.ACTIVE)])
def test_a_shortfall_pauses_where_the_policy_says_so(shop, pauses, then):
    set_policy(tenant=shop.tenant, pauses_on_shortfall=pauses)
    short, other = follower(shop, own=10), follower(shop, own=500)
    settle([close(short, "100"), close(other, "100")])
    assert (status(short), status(other)) == (then, S.ACTIVE)


def test_the_last_point_pays_without_a_pause(shop):
    row = follower(shop, own=20, gift=10)
    settle([close(row, "100")])
    assert status(row) == S.ACTIVE


def test_all_that_run_are_paused_and_what_was_stopped_stays_stopped(shop):
    row = follower(shop, own=10)
    second = SubscriptionFactory(venue_account=row.venue_account)
    stopped = SubscriptionFactory(venue_account=row.venue_account, status=S.STOPPED)
    settle([close(row, "100"), close(second, "100")])
    assert [status(one) for one in (row, second, stopped)] == [S.PAUSED, S.PAUSED, S.STOPPED]
    recharge_member(key="again", member=row.member, kind=K.SELF, amount=Decimal(1))
    assert [status(one) for one in (row, second, stopped)] == [S.ACTIVE, S.ACTIVE, S.STOPPED]


def test_it_is_told_and_recorded_once_for_each_way(shop):
    row = paused(shop)
    settle([close(row, "100")])
    recharge_member(key="again", member=row.member, kind=K.SELF, amount=Decimal(1))
    about = {"subscription": row.pk, "member": row.member_id}
    assert told("subscription.paused") == told("subscription.resumed") == [about]
    entries = AuditEntry.objects.filter(subject=f"strategies.subscription:{row.pk}")
    assert list(entries.order_by("number").values_list("action", "tenant")) == [
        ("subscription.paused", shop.tenant.pk),
        ("subscription.resumed", shop.tenant.pk),
    ]
    assert len(told("charge.made")) == 2


def signal(row, action):
    strategy = row.tenant_strategy.strategy
    plan(signal_id=SignalFactory(strategy=strategy, action=action).pk, now=timezone.now())
    return list(Ticket.objects.of(row.tenant).values_list("action", "status", "quantity"))


def test_paused_it_opens_nothing_and_still_closes_what_it_holds(shop):
    row = paused(shop)
    InstrumentFactory()
    row.venue_account.node = NodeFactory(last_heartbeat_at=timezone.now() + timedelta(seconds=5))
    row.venue_account.save()
    assert signal(row, Action.OPEN) == []
    PositionFactory(subscription=row, quantity=Decimal("0.2"))
    assert signal(row, Action.CLOSE) == [("close", Ticket.Status.SENT, Decimal("0.2"))]


@pytest.mark.parametrize("kind", [K.SELF, K.GIFT])
def test_a_recharge_lets_it_go_on(shop, kind):
    row = paused(shop)
    recharge_member(key="dust", member=row.member, kind=kind, amount=Decimal("0.99999999"))
    assert status(row) == S.PAUSED
    recharge_member(key="again", member=row.member, kind=kind, amount=Decimal("0.00000001"))
    assert status(row) == S.ACTIVE


def test_cards_from_another_member_let_it_go_on(shop):
    row = paused(shop)
    giver = shop.member(own=5, inviter=row.member)
    transfer_cards(key="k", sender=giver, receiver=row.member, kind=K.SELF, amount=Decimal(5))
    assert status(row) == S.ACTIVE


def test_a_top_up_that_is_refused_or_repeated_lets_nothing_go_on(shop):
    row = follower(shop)
    asked = {"key": "first", "member": row.member, "kind": K.SELF, "amount": Decimal(10)}
    recharge_member(**asked)
    settle([close(row, "100")])
    recharge_member(**asked)
    with pytest.raises(InsufficientPoints):
        recharge_member(**asked | {"key": "much", "amount": Decimal(10) ** 9})
    Member.objects.of(shop.tenant).filter(pk=row.member_id).update(status="disabled")
    with pytest.raises(BadInput):
        recharge_member(**asked | {"key": "second"})
    assert status(row) == S.PAUSED


def test_by_hand_it_is_not_resumed_and_may_be_stopped_for_good(shop):
    row = paused(shop)
    with pytest.raises(PausedForPoints):
        resume_subscription(subscription=row)
    figures = {"capital": row.capital, "leverage": row.leverage, "risk_mode": row.risk_mode}
    offered, account = row.tenant_strategy, row.venue_account
    assert subscribe(tenant_strategy=offered, venue_account=account, **figures) == row
    assert status(row) == S.PAUSED
    stop_subscription(subscription=row)
    recharge_member(key="again", member=row.member, kind=K.SELF, amount=Decimal(1))
    assert status(row) == S.STOPPED
    resume_subscription(subscription=row)
    assert status(row) == S.ACTIVE
