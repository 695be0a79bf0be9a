"""A close is charged, its pool made and shared out: once, whole, or not at all."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.errors import BadInput
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward
from apps.rewards.services import settling
from apps.tenants.services import resume_tenant, set_policy, suspend_tenant
from tests.apps.rewards.shop import K, Shop, held, settle
from tests.at_once import at_once


@pytest.fixture
def shop(db):
    return Shop()


@pytest.mark.parametrize(
    ("case", "profit", "own", "gift", "taken", "pool", "left"),
    [
        ("self covers all", 1000, 500, 100, (300, 0, 0), 300, (200, 100)),
        ("gift covers the rest", 1000, 100, 300, (100, 200, 0), 100, (0, 100)),
        ("gift alone, and a shortfall", 1000, 0, 50, (0, 50, 250), None, (0, 0)),
        ("a round sum", 100, 30, 0, (30, 0, 0), 30, (0, 0)),
        ("empty cards", 100, 0, 0, (0, 0, 30), None, (0, 0)),
    ],
)
def test_a_profit_is_charged(shop, case, profit, own, gift, taken, pool, left):
    member = shop.member(own, gift)
    settle(shop.close(member, profit))
    charge = Charge.objects.across_tenants().get()
    assert (charge.from_self, charge.from_gift, charge.shortfall) == taken
    assert held(member.owner, K.SELF, K.GIFT) == list(left)
    pools = list(Pool.objects.across_tenants().values_list("amount", flat=True))
    assert pools == ([pool] if pool else [])
    call_command("verify_ledger", stdout=StringIO())


def test_the_roots_shares_stand_apart(shop):
    settle(shop.close(shop.member(own=500), 1000))
    # 300: a tenth for the tech team, a fifth for the network, the rest for the platform.
    assert held(shop.root.owner, K.TECH, K.REWARD, K.RETAINED) == [30, 60, 210]
    assert held(f"tenant:{shop.tenant.pk}", K.POOL) == [0]


@pytest.mark.parametrize("profit", ["0", "-5"])
def test_what_is_no_profit_is_settled_and_not_charged(shop, profit):
    (close,) = shop.close(shop.member(own=100), profit)
    settle([close])
    close.refresh_from_db()
    assert close.status == Close.Status.SETTLED
    assert not Charge.objects.across_tenants().exists()


def test_settling_twice_charges_once(shop):
    member = shop.member(own=500)
    closes = shop.close(member, 1000)
    settle(closes)
    settle(closes)
    assert held(member.owner, K.SELF) == [200]
    assert Charge.objects.across_tenants().count() == 1


def test_one_card_is_not_spent_twice_within_a_chunk(shop):
    member = shop.member(own=50)
    settle(shop.close(member, 100, count=3))
    assert held(member.owner, K.SELF) == [0]
    charges = Charge.objects.across_tenants().order_by("close_id")
    assert [charge.from_self for charge in charges] == [30, 20, 0]
    assert [charge.shortfall for charge in charges] == [0, 10, 30]


def test_a_failure_on_the_way_leaves_nothing_and_the_retry_pays_once(shop, monkeypatch):
    member = shop.member(own=500)
    (close,) = shop.close(member, 1000)
    before = Transfer.objects.across_tenants().count()

    def fail(shares):
        raise BadInput("the third reward fails")

    with monkeypatch.context() as patched:
        patched.setattr(settling, "pay", fail)
        settle([close])
    close.refresh_from_db()
    assert (close.status, close.attempts) == (Close.Status.FAILED, 1)
    assert "third reward" in close.failed_because
    assert held(member.owner, K.SELF) == [500]
    assert Transfer.objects.across_tenants().count() == before
    assert not Reward.objects.across_tenants().exists()
    settle([close])
    close.refresh_from_db()
    assert close.status == Close.Status.SETTLED
    assert held(member.owner, K.SELF) == [200]


def test_one_bad_close_stops_no_other(shop, monkeypatch):
    good, bad = shop.close(shop.member(own=500), 100, count=2)
    charge_closes = settling.charge_closes

    def refuse_the_bad(closes):
        if bad.pk in {close.pk for close in closes}:
            raise BadInput("this one is bad")
        return charge_closes(closes)

    monkeypatch.setattr(settling, "charge_closes", refuse_the_bad)
    settle([good, bad])
    statuses = {close.pk: close.status for close in Close.objects.across_tenants()}
    assert statuses == {good.pk: Close.Status.SETTLED, bad.pk: Close.Status.FAILED}


def test_the_sweep_names_what_stood_too_long_and_gives_up_in_the_end(shop, hints):
    (close,) = shop.close(shop.member(own=500), 100)
    hints.clear()
    settling.sweep(now=timezone.now() + timedelta(minutes=1))
    assert hints.named("rewards.settle") == [{"close_ids": [str(close.pk)]}]
    hints.clear()
    Close.objects.across_tenants().update(status="failed", attempts=settling.MOST_ATTEMPTS)
    settling.sweep(now=timezone.now() + timedelta(minutes=1))
    assert hints.named("rewards.settle") == []


def test_a_suspended_tenants_closes_wait_and_are_charged_once_it_is_resumed(shop, hints):
    globex, later = Shop("Globex"), timezone.now() + timedelta(minutes=5)
    alice, bob = shop.member(own=500), globex.member(own=500)
    waiting, other = shop.close(alice, 100), globex.close(bob, 100)
    suspend_tenant(tenant=shop.tenant)
    settle(waiting + other)
    hints.clear()
    settling.sweep(now=later)
    assert hints.named("rewards.settle") == []
    assert (held(alice.owner, K.SELF), held(bob.owner, K.SELF)) == ([500], [470])
    resume_tenant(tenant=shop.tenant)
    settling.sweep(now=later)
    assert hints.named("rewards.settle") == [{"close_ids": [str(waiting[0].pk)]}]
    settle(waiting)
    assert held(alice.owner, K.SELF) == [470]


@pytest.mark.django_db(transaction=True)
def test_four_at_once_charge_once():
    shop = Shop()
    member = shop.member(own=500)
    closes = shop.close(member, 100, count=4)
    assert at_once(4, lambda: settle(closes)) == [None] * 4
    assert Charge.objects.across_tenants().count() == 4
    assert held(member.owner, K.SELF) == [380]
    assert set(Close.objects.across_tenants().values_list("status", flat=True)) == {"settled"}


def test_verify_ledger_names_what_does_not_fit(shop):
    settle(shop.close(shop.member(own=500), 1000))
    call_command("verify_ledger", stdout=StringIO())
    wrong = account(shop.root.owner, K.TECH)
    Account.objects.across_tenants().filter(pk=wrong.pk).update(credits=Decimal(31))
    with pytest.raises(CommandError, match=f"account {wrong.pk} "):
        call_command("verify_ledger")
    Account.objects.across_tenants().filter(pk=wrong.pk).update(credits=Decimal(30))
    reward = Reward.objects.across_tenants().first()
    Reward.objects.across_tenants().filter(pk=reward.pk).update(amount=Decimal("0.5"))
    with pytest.raises(CommandError, match=f"pool {reward.pool_id} "):
        call_command("verify_ledger")


def test_a_pool_is_shared_by_the_policy_that_made_it(shop):
    set_policy(
        tenant=shop.tenant,
        charge_rate=Decimal("0.20"),
        tech_rate=Decimal("0.05"),
        network_rate=Decimal("0.40"),
        direct_rate=Decimal("0.50"),
        min_holding=Decimal(500),
    )
    inviter = shop.member(holding=500)
    (close,) = shop.close(shop.member(own=500, inviter=inviter), 1000)
    settle([close])
    pool = Pool.objects.of(shop.tenant).get()
    assert (pool.amount, pool.policy.version) == (200, 2)
    assert held(inviter.owner, K.REWARD) == [40]
    assert held(shop.root.owner, K.TECH, K.RETAINED, K.REWARD) == [10, 110, 40]
    set_policy(tenant=shop.tenant, charge_rate=Decimal("0.30"))
    pool.refresh_from_db()
    assert pool.policy.version == 2


def test_what_was_given_up_is_settled_once_it_is_mended(shop, monkeypatch):
    _good, bad = shop.close(shop.member(own=500), 100, count=2)
    Close.objects.across_tenants().update(status="failed", attempts=settling.MOST_ATTEMPTS)
    charge_closes = settling.charge_closes

    def refuse_the_bad(closes):
        if bad.pk in {close.pk for close in closes}:
            raise BadInput("still bad")
        return charge_closes(closes)

    told = StringIO()
    with monkeypatch.context() as broken:
        broken.setattr(settling, "charge_closes", refuse_the_bad)
        call_command("settle_failed", stdout=told)
    assert told.getvalue().startswith("1 closes were settled, 1 failed again")
    assert "still bad" in told.getvalue()
    told = StringIO()
    call_command("settle_failed", stdout=told)
    assert told.getvalue() == "1 closes were settled, 0 failed again\n"
    assert Charge.objects.of(shop.tenant).count() == 2
    call_command("settle_failed", stdout=StringIO())
    assert Charge.objects.of(shop.tenant).count() == 2
