"""A transfer that is nobody else's transaction: it holds once answered, and leaves none open."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import KeyReused
from apps.ledger.errors import InsufficientPoints
from tests.apps.ledger.test_transfers import balances_of, move, moved, open_books

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books():
    issued, alice, bob = open_books()
    move("start", issued, alice, 100)
    return issued, alice, bob


def is_in_transaction() -> bool:
    if connection.vendor == "sqlite":
        return connection.connection.in_transaction
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@in_transaction")
        return bool(cursor.fetchone()[0])


def as_others_see(*accounts):
    """What holds for whoever comes with a connection of their own."""
    connection.close()
    return balances_of(*accounts)


def test_what_is_answered_is_committed(books):
    _, alice, bob = books
    made = move("one", alice, bob, 30)
    assert (made.debit_balance, made.credit_balance) == (70, 30)
    assert not is_in_transaction()
    assert as_others_see(alice, bob) == [70, 30]


def test_what_is_refused_leaves_nothing_and_no_transaction_open(books):
    _, alice, bob = books
    move("one", alice, bob, 30)
    for key, amount, refusal in (("one", 31, KeyReused), ("two", 71, InsufficientPoints)):
        with pytest.raises(refusal):
            move(key, alice, bob, amount)
        assert not is_in_transaction()
    assert move("one", alice, bob, 30).key == "one"
    assert not is_in_transaction()
    assert as_others_see(alice, bob) == [70, 30]
    assert moved() == 2


@pytest.mark.mariadb
def test_it_is_one_trip_to_the_server(books):
    _, alice, bob = books
    with CaptureQueriesContext(connection) as asked:
        move("one", alice, bob, 30)
    assert len(asked) == 1
