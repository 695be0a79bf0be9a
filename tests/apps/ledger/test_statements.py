"""A statement tells every movement of an account, with the balance that each of them left."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.ledger.models import Transfer
from apps.ledger.selectors import balance_at, number_at, statement, whole_statement
from apps.ledger.services import transfer_many
from apps.ledger.verification import first_misfit
from tests.append_only import unprotected
from tests.apps.ledger.books import movement, open_books

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def books(db):
    return open_books(3)


def fresh(row):
    row.refresh_from_db()
    return row


def told(lines):
    return [(line.number, line.amount, line.balance) for line in lines]


def spread_out(every=timedelta(hours=1)):
    """As if the transfers had come one after another, an hour apart."""
    with unprotected():
        for place, row in enumerate(Transfer.objects.across_tenants().order_by("pk")):
            Transfer.objects.across_tenants().filter(pk=row.pk).update(
                created_at=START + place * every
            )


def test_the_latest_line_comes_first_with_the_balance_it_left(books):
    issued, alice, bob, carol = books
    transfer_many([movement("a", issued, alice, 100), movement("b", alice, bob, 30)])
    transfer_many([movement("c", bob, alice, 5)])
    assert told(statement(fresh(alice))) == [(3, 5, 75), (2, -30, 70), (1, 100, 100)]
    assert [line.other for line in statement(alice)] == [bob, bob, issued]
    assert statement(fresh(carol)) == []


def test_pages_follow_on_without_a_gap(books):
    issued, alice, *_ = books
    transfer_many([movement(f"n:{n}", issued, alice, 1) for n in range(25)])
    first = statement(fresh(alice), limit=10)
    second = statement(alice, before=first[-1].number, limit=10)
    rest = statement(alice, before=second[-1].number, limit=10)
    assert [line.number for line in [*first, *second, *rest]] == list(range(25, 0, -1))
    assert [line.number for line in whole_statement(alice)] == list(range(25, 0, -1))


def test_a_reason_picks_lines_and_keeps_their_balances(books):
    issued, alice, bob, _ = books
    transfer_many(
        [
            movement("a", issued, alice, 100),
            movement("b", alice, bob, 30, reason=Transfer.Reason.CHARGE),
            movement("c", issued, alice, 1),
        ]
    )
    assert told(statement(alice, reason=Transfer.Reason.CHARGE)) == [(2, -30, 70)]


# Triggers are taken away and laid again, and MariaDB commits at each of them.
@pytest.mark.django_db(transaction=True)
def test_a_balance_as_of_any_moment(books):
    issued, alice, bob, _ = books
    transfer_many(
        [
            movement("a", issued, alice, 100),
            movement("b", alice, bob, 30),
            movement("c", bob, alice, 10),
        ]
    )
    spread_out()
    alice = fresh(alice)
    hour = timedelta(hours=1)
    moments = {
        START - hour: 0,
        START: 100,
        START + hour - timedelta(microseconds=1): 100,
        START + hour: 70,
        START + 2 * hour: 80,
        START + 99 * hour: 80,
    }
    assert {at: balance_at(alice, at) for at in moments} == moments
    assert number_at(alice, START - hour) == 0


def test_a_longer_history_asks_no_more_of_a_page(books):
    issued, alice, *_ = books

    def cost():
        with CaptureQueriesContext(connection) as queries:
            statement(fresh(alice), limit=10)
        return len(queries)

    transfer_many([movement("first", issued, alice, 1)])
    few = cost()
    transfer_many([movement(f"n:{n}", issued, alice, 1) for n in range(500)])
    assert cost() == few


def test_a_page_is_read_along_an_index(books):
    _issued, alice, *_ = books
    for side in ("debit", "credit"):
        rows = Transfer.objects.across_tenants().filter(**{side: alice})
        plan = rows.order_by(f"-{side}_number")[:10].explain()
        assert f"ledger_{side}_line_once" in plan or "USING INDEX" in plan.upper()
        assert "TEMP B-TREE" not in plan.upper()
        assert "filesort" not in plan.lower()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("case", "values", "named"),
    [
        ("a line is missing", None, "line 3 of account"),
        ("a number twice as large", {"credit_number": 7}, "line"),
        ("another balance", {"credit_balance": Decimal(1)}, "leaves 1.00000000"),
    ],
)
def test_a_line_that_does_not_fit_is_named(books, case, values, named):
    issued, alice, *_ = books
    transfer_many([movement(f"n:{n}", issued, alice, 10) for n in range(3)])
    assert first_misfit() is None
    rows = Transfer.objects.across_tenants().filter(key="n:1")
    with unprotected():
        if values:
            rows.update(**values)
        else:
            # Whoever takes a line out also sets the sums right.
            rows.delete()
            for account, side in ((issued, "debits"), (alice, "credits")):
                type(account).objects.across_tenants().filter(pk=account.pk).update(
                    **{side: Decimal(20)}
                )
    assert named in first_misfit()


@pytest.mark.parametrize(
    ("case", "values", "named"),
    [
        ("more transfers than lines", {"moves": 5}, "says 5 transfers; its last is number 3"),
        ("fewer", {"moves": 2}, "says 2 transfers"),
        ("may owe", {"may_owe": True}, "may owe"),
    ],
)
def test_an_account_that_says_other_than_its_lines_is_named(books, case, values, named):
    issued, alice, *_ = books
    transfer_many([movement(f"n:{n}", issued, alice, 10) for n in range(3)])
    assert first_misfit() is None
    type(alice).objects.across_tenants().filter(pk=alice.pk).update(**values)
    assert f"account {alice.pk}" in first_misfit()
    assert named in first_misfit()


class TestLines(TestCase):
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 50)), max_size=25
        )
    )
    @settings(max_examples=30)
    def test_lines_add_up_whatever_moved(self, steps):
        accounts = open_books(3)
        balances = [0, 0, 0, 0]
        batch = []
        for place, (debit, credit, amount) in enumerate(steps):
            if debit == credit or (debit and balances[debit] < amount):
                continue
            balances[debit] -= amount
            balances[credit] += amount
            batch.append(movement(f"n:{place}", accounts[debit], accounts[credit], amount))
        transfer_many(batch)
        for account, balance in zip(accounts, balances, strict=True):
            lines = statement(fresh(account))
            assert account.moves == len(lines)
            assert sum(line.amount for line in lines) == balance == account.balance
            assert [line.number for line in lines] == list(range(len(lines), 0, -1))
            assert not lines or lines[0].balance == balance
        assert first_misfit() is None
