"""Points move once, exactly, between one tenant's accounts, and never out of nothing."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import BadInput, DomainError, KeyReused
from apps.core.fields import Points
from apps.ledger.errors import BadAmount, ForeignAccount, InsufficientPoints
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import Movement
from apps.ledger.services import open_accounts, transfer, transfer_many
from tests.at_once import at_once
from tests.factories import TenantFactory

K = Account.Kind


def open_books(owners=("member:1", "member:2"), tenant=None):
    tenant = tenant or TenantFactory(name="Acme")
    open_accounts(tenant=tenant, owner="tenant:1", kinds=[K.ISSUED])
    for owner in owners:
        open_accounts(tenant=tenant, owner=owner, kinds=[K.SELF])
    return list(Account.objects.of(tenant).order_by("pk"))


@pytest.fixture
def books(db):
    """What is issued, and two members' cards; Alice has 100."""
    issued, alice, bob = open_books()
    move("start", issued, alice, 100)
    return issued, alice, bob


def move(key, debit, credit, amount, reason=Transfer.Reason.RECHARGE):
    amount = Decimal(str(amount)) if isinstance(amount, int | str) else amount
    return transfer(key=key, debit=debit, credit=credit, amount=amount, reason=reason)


def balances_of(*accounts):
    return [Account.objects.across_tenants().get(pk=row.pk).balance for row in accounts]


def moved():
    return Transfer.objects.across_tenants().count()


def test_points_move(books):
    _, alice, bob = books
    move("one", alice, bob, "30.00000001")
    assert balances_of(alice, bob) == [Decimal("69.99999999"), Decimal("30.00000001")]


def test_the_same_key_moves_once(books):
    _, alice, bob = books
    assert move("one", alice, bob, 30) == move("one", alice, bob, 30)
    assert balances_of(alice, bob) == [70, 30]


@pytest.mark.parametrize("change", ["amount", "direction", "reason"])
def test_the_same_key_with_other_content_is_refused(books, change):
    _issued, alice, bob = books
    move("one", alice, bob, 30)
    other = {
        "amount": (alice, bob, 31, Transfer.Reason.RECHARGE),
        "direction": (bob, alice, 30, Transfer.Reason.RECHARGE),
        "reason": (alice, bob, 30, Transfer.Reason.GIFT),
    }[change]
    with pytest.raises(KeyReused):
        move("one", *other)
    assert balances_of(alice, bob) == [70, 30]


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1e-9", "1e30", "100.000000001"])
def test_what_is_no_amount_is_refused(books, amount):
    _, alice, bob = books
    before = moved()
    with pytest.raises(BadAmount):
        move("bad", alice, bob, Decimal(amount))
    assert moved() == before


def test_a_float_is_no_amount(books):
    _, alice, bob = books
    with pytest.raises(BadAmount):
        move("bad", alice, bob, 0.5)


def test_nobody_pays_more_than_there_is(books):
    _, alice, bob = books
    before = moved()
    with pytest.raises(InsufficientPoints):
        move("much", alice, bob, "100.00000001")
    assert moved() == before
    assert balances_of(alice, bob) == [100, 0]


def test_no_account_pays_itself_or_another_tenants(books):
    _, alice, _ = books
    stranger = open_books(owners=["member:9"], tenant=TenantFactory(name="Globex"))[-1]
    with pytest.raises(BadInput):
        move("self", alice, alice, 1)
    with pytest.raises(ForeignAccount):
        move("foreign", alice, stranger, 1)
    assert moved() == 1


def test_the_database_keeps_it_too(books):
    _, alice, _ = books
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.across_tenants().filter(pk=alice.pk).update(debits=Points(101))


def movements(*wanted):
    return [
        Movement(key, debit, credit, Decimal(amount), Transfer.Reason.RECHARGE)
        for key, debit, credit, amount in wanted
    ]


def test_a_batch_is_whole_or_nothing(books):
    _, alice, bob = books
    with pytest.raises(InsufficientPoints):
        transfer_many(movements(("a", alice, bob, 60), ("b", alice, bob, 60)))
    assert balances_of(alice, bob) == [100, 0]


def test_a_batch_counts_in_its_order(books):
    issued, alice, bob = books
    transfer_many(movements(("a", issued, bob, 5), ("b", bob, alice, 5)))
    with pytest.raises(InsufficientPoints):
        transfer_many(movements(("c", bob, alice, 5), ("d", issued, bob, 5)))
    assert balances_of(alice, bob) == [105, 0]


def test_a_batch_that_was_partly_made_is_completed(books):
    _, alice, bob = books
    first = transfer_many(movements(("a", alice, bob, 10)))
    both = transfer_many(movements(("a", alice, bob, 10), ("b", alice, bob, 5)))
    assert both[0] == first[0]
    assert balances_of(alice, bob) == [85, 15]


amounts = st.decimals("-1", "200", places=8)
steps = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), amounts, st.integers(0, 15)))


@given(plan=steps)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_tried_nothing_is_owed_and_all_sums_to_zero(db, plan):
    with transaction.atomic():
        accounts = open_books(owners=["member:1", "member:2", "member:3"])
        for debit, credit, amount, key in plan:
            try:
                move(f"key:{key}", accounts[debit], accounts[credit], amount)
            except DomainError:
                continue
        rows = Account.objects.across_tenants()
        assert all(row.may_owe or row.balance >= 0 for row in rows)
        sums = rows.aggregate(debits=Sum("debits"), credits=Sum("credits"))
        assert sums["debits"] == sums["credits"]
        total = Transfer.objects.across_tenants().aggregate(total=Sum("amount"))["total"] or 0
        assert total == sums["debits"]
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_at_once_nothing_is_lost_and_nothing_spent_twice():
    issued, alice, bob = open_books()
    move("start", issued, alice, 100)
    ways = [(alice, bob), (bob, alice)] * 4

    def pay(number):
        debit, credit = ways[number]
        for turn in range(5):
            try:
                move(f"{number}:{turn}", debit, credit, 15)
            except InsufficientPoints:
                continue

    assert at_once(8, pay, list(range(8))) == [None] * 8
    left = balances_of(alice, bob)
    assert sum(left) == 100
    assert min(left) >= 0
    assert balances_of(issued) == [-100]
