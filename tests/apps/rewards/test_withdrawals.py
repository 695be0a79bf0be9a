"""Rewards leave: what is held, what it costs, who may decide, and what happens twice or at once."""

import threading
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from apps.core.errors import BadInput, Conflict, KeyReused, LimitReached, NotAllowed
from apps.core.models import AuditEntry
from apps.ledger.errors import BadAmount, InsufficientPoints
from apps.ledger.models import Transfer
from apps.ledger.selectors import account, statement
from apps.ledger.services import lock_accounts, transfer
from apps.ledger.verification import first_misfit
from apps.members.models import Member
from apps.rewards import verification as rewards
from apps.rewards.models import Withdrawal
from apps.rewards.services import (
    approve_withdrawal,
    complete_withdrawal,
    reject_withdrawal,
    request_withdrawal,
)
from apps.tenants.models import Event
from apps.tenants.services import set_policy, suspend_tenant
from tests.apps.rewards.shop import K, Shop, held
from tests.at_once import at_once
from tests.factories import EndpointFactory

ADDRESS = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
HASH = "ab" * 32
NOW = timezone.now()


@pytest.fixture
def shop(db):
    return Shop()


def earned(shop, amount="200"):
    """A member whose rewards come to this; the points are issued for the test."""
    member = shop.member()
    transfer(
        key=f"earned:{member.pk}",
        debit=account(f"tenant:{shop.tenant.pk}", K.ISSUED),
        credit=account(member.owner, K.REWARD),
        amount=Decimal(amount),
        reason=Transfer.Reason.REWARD,
    )
    return member


def ask(member, amount="100", key="k", **changes):
    asked = {"network": "TRC20", "address": ADDRESS, "now": NOW} | changes
    return request_withdrawal(key=key, member=member, amount=Decimal(amount), **asked)


def approved(shop, by="ann", key="k"):
    withdrawal = ask(earned(shop), key=key)
    approve_withdrawal(withdrawal=withdrawal, by=by, now=NOW)
    return withdrawal


def money(member):
    tenant = f"tenant:{member.tenant_id}"
    return [*held(member.owner, K.REWARD, K.HELD), *held(tenant, K.PAID, K.FEES)]


@pytest.mark.parametrize(
    ("amount", "fee", "payout"),
    [
        ("50", "2.50", "47.50"),
        ("100", "5", "95"),
        ("99.99", "5.00", "94.99"),
        # A tie goes to the even cent.
        ("50.10", "2.50", "47.60"),
        ("50.30", "2.52", "47.78"),
        ("50.00000001", "2.50", "47.50000001"),
    ],
)
def test_the_fee_is_taken_from_the_amount(shop, amount, fee, payout):
    made = ask(earned(shop), amount)
    assert (made.fee, made.payout) == (Decimal(fee), Decimal(payout))


def test_what_is_asked_for_is_held_and_paid_with_its_fee(shop):
    member = earned(shop)
    withdrawal = ask(member)
    assert money(member) == [100, 100, 0, 0]
    approve_withdrawal(withdrawal=withdrawal, by="ann", now=NOW)
    assert money(member) == [100, 100, 0, 0]
    complete_withdrawal(withdrawal=withdrawal, by="ben", tx_hash=HASH, now=NOW)
    assert money(member) == [100, 0, 95, 5]
    withdrawal.refresh_from_db()
    assert (withdrawal.decided_by, withdrawal.completed_by) == ("ann", "ben")
    assert withdrawal.tx_hash == HASH
    assert first_misfit() is None


def test_a_rejected_one_is_given_back_with_a_reason(shop):
    member = earned(shop)
    withdrawal = ask(member)
    reject_withdrawal(withdrawal=withdrawal, by="ann", because=" a wrong address ", now=NOW)
    assert money(member) == [200, 0, 0, 0]
    assert withdrawal.rejected_because == "a wrong address"
    assert first_misfit() is None


