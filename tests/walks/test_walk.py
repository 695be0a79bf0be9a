"""One signal walks from a published intent to the last reward, through real workers."""

from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command

from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Position
from apps.rewards.models import Pool, Reward
from apps.signals.models import Signal
from apps.strategies.models import Strategy
from apps.strategies.services import offer_strategy, subscribe
from engine.order import OrderStatus
from engine.signal import Action
from tests.walks.running import running, wait_for
from tests.walks.story import SYMBOL, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]


@pytest.fixture
def house(transactional_db, tmp_path):
    with running(tmp_path) as house:
        house.node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, seconds=60, what="the first heartbeat")
        yield house


def test_a_signal_walks_from_intent_to_reward(house):
    story = tell("walk", house.node)
    story.publish(Action.OPEN)
    wait_for(partial(story.is_done, Action.OPEN), what="orders in")
    story.wait_for_a_move()
    story.publish(Action.CLOSE)
    wait_for(partial(story.is_done, Action.CLOSE), what="orders out")
    wait_for(story.is_settled, what="settled")

    winner = story.closes().filter(profit__gt=0).first()
    fill = Fill.objects.across_tenants().get(key=winner.fill_key)
    assert fill.order.status == OrderStatus.FILLED
    assert fill.order.ticket.status == Ticket.Status.DONE
    assert fill.order.ticket.signal.status == Signal.Status.PLANNED
    assert winner.position.status == Position.Status.CLOSED

    charge = Charge.objects.across_tenants().get(close=winner)
    assert charge.due == charge.from_self + charge.from_gift + charge.shortfall
    pool = Pool.objects.across_tenants().get(charge=charge)
    rewards = list(Reward.objects.across_tenants().filter(pool=pool))
    assert sum((reward.amount for reward in rewards), Decimal(0)) == pool.amount
    assert all(reward.transfer.amount == reward.amount for reward in rewards)
    member = charge.member
    left = balances([member.owner], [Account.Kind.SELF])[member.owner, Account.Kind.SELF]
    assert left == Decimal(100) - charge.from_self
    call_command("verify_ledger")

    for loser in story.closes().filter(profit__lte=0):
        assert not Charge.objects.across_tenants().filter(close=loser).exists()


def test_a_closed_bar_becomes_orders_by_itself(house):
    story = tell("alive", house.node)
    swift = Strategy.objects.create(
        code="swift",
        name="Swift",
        rule="ma_cross",
        symbols=[SYMBOL],
        timeframe="2s",
        params={"fast_ma": 3, "slow_ma": 8, "direction": "long"},
    )
    offered = offer_strategy(tenant=story.subscriptions[0].tenant, strategy=swift)
    subscription = subscribe(
        tenant_strategy=offered,
        venue_account=story.subscriptions[0].venue_account,
        capital=Decimal(1000),
        leverage=10,
    )
    opened = Order.objects.across_tenants().filter(
        ticket__subscription=subscription, ticket__action=Action.OPEN, status=OrderStatus.FILLED
    )
    wait_for(opened.exists, seconds=60, what="the strategy's first order")
    signal = opened.first().ticket.signal
    assert signal.strategy == swift
    assert signal.timeframe == "2s"
