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
from tests.walks.running import Running, running, wait_for
from tests.walks.story import Story, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(1200)]

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
# A machine that is busy with another suite takes its time; what hangs waits in vain all the same.
PATIENCE = 240
# Whole processes, killed from outside right after a signal is published.
KILLED = ["beat", "centre", "node", "heartbeats"]
NAMES = [f"{failpoint}-{action}" for failpoint, action in DEATHS]
NAMES += [f"kill-{process}" for process in KILLED]


def test_no_death_orders_charges_or_pays_twice(transactional_db, tmp_path, subtests):
    with running(tmp_path) as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, what="the first heartbeat")
        stories = {name: tell(name, node) for name in NAMES}
        play(house, stories, Action.OPEN)
        for story in stories.values():
            story.wait_for_a_move()
        play(house, stories, Action.CLOSE)
        for name, story in stories.items():
            wait_for(story.is_settled, seconds=PATIENCE, what=f"{name} settled")

        charged = 0
        for name, story in stories.items():
            with subtests.test(name):
                assert_ordered_once(house, story)
                charged += assert_paid_once(story)
        with subtests.test("profits were made and charged"):
            assert charged >= len(NAMES) / 2
        with subtests.test("every death happened"):
            assert house.deaths >= len(NAMES)
        with subtests.test("the books hold"):
            call_command("verify_ledger")
            call_command("verify_audit")


def play(house: Running, stories: dict[str, Story], action: Action) -> None:
    """One phase of every story: a death after the other, then all of them to their end."""
    for name, story in stories.items():
        provoke(house, name, story, action)
    for name, story in stories.items():
        wait_for(partial(story.is_done, action), seconds=PATIENCE, what=f"{name}, {action}")


def provoke(house, name, story, action):
    """Publish a story's signal, and let the death that it is about happen."""
    where, _, when = name.rpartition("-")
    if where == "kill":
        story.publish(action)
        house.kill(when)
    elif when == action:
        house.arm(where)
        story.publish(action)
        wait_for(lambda: house.has_fired(where), seconds=PATIENCE, what=f"{where} to be passed")
    else:
        story.publish(action)


def assert_ordered_once(house: Running, story: Story) -> None:
    """The exchange's own books know one order in and one order out, and ours the same two."""
    for subscription in story.subscriptions:
        account = subscription.venue_account_id
        truth = house.venue(account).truth()
        orders = truth["orders"]
        assert len(orders) == 2
        assert not truth["positions"]
        books = Order.objects.across_tenants().filter(venue_account=account)
        filled = books.filter(status=OrderStatus.FILLED)
        assert {one["client_id"] for one in orders} == set(
            filled.values_list("client_order_id", flat=True)
        )
        assert sum(Decimal(one["filled"]) for one in orders) == sum(row.filled for row in filled)
        assert not books.exclude(status__in=[OrderStatus.FILLED, OrderStatus.EXPIRED]).exists()


def assert_paid_once(story: Story) -> int:
    """A close at a profit has one charge and one set of rewards; a loss has none.

    How many charges there were: a death may part the two ways by so much time that
    both make a profit, or neither.
    """
    charged = 0
    for close in story.closes():
        charges = list(Charge.objects.across_tenants().filter(close=close))
        assert len(charges) == (close.profit > 0)
        for charge in charges:
            pool = Pool.objects.across_tenants().get(charge=charge)
            rewards = Reward.objects.across_tenants().filter(pool=pool)
            assert sum((reward.amount for reward in rewards), Decimal(0)) == pool.amount
            assert pool.amount == charge.from_self > 0
            charged += 1
    return charged