@pytest.mark.parametrize("because", ["", "   ", "x" * 256])
def test_nobody_is_rejected_without_a_reason(shop, because):
    withdrawal = ask(earned(shop))
    with pytest.raises(BadInput) as refused:
        reject_withdrawal(withdrawal=withdrawal, by="ann", because=because, now=NOW)
    assert refused.value.context["field"] == "because"
    withdrawal.refresh_from_db()
    assert withdrawal.status == Withdrawal.Status.PENDING


@pytest.mark.parametrize(
    ("case", "amount", "refusal"),
    [
        ("below the smallest", "49.99", BadAmount),
        ("below the smallest and more than there is", "49.99999999", BadAmount),
        ("more than there is", "200.00000001", InsufficientPoints),
        ("nothing", "0", BadAmount),
        ("less than nothing", "-50", BadAmount),
        ("not a number", "NaN", BadAmount),
        ("no end to it", "Infinity", BadAmount),
        ("finer than a unit", "100.000000001", BadAmount),
        ("a billionth", "1e-9", BadAmount),
        ("more than can be counted", "1e30", BadAmount),
    ],
)
def test_an_amount_that_cannot_be_is_refused(shop, case, amount, refusal):
    member = earned(shop)
    with pytest.raises(refusal):
        ask(member, amount)
    assert not Withdrawal.objects.across_tenants().exists()
    assert money(member) == [200, 0, 0, 0]


def test_the_smallest_is_told_before_the_balance(shop):
    with pytest.raises(BadAmount):
        ask(earned(shop, "10"), "10")


@pytest.mark.parametrize("key", ["", "k" * 101])
def test_a_key_has_1_to_100_characters(shop, key):
    member = earned(shop)
    with pytest.raises(BadInput):
        ask(member, key=key)
    assert money(member)[1] == 0


def test_asked_twice_under_one_key_it_is_held_once(shop):
    member = earned(shop)
    assert ask(member).pk == ask(member).pk
    assert money(member) == [100, 100, 0, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "60"},
        {"address": "TLa2f6VPqDgRE67v1736s7bJ8Ray5wYjU7"},
        {"network": "ERC20", "address": "0xdAC17F958D2ee523a2206206994597C13D831ec7"},
    ],
)
def test_one_key_asks_for_one_thing(shop, changes):
    member = earned(shop)
    ask(member)
    with pytest.raises(KeyReused):
        ask(member, **changes)
    assert money(member) == [100, 100, 0, 0]


def test_one_key_asks_for_one_member(shop):
    member, other = earned(shop), earned(shop)
    ask(member)
    with pytest.raises(KeyReused):
        ask(other)
    assert money(other)[:2] == [200, 0]


def test_a_key_that_is_spelled_otherwise_is_never_taken_for_the_first(shop):
    member = earned(shop)
    first = ask(member, "50")
    try:
        assert ask(member, "50", key="K").pk != first.pk
    except KeyReused:
        # A database that holds both spellings for equal.
        assert money(member)[1] == 50


def test_a_key_is_the_tenants_own(shop):
    globex = Shop("Globex")
    first, second = ask(earned(shop)), ask(earned(globex))
    assert first.pk != second.pk


def test_a_disabled_member_withdraws_nothing(shop):
    member = earned(shop)
    Member.objects.of(shop.tenant).filter(pk=member.pk).update(status="disabled")
    with pytest.raises(BadInput) as refused:
        ask(member)
    assert refused.value.context["field"] == "member"
    assert money(member)[1] == 0


def test_a_suspended_tenants_member_withdraws_nothing(shop):
    member = earned(shop)
    suspend_tenant(tenant=shop.tenant)
    with pytest.raises(BadInput):
        ask(member)
    assert money(member)[1] == 0


def test_a_wrong_address_is_refused_before_anything_is_held(shop):
    member = earned(shop)
    with pytest.raises(BadInput):
        ask(member, address=ADDRESS[:-1] + "u")
    assert money(member)[1] == 0


