"""Each process is killed at each step of the walk; nothing is ordered, charged or paid twice.

All stories run in one house, one death after the other; each is then looked at alone. Who dies
at a failpoint trades over HTTP, in the three dialects by turns, and is compared with that
exchange's own truth; who is killed from outside trades at the exchange inside the node.
"""

import json
from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command

from apps.orders.models import Order
from apps.pointcards.models import Charge
from apps.rewards.models import Pool, Reward
from engine.order import OrderStatus
from engine.signal import Action
from tests.engine.paper.clients import serving
from tests.walks import oracle
from tests.walks.market import DIALECTS, Market
from tests.walks.running import Running, running, wait_for
from tests.walks.story import Story, keys_checked, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(1200)]

BOTH = {Action.OPEN, Action.CLOSE}
# Which failpoint kills, and whether while opening or while closing.
DEATHS = {
    "orders.planning": {Action.OPEN},
    "orders.planned": {Action.OPEN},
    "orders.claimed": {Action.OPEN},
    "orders.dispatched": {Action.OPEN},
    "node.received": BOTH,
    "node.journalled": BOTH,
    "node.placed": BOTH,
    "node.reported": {Action.OPEN},
    "orders.recording": BOTH,
    "orders.recorded": BOTH,
    "rewards.charged": {Action.CLOSE},
    "rewards.settled": {Action.CLOSE},
}
# A machine that is busy with another suite takes its time; what hangs waits in vain all the same.
PATIENCE = 240
# Whole processes, killed from outside right after a signal is published.
KILLED = ["beat", "centre", "node", "heartbeats"]


def test_no_death_orders_charges_or_pays_twice(transactional_db, tmp_path, subtests):
    with serving(home=tmp_path / "exchange") as service:
        market = Market(service)
        bases = json.dumps(dict.fromkeys(DIALECTS, market.address))
        with running(tmp_path, VENUE_BASE_URLS=bases) as house:
            stories = told(house, market)
            play(house, stories, Action.OPEN)
            for story in stories.values():
                story.wait_for_a_move()
            play(house, stories, Action.CLOSE)
            for name, story in stories.items():
                wait_for(story.is_settled, seconds=PATIENCE, what=f"{name} settled")

            charged = 0
            for name, story in stories.items():
                with subtests.test(name):
                    if name in DEATHS:
                        assert_the_books_are_the_truth(market, story)
                    else:
                        assert_ordered_once(house, story)
                    charged += assert_paid_once(story)
            with subtests.test("profits were made and charged"):
                assert charged >= len(stories) / 2
            with subtests.test("every death happened"):
                assert house.deaths >= sum(map(len, DEATHS.values())) + 2 * len(KILLED)
            with subtests.test("the books hold"):
                call_command("verify_ledger")
                call_command("verify_audit")


def told(house: Running, market: Market) -> dict[str, Story]:
    node = house.enroll()
    house.start("centre", "heartbeats", "node", "beat")
    for dialect in DIALECTS:
        market.describe(dialect)
    stories = {}
    for number, failpoint in enumerate(DEATHS):
        dialect = DIALECTS[number % len(DIALECTS)]
        account_of = partial(market.account_of, dialect)
        stories[failpoint] = tell(failpoint, node, account_of=account_of)
    stories |= {name: tell(name, node) for name in KILLED}
    wait_for(house.is_alive, what="the first heartbeat")
    wait_for(keys_checked, seconds=120, what="the keys checked")
    return stories


def play(house: Running, stories: dict[str, Story], action: Action) -> None:
    """One phase of every story: a death after the other, then all of them to their end."""
    for name, story in stories.items():
        provoke(house, name, story, action)
    for name, story in stories.items():
        wait_for(partial(story.is_done, action), seconds=PATIENCE, what=f"{name}, {action}")


def provoke(house, name, story, action):
    """Publish a story's signal, and let the death that it is about happen."""
    if name in KILLED:
        story.publish(action)
        house.kill(name)
    elif action in DEATHS[name]:
        house.arm(name)
        story.publish(action)
        wait_for(lambda: house.has_fired(name), seconds=PATIENCE, what=f"{name} to be passed")
    else:
        story.publish(action)


def assert_the_books_are_the_truth(market: Market, story: Story) -> None:
    """The exchange knows one order in and one order out, and all of our books follow from them."""
    findings = oracle.Findings()
    for subscription in story.subscriptions:
        oracle.compare(subscription, market.truth(subscription), findings)
    assert not findings.faults
    assert findings.orders == 2 * len(story.subscriptions)


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
