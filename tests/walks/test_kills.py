"""Each process is killed at each step of the walk; nothing is ordered, charged or paid twice.

All stories run in one house, one death after the other; each is then looked at alone.
"""

from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command

from apps.orders.models import Order
from apps.pointcards.models import Charge
from apps.rewards.models import Pool, Reward
from engine.order import OrderStatus
from engine.signal import Action
from tests.walks.running import running, wait_for
from tests.walks.story import tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(600)]

# Which failpoint dies, and whether while opening or while closing.
DEATHS = [
    ("orders.planning", Action.OPEN),
    ("orders.planned", Action.OPEN),
    ("orders.claimed", Action.OPEN),
    ("orders.dispatched", Action.OPEN),
    ("node.received", Action.OPEN),
    ("node.journalled", Action.OPEN),
    ("node.placed", Action.OPEN),
    ("node.reported", Action.OPEN),
    ("orders.recording", Action.OPEN),
    ("orders.recorded", Action.OPEN),
    ("node.received", Action.CLOSE),
    ("node.journalled", Action.CLOSE),
    ("node.placed", Action.CLOSE),
    ("orders.recording", Action.CLOSE),
    ("orders.recorded", Action.CLOSE),
    ("rewards.charged", Action.CLOSE),
    ("rewards.settled", Action.CLOSE),
]
# Whole processes, killed from outside right after a signal is published.
KILLED = ["beat", "centre", "node", "heartbeats"]
NAMES = [f"{failpoint}-{action}" for failpoint, action in DEATHS] + [f"kill-{n}" for n in KILLED]


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker, tmp_path_factory):
    """Every story, told to its end."""
    with django_db_blocker.unblock(), running(tmp_path_factory.mktemp("house")) as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, seconds=60, what="the first heartbeat")
        stories = {name: tell(name, node) for name in NAMES}
        for action in (Action.OPEN, Action.CLOSE):
            for name, story in stories.items():
                provoke(house, name, story, action)
            for name, story in stories.items():
                wait_for(partial(story.is_done, action), seconds=90, what=f"{name} {action}")
        for name, story in stories.items():
            wait_for(story.is_settled, seconds=60, what=f"{name} settled")
        yield house, stories
        house.stop()
        call_command("flush", interactive=False, verbosity=0)


def provoke(house, name, story, action):
    """Publish a story's signal, and let the death that it is about happen."""
    where, _, when = name.rpartition("-")
    if where == "kill":
        story.publish(action)
        house.kill(when)
    elif when == action:
        house.arm(where)
        story.publish(action)
        wait_for(lambda: house.has_fired(where), seconds=30, what=f"{where} to be passed")
    else:
        story.publish(action)


@pytest.mark.parametrize("name", NAMES)
def test_a_death_orders_nothing_twice(told, name):
    house, stories = told
    for subscription in stories[name].subscriptions:
        account = subscription.venue_account_id
        truth = [order for order in house.venue(account).orders() if order.filled]
        assert len(truth) == 2, "one order in, one order out"
        books = Order.objects.across_tenants().filter(venue_account=account)
        filled = books.filter(status=OrderStatus.FILLED)
        assert {order.client_order_id for order in truth} == set(
            filled.values_list("client_order_id", flat=True)
        )
        assert not books.exclude(status__in=[OrderStatus.FILLED, OrderStatus.EXPIRED]).exists()
        assert not house.venue(account).positions()


@pytest.mark.parametrize("name", NAMES)
def test_a_death_charges_and_rewards_once(told, name):
    _, stories = told
    for close in stories[name].closes():
        charges = Charge.objects.across_tenants().filter(close=close)
        assert charges.count() == (close.profit > 0)
        for charge in charges:
            pool = Pool.objects.across_tenants().get(charge=charge)
            rewards = Reward.objects.across_tenants().filter(pool=pool)
            assert sum((reward.amount for reward in rewards), Decimal(0)) == pool.amount
            assert pool.amount == charge.from_self


def test_somebody_was_charged_in_every_story(told):
    _, stories = told
    for name, story in stories.items():
        assert Charge.objects.across_tenants().filter(close__in=story.closes()).exists(), name


def test_every_death_happened(told):
    house, _ = told
    assert house.deaths >= len(NAMES)


def test_the_ledger_still_holds(told):
    call_command("verify_ledger")
    call_command("verify_audit")