def test_the_policy_says_how_little_how_much_and_at_what_fee(shop):
    set_policy(
        tenant=shop.tenant,
        min_withdrawal=Decimal(10),
        withdrawal_fee_rate=Decimal("0.01"),
        daily_withdrawal_amount=Decimal(60),
    )
    member = earned(shop)
    made = ask(member, "10")
    assert (made.fee, made.policy.version) == (Decimal("0.10"), 2)
    with pytest.raises(LimitReached, match="50 are left"):
        ask(member, "50.00000001", key="more")
    ask(member, "50", key="the rest")
    assert money(member) == [140, 60, 0, 0]


def test_a_day_has_so_many_withdrawals_and_the_next_day_as_many_again(shop):
    set_policy(tenant=shop.tenant, daily_withdrawal_count=1)
    member = earned(shop)
    first = ask(member, "50")
    with pytest.raises(LimitReached):
        ask(member, "50", key="second")
    # A day after it was made: midnight may have gone by since this file was read.
    ask(member, "50", key="tomorrow", now=first.created_at + timedelta(days=1))
    assert Withdrawal.objects.of(shop.tenant).count() == 2


def test_what_was_rejected_does_not_use_up_the_day(shop):
    set_policy(tenant=shop.tenant, daily_withdrawal_count=1, daily_withdrawal_amount=Decimal(60))
    member = earned(shop)
    reject_withdrawal(withdrawal=ask(member, "60"), by="ann", because="no", now=NOW)
    assert ask(member, "60", key="again").status == Withdrawal.Status.PENDING


def test_a_fee_of_everything_leaves_nothing_to_pay(shop):
    set_policy(tenant=shop.tenant, withdrawal_fee_rate=Decimal(1))
    with pytest.raises(BadAmount):
        ask(earned(shop))


def test_who_approves_does_not_complete(shop):
    withdrawal = approved(shop, by="ann")
    with pytest.raises(NotAllowed):
        complete_withdrawal(withdrawal=withdrawal, by="ann", tx_hash=HASH, now=NOW)
    assert money(withdrawal.member) == [100, 100, 0, 0]
    set_policy(tenant=shop.tenant, needs_four_eyes=False)
    complete_withdrawal(withdrawal=withdrawal, by="ann", tx_hash=HASH, now=NOW)
    assert money(withdrawal.member) == [100, 0, 95, 5]


def test_who_decides_may_have_a_name_as_long_as_a_users(shop):
    withdrawal = approved(shop, by="a" * 150)
    complete_withdrawal(withdrawal=withdrawal, by="b" * 150, tx_hash=HASH, now=NOW)
    assert (withdrawal.decided_by, withdrawal.completed_by) == ("a" * 150, "b" * 150)


@pytest.mark.parametrize("tx_hash", ["", "paid", "0x" + HASH])
def test_a_payment_has_a_hash(shop, tx_hash):
    withdrawal = approved(shop)
    with pytest.raises(BadInput):
        complete_withdrawal(withdrawal=withdrawal, by="ben", tx_hash=tx_hash, now=NOW)
    assert money(withdrawal.member) == [100, 100, 0, 0]


@pytest.mark.parametrize("again", [HASH, HASH.upper(), f" {HASH}"])
def test_one_payment_completes_one_withdrawal(shop, again):
    first, second = approved(shop), approved(shop, key="second")
    complete_withdrawal(withdrawal=first, by="ben", tx_hash=HASH, now=NOW)
    with pytest.raises(Conflict):
        complete_withdrawal(withdrawal=second, by="ben", tx_hash=again, now=NOW)
    assert money(second.member)[:2] == [100, 100]


