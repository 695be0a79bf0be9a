"""Settling that fails, wherever it fails: nothing half-done, tried again in time, paid once."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.ledger.models import Account, Transfer
from apps.pointcards.models import Charge
from apps.pointcards.services import recharge_member
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward
from apps.rewards.services import settling
from tests.apps.rewards.shop import K, Shop, held, settle
from tests.at_once import at_once
from tests.factories import (
    AccountFactory,
    CloseFactory,
    MemberFactory,
    PositionFactory,
    TenantFactory,
    VenueAccountFactory,
)

WAIT = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def wait_seconds(settings):
    settings.SWEEP_AFTER_SECONDS = 10


@pytest.fixture
def shop(db):
    return Shop()


def written():
    tables = (Transfer, Charge, Pool, Reward)
    sums = Account.objects.across_tenants().order_by("pk").values_list("debits", "credits")
    return [model.objects.across_tenants().count() for model in tables], list(sums)


class Fuse:
    """Ends a transaction at its n-th statement, as a database that fails would."""

    def __init__(self, blows_at):
        self.blows_at, self.seen = blows_at, 0

    def __call__(self, execute, sql, params, many, context):
        self.seen += 1
        if self.seen == self.blows_at:
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)


def test_whichever_statement_fails_nothing_remains_and_the_next_try_pays_once(shop):
    inviter = shop.member(level=2, node=True, holding=2000)
    closes = shop.close(shop.member(own=500, inviter=inviter, level=2), 1000)
    ids = [str(close.pk) for close in closes]
    before = written()
    blown = 0
    while True:
        fuse = Fuse(blown + 1)
        try:
            with connection.execute_wrapper(fuse):
                settling.settle_chunk(ids)
        except DatabaseError:
            blown += 1
            assert written() == before
            assert Close.objects.across_tenants().get().status == Close.Status.UNSETTLED
            continue
        break
    # Charges, pools, rewards and their transfers: each failed at least once on the way.
    assert blown >= 15
    settle(closes)
    assert held(inviter.owner, K.REWARD) == [15 + 18 + 6]
    assert Charge.objects.across_tenants().count() == 1
    call_command("verify_ledger", stdout=StringIO())


def test_a_chunk_that_fails_once_is_settled_one_by_one(shop):
    closes = shop.close(shop.member(own=500), 100, count=3)
    with connection.execute_wrapper(Fuse(12)):
        settle(closes)
    statuses = Close.objects.across_tenants().values_list("status", "attempts")
    assert set(statuses) == {(Close.Status.SETTLED, 0)}
    assert Charge.objects.across_tenants().count() == 3
    call_command("verify_ledger", stdout=StringIO())


def stray_close():
    """A close of a tenant that was never opened as it should be: no root, no accounts."""
    member = MemberFactory(tenant=TenantFactory(name="Globex"))
    AccountFactory(tenant=member.tenant, owner=member.owner, kind=K.SELF, credits=Decimal(100))
    held_at = PositionFactory(
        subscription__venue_account=VenueAccountFactory(member=member), open_key=None
    )
    return CloseFactory(position=held_at, profit=Decimal(100))


def test_what_is_wrong_with_one_close_is_said_and_stops_no_other(shop):
    stray, *good = [stray_close(), *shop.close(shop.member(own=500), 100, count=2)]
    settle([*good, stray])
    for close in good:
        close.refresh_from_db()
        assert close.status == Close.Status.SETTLED
    stray.refresh_from_db()
    assert (stray.status, stray.attempts) == (Close.Status.FAILED, 1)
    assert f"tenant:{stray.tenant_id}" in stray.failed_because
    assert not Charge.objects.of(stray.tenant).exists()


def test_each_wait_is_twice_the_one_before_and_the_tenth_failure_is_the_last(shop, hints):
    stray = stray_close()
    waits = []
    for attempt in range(1, settling.MOST_ATTEMPTS + 1):
        asked_at = timezone.now()
        settle([stray])
        stray.refresh_from_db()
        assert (stray.status, stray.attempts) == (Close.Status.FAILED, attempt)
        waits.append(round((stray.next_at - asked_at).total_seconds()))
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    hints.clear()
    settling.sweep(now=timezone.now() + timedelta(days=1))
    assert hints.named("rewards.settle") == []


def test_the_sweep_waits_until_the_next_try_is_due(shop, hints):
    stray = stray_close()
    settle([stray])
    stray.refresh_from_db()
    hints.clear()
    settling.sweep(now=stray.next_at - timedelta(seconds=1))
    assert hints.named("rewards.settle") == []
    settling.sweep(now=stray.next_at)
    assert hints.named("rewards.settle") == [{"close_ids": [str(stray.pk)]}]


def test_a_close_that_is_being_settled_is_not_named_at_every_sweep(shop, hints):
    (close,) = shop.close(shop.member(own=500), 100)
    hints.clear()
    settling.sweep(now=close.created_at + WAIT - timedelta(seconds=1))
    assert hints.named("rewards.settle") == []
    later = close.created_at + WAIT
    for seconds in (0, 2, 8, 10, 12):
        settling.sweep(now=later + timedelta(seconds=seconds))
    assert len(hints.named("rewards.settle")) == 2


def test_a_close_settled_meanwhile_is_not_marked_failed(shop):
    (close,) = shop.close(shop.member(own=500), 100)
    settle([close])
    settling.mark_failed(str(close.pk), because="too late", now=timezone.now())
    close.refresh_from_db()
    assert (close.status, close.failed_because) == (Close.Status.SETTLED, "")


def test_a_failed_close_that_is_settled_forgets_why(shop):
    (close,) = shop.close(shop.member(own=500), 100)
    settling.mark_failed(str(close.pk), because="x" * 600, now=timezone.now())
    close.refresh_from_db()
    assert len(close.failed_because) == 500
    settle([close])
    close.refresh_from_db()
    assert (close.status, close.failed_because, close.next_at) == ("settled", "", None)


def test_ids_of_nothing_are_nothing(shop):
    shop.close(shop.member(own=500), 100)
    before = written()
    settling.settle_closes(close_ids=["00000000-0000-7000-8000-000000000000"])
    settling.settle_closes(close_ids=[])
    assert written() == before


@pytest.mark.django_db(transaction=True)
def test_many_settle_and_recharge_at_once_and_the_books_hold():
    shop = Shop()
    inviter = shop.member(level=2, node=True, holding=2000)
    members = [shop.member(own=20, inviter=inviter) for _ in range(3)]
    closes = [close for member in members for close in shop.close(member, 100, count=4)]

    def work(number):
        # Each in another order, and no two with quite the same closes.
        settle(closes[number:] + closes[: number // 2])
        settle(closes[::-1])
        recharge_member(
            key=f"again:{number}", member=members[number % 3], kind=K.SELF, amount=Decimal(5)
        )
        return "done"

    assert at_once(4, work, range(4)) == ["done"] * 4
    assert Charge.objects.across_tenants().count() == len(closes)
    statuses = Close.objects.across_tenants().values_list("status", "attempts")
    assert set(statuses) == {(Close.Status.SETTLED, 0)}
    charged = sum(Charge.objects.across_tenants().values_list("from_self", flat=True))
    left = sum(held(member.owner, K.SELF)[0] for member in members)
    assert charged + left == 3 * 20 + 4 * 5
    call_command("verify_ledger", stdout=StringIO())


@pytest.mark.parametrize(
    ("case", "told", "tamper"),
    [
        (
            "a charge without its pool",
            "^charge .* has no pool",
            lambda: (
                Reward.objects.across_tenants().delete(),
                Pool.objects.across_tenants().delete(),
            ),
        ),
        (
            "a settled profit without a charge",
            "settled without a charge",
            lambda: CloseFactory(status=Close.Status.SETTLED),
        ),
        (
            "a charge of a close that is not settled",
            "is charged and unsettled",
            lambda: Close.objects.across_tenants().update(status=Close.Status.UNSETTLED),
        ),
        (
            "a reward that says it was another's",
            "^reward .* is not what its transfer moved",
            lambda: Reward.objects.across_tenants().update(member=MemberFactory()),
        ),
        (
            "a charge that says it took less gift",
            "was given 100",
            lambda: Charge.objects.across_tenants().update(
                from_gift=Decimal(0), shortfall=Decimal(100)
            ),
        ),
    ],
)
def test_verify_ledger_names_it(shop, case, told, tamper):
    settle(shop.close(shop.member(own=200, gift=100), 1000))
    call_command("verify_ledger", stdout=StringIO())
    tamper()
    with pytest.raises(CommandError, match=told):
        call_command("verify_ledger")
