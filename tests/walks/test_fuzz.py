"""Thousands of messages that nobody sent: none becomes an order, and each is kept with a reason."""

import random
from functools import partial

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from apps.core.models import RefusedMessage
from apps.nodes.services import enroll_node
from apps.orders.models import Fill, Order
from engine.signal import Action
from tests.walks.fuzz import Forger, attack, record
from tests.walks.running import encoded, running, wait_for
from tests.walks.story import tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
MESSAGES = 600


def test_no_forged_message_becomes_an_order_or_ends_a_worker(transactional_db, tmp_path):
    with running(tmp_path) as house:
        story = tell("fuzz", house.enroll())
        forger = Forger(1, record(house, story), *other_node())
        for name in ("centre", "heartbeats"):
            house._spawn(name)
        wait_for(partial(story.is_done, Action.OPEN), what="the real ones")
        before = state()
        done = attack(forger, MESSAGES)
        assert not done.missing, done.missing[:3]
        assert done.to_refuse > MESSAGES / 2
        assert done.foreign
        assert not RefusedMessage.objects.filter(reason="").exists()
        assert state() == before
        assert house.deaths == 0
        for subscription in story.subscriptions:
            assert len(house.venue(subscription.venue_account_id).orders()) == 1


def other_node() -> tuple[str, SigningKey]:
    """A node of the same centre that has no account in its hands."""
    key = SigningKey(random.Random(1).randbytes(32))
    seal = PrivateKey.generate().public_key
    enroll_node(
        code="mars", name="mars", seal_key=encoded(seal), verify_key=encoded(key.verify_key)
    )
    return "mars", key


def state():
    """What the messages must not change."""
    orders = Order.objects.across_tenants().order_by("pk")
    return list(orders.values_list("pk", "status", "filled")), Fill.objects.across_tenants().count()