DO = {
    "approved": lambda row: approve_withdrawal(withdrawal=row, by="ann", now=NOW),
    "rejected": lambda row: reject_withdrawal(withdrawal=row, by="ann", because="no", now=NOW),
    "completed": lambda row: complete_withdrawal(withdrawal=row, by="ben", tx_hash=HASH, now=NOW),
}
WAYS = {"pending": [], "approved": ["approved"], "rejected": ["rejected"]}
WAYS["completed"] = ["approved", "completed"]


@pytest.mark.parametrize("status", list(WAYS))
@pytest.mark.parametrize("wanted", list(DO))
def test_every_other_step_is_refused_and_moves_nothing(shop, status, wanted):
    withdrawal = ask(earned(shop))
    for step in WAYS[status]:
        DO[step](withdrawal)
    if wanted in Withdrawal.MOVES[status]:
        DO[wanted](withdrawal)
        assert withdrawal.status == wanted
        return
    before = money(withdrawal.member)
    with pytest.raises(Conflict, match=status):
        DO[wanted](withdrawal)
    withdrawal.refresh_from_db()
    assert withdrawal.status == status
    assert money(withdrawal.member) == before


def test_every_step_is_audited_and_told(shop):
    EndpointFactory(tenant=shop.tenant)
    withdrawal = approved(shop)
    complete_withdrawal(withdrawal=withdrawal, by="ben", tx_hash=HASH, now=NOW)
    reject_withdrawal(withdrawal=ask(earned(shop), key="b"), by="ann", because="no", now=NOW)
    steps = Counter(
        {
            "withdrawal.requested": 2,
            "withdrawal.approved": 1,
            "withdrawal.completed": 1,
            "withdrawal.rejected": 1,
        }
    )
    told = Event.objects.of(shop.tenant).filter(name__startswith="withdrawal.")
    assert Counter(told.values_list("name", flat=True)) == steps
    recorded = AuditEntry.objects.filter(action__startswith="withdrawal.")
    assert Counter(recorded.values_list("action", flat=True)) == steps
    last = told.get(name="withdrawal.completed").about
    assert (last["amount"], last["fee"], last["payout"]) == ("100", "5", "95")


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture
    def shop(self):
        return Shop()

    def test_two_requests_that_do_not_both_fit(self, shop):
        member = earned(shop, "60")
        answers = at_once(2, lambda key: ask(member, "50", key=key), ["a", "b"])
        assert sum(isinstance(answer, Withdrawal) for answer in answers) == 1
        assert sum(isinstance(answer, InsufficientPoints) for answer in answers) == 1
        assert money(member) == [10, 50, 0, 0]

    def test_one_request_many_times(self, shop):
        member = earned(shop)
        answers = at_once(4, lambda: ask(member, "50"))
        assert len({answer.pk for answer in answers}) == 1
        assert money(member) == [150, 50, 0, 0]

    def test_two_that_share_the_last_of_a_day(self, shop):
        set_policy(tenant=shop.tenant, daily_withdrawal_count=1)
        member = earned(shop)
        answers = at_once(2, lambda key: ask(member, "50", key=key), ["a", "b"])
        assert sum(isinstance(answer, LimitReached) for answer in answers) == 1
        assert money(member) == [150, 50, 0, 0]

    @pytest.mark.parametrize("steps", [["approved", "rejected"], ["rejected", "rejected"]])
    def test_two_that_decide(self, shop, steps):
        withdrawal = ask(earned(shop))
        rows = [Withdrawal.objects.of(shop.tenant).get(pk=withdrawal.pk) for _ in steps]
        answers = at_once(2, lambda step, row: DO[step](row), steps, rows)
        assert sum(answer is None for answer in answers) == 1
        assert sum(isinstance(answer, Conflict) for answer in answers) == 1
        assert first_misfit() is None
        withdrawal.refresh_from_db()
        given_back = withdrawal.status == Withdrawal.Status.REJECTED
        assert money(withdrawal.member)[:2] == ([200, 0] if given_back else [100, 100])

    def test_two_members_under_one_key(self, shop):
        members = [earned(shop), earned(shop)]
        answers = at_once(2, lambda member: ask(member), members)
        assert sum(isinstance(answer, Withdrawal) for answer in answers) == 1
        assert sum(isinstance(answer, KeyReused) for answer in answers) == 1
        assert sum(money(member)[1] for member in members) == 100

    def test_what_is_given_back_while_a_reward_is_paid_stands_after_it_in_time(self, shop):
        withdrawal = ask(earned(shop))
        is_held = threading.Event()

        def pay():
            reward = account(withdrawal.member.owner, K.REWARD)
            with transaction.atomic():
                lock_accounts(accounts=[reward])
                is_held.set()
                time.sleep(0.3)
                transfer(
                    key="paid meanwhile",
                    debit=account(f"tenant:{shop.tenant.pk}", K.ISSUED),
                    credit=reward,
                    amount=Decimal(1),
                    reason=Transfer.Reason.REWARD,
                )

        def give_back():
            assert is_held.wait(10)
            DO["rejected"](withdrawal)

        assert at_once(2, lambda do: do(), [pay, give_back]) == [None, None]
        lines = statement(account(withdrawal.member.owner, K.REWARD))
        assert [line.reason for line in lines[:2]] == ["release", "reward"]
        assert lines[0].at > lines[1].at

    def test_two_payments_under_one_hash(self, shop):
        rows = [approved(shop), approved(shop, key="second")]
        answers = at_once(2, DO["completed"], rows)
        assert sum(answer is None for answer in answers) == 1
        assert sum(isinstance(answer, Conflict) for answer in answers) == 1
        assert money(rows[0].member)[2:] == [95, 5]

    def test_two_that_complete(self, shop):
        withdrawal = approved(shop)
        rows = [Withdrawal.objects.of(shop.tenant).get(pk=withdrawal.pk) for _ in range(2)]
        answers = at_once(2, DO["completed"], rows)
        assert sum(answer is None for answer in answers) == 1
        assert money(withdrawal.member) == [100, 0, 95, 5]


