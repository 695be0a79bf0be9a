"""What is charged of a close: by each basis, to the last unit, and once."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.ledger.verification import first_misfit
from apps.pointcards.models import Charge, HighWaterMark
from apps.rewards import verification
from apps.strategies.models import Subscription
from apps.tenants.models import Policy
from apps.tenants.services import set_policy
from tests.apps.pointcards.trader import close, follower
from tests.apps.rewards.shop import K, Shop, held, settle
from tests.at_once import at_once
from tests.factories import CloseFactory, EndpointFactory, PositionFactory, VenueAccountFactory

B = Policy.Basis


@pytest.fixture
def shop(db):
    return Shop()


def charged():
    return [
        (charge.basis, charge.due, charge.from_self, charge.shortfall)
        for charge in Charge.objects.across_tenants().order_by("pk")
    ]


def test_each_close_is_charged_on_its_profit_whatever_it_cost(shop):
    one = follower(shop, own=500)
    settle([close(one, "100", "4", "6"), close(one, "-50"), close(one, "10")])
    assert charged() == [(100, 30, 30, 0), (10, 3, 3, 0)]


def test_net_of_fees_both_ends_of_a_trade_are_taken_off(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.NET_OF_FEES)
    one = follower(shop, own=500)
    settle([close(one, "100", "4", "6"), close(one, "5", "3", "4"), close(one, "-50", "1")])
    assert charged() == [(90, 27, 27, 0), (0, 0, 0, 0)]
    assert verification.first_misfit() is None


def test_above_the_high_water_mark_a_loss_is_earned_back_first(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    one, other = follower(shop, own=500), follower(shop, own=500)
    for profit in ("100", "-40", "30", "30", "-5"):
        settle([close(one, profit)])
    settle([close(other, "10")])
    assert [basis for basis, *_ in charged()] == [100, 0, 0, 20, 0, 10]
    mark = HighWaterMark.objects.of(shop.tenant).get(stream=f"subscription:{one.pk}")
    assert (mark.earned, mark.mark) == (115, 120)
    assert held(one.member.owner, K.SELF) == [500 - 36]
    assert verification.first_misfit() is None


def test_a_mark_counts_what_is_left_after_fees(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    one = follower(shop, own=500)
    settle([close(one, "10", "2", "1"), close(one, "1", "2", "1"), close(one, "5")])
    assert [basis for basis, *_ in charged()] == [7, 0, 3]


def test_what_no_subscription_asked_for_has_a_mark_of_its_account(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    account = VenueAccountFactory(member=shop.member(own=100))
    position = PositionFactory(
        subscription=None, venue_account=account, tenant=shop.tenant, open_key=None
    )
    settle([CloseFactory(position=position, profit=Decimal(10))])
    assert HighWaterMark.objects.of(shop.tenant).get().stream == f"venue_account:{account.pk}"


def test_several_closes_of_one_stream_in_one_go_are_charged_in_their_order(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    one = follower(shop, own=500)
    settle([close(one, "-10"), close(one, "30"), close(one, "-5"), close(one, "10")])
    assert [basis for basis, *_ in charged()] == [0, 20, 0, 5]


def test_settled_twice_a_mark_rises_once(shop):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    one = follower(shop, own=500)
    closes = [close(one, "10")]
    settle(closes)
    settle(closes)
    assert HighWaterMark.objects.of(shop.tenant).get().mark == 10


def test_a_changed_policy_charges_what_is_settled_from_then_on(shop):
    one = follower(shop, own=500)
    settle([close(one, "100")])
    set_policy(tenant=shop.tenant, charge_rate=Decimal("0.5"), charge_basis=B.HIGH_WATER)
    settle([close(one, "100")])
    assert charged() == [(100, 30, 30, 0), (100, 50, 50, 0)]
    versions = Charge.objects.of(shop.tenant).order_by("pk").values_list("policy__version")
    assert [version for (version,) in versions] == [1, 2]


@pytest.mark.parametrize(
    ("case", "spoil"),
    [
        ("a mark", lambda: HighWaterMark.objects.across_tenants().update(mark=Decimal(99))),
        ("what was earned", lambda: HighWaterMark.objects.across_tenants().update(earned=1)),
        ("no mark at all", lambda: HighWaterMark.objects.across_tenants().delete()),
    ],
)
def test_verification_finds(shop, case, spoil):
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    settle([close(follower(shop, own=500), "10")])
    assert verification.first_misfit() is None
    spoil()
    assert "subscription:" in verification.first_misfit()


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("another basis", {"basis": Decimal(90)}),
        ("another rate", {"rate": Decimal("0.2")}),
        ("more than its share", {"due": Decimal(31), "shortfall": Decimal(1)}),
    ],
)
@pytest.mark.parametrize("basis", [B.EACH_CLOSE, B.NET_OF_FEES])
def test_verification_finds_a_charge_with(shop, case, changes, basis):
    set_policy(tenant=shop.tenant, charge_basis=basis)
    settle([close(follower(shop, own=500), "100")])
    assert verification.first_misfit() is None
    Charge.objects.across_tenants().update(**changes)
    assert "policy says" in verification.first_misfit()


def test_verification_finds_a_charge_that_is_not_its_closes(shop):
    settle([close(follower(shop, own=500), "100")])
    for changes in ({"profit": Decimal(99)}, {"member": shop.root}):
        with transaction.atomic():
            Charge.objects.across_tenants().update(**changes)
            assert "is not that of its close" in verification.first_misfit()
            transaction.set_rollback(True)
    assert verification.first_misfit() is None


@pytest.mark.django_db(transaction=True)
def test_settled_by_several_at_once_a_mark_rises_once_for_each_close():
    shop = Shop()
    set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
    one = follower(shop, own=500)
    closes = [close(one, "10") for _ in range(6)]
    answers = at_once(4, settle, [closes, closes[::-1], closes[:3], closes[2:]])
    assert answers == [None] * 4
    assert [basis for basis, *_ in charged()] == [10] * 6
    assert HighWaterMark.objects.of(shop.tenant).get().mark == 60
    assert held(one.member.owner, K.SELF) == [500 - 18]
    assert verification.first_misfit() is None


@pytest.mark.parametrize("basis", B.values)
def test_many_closes_ask_as_few_questions_as_one(shop, basis):
    set_policy(tenant=shop.tenant, charge_basis=basis, pauses_on_shortfall=True)
    EndpointFactory(tenant=shop.tenant)

    def cost(count):
        # Half of each one's cards pay half of what is due: all of them run short.
        closes = [close(follower(shop, own=1), "10") for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            settle(closes)
        paused = Subscription.objects.of(shop.tenant).filter(status=Subscription.Status.PAUSED)
        assert paused.filter(pk__in=[row.position.subscription_id for row in closes]).count() == (
            count
        )
        return sum(not query["sql"].startswith("INSERT") for query in queries)

    assert cost(60) == cost(1)


class TestMarks(TestCase):
    @given(nets=st.lists(st.decimals(-100, 100, places=8), min_size=1, max_size=8))
    @settings(max_examples=15)
    def test_what_was_charged_on_is_the_highest_that_was_ever_earned(self, nets):
        shop = Shop()
        set_policy(tenant=shop.tenant, charge_basis=B.HIGH_WATER)
        one = follower(shop, own=1000)
        settle([close(one, str(net)) for net in nets])
        bases = [basis for basis, *_ in charged()]
        sums = [sum(nets[: place + 1]) for place in range(len(nets))]
        assert sum(bases) == max(0, *sums)
        assert all(basis >= 0 for basis in bases)
        assert (first_misfit(), verification.first_misfit()) == (None, None)