@pytest.mark.parametrize(
    ("case", "spoil", "told"),
    [
        ("held for nothing", lambda row: hold_for_nothing(row), "holds 101"),
        ("asked for and not held", lambda row: forget(row, amount=99, payout=94), "come to 99"),
        ("paid and not completed", lambda row: forget(row, status="completed"), "come to 0"),
        ("a smaller fee", lambda row: forget(row, fee=1, payout=99), "a fee of 1"),
    ],
)
def test_books_that_do_not_fit_the_withdrawals_are_found(shop, case, spoil, told):
    withdrawal = ask(earned(shop))
    assert rewards.first_misfit() is None
    spoil(withdrawal)
    assert told in rewards.first_misfit()


def test_what_was_paid_is_what_was_completed(shop):
    withdrawal = approved(shop)
    complete_withdrawal(withdrawal=withdrawal, by="ben", tx_hash=HASH, now=NOW)
    assert rewards.first_misfit() is None
    forget(withdrawal, amount=90, payout=85)
    assert "was given 95" in rewards.first_misfit()


def test_what_was_paid_is_the_members_whose_points_were_held(shop):
    withdrawal = approved(shop)
    complete_withdrawal(withdrawal=withdrawal, by="ben", tx_hash=HASH, now=NOW)
    assert rewards.first_misfit() is None
    forget(withdrawal, member=shop.root)
    assert "not what was held for it" in rewards.first_misfit()


def hold_for_nothing(withdrawal):
    owner = withdrawal.member.owner
    transfer(
        key="for nothing",
        debit=account(owner, K.REWARD),
        credit=account(owner, K.HELD),
        amount=Decimal(1),
        reason=Transfer.Reason.HOLD,
    )


def forget(withdrawal, **values):
    Withdrawal.objects.of(withdrawal.tenant).filter(pk=withdrawal.pk).update(
        **{
            name: Decimal(value) if isinstance(value, int) else value
            for name, value in values.items()
        }
    )
