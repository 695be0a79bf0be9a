"""A transfer that is nobody else's transaction: it holds once answered, and leaves none open."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.errors import KeyReused
from apps.ledger.errors import InsufficientPoints
from apps.ledger.models import Account, Transfer
from tests.apps.ledger.test_transfers import balances_of, move, moved, open_books
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = Account._meta.db_table


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


def test_lines_of_an_account_are_dated_in_their_order(books):
    issued, alice, bob = books
    at_once(4, move_often, list("abcd"), [issued] * 4, [alice, bob] * 2)
    lines = Transfer.objects.across_tenants().filter(debit=issued).order_by("debit_number")
    dates = list(lines.values_list("created_at", flat=True))
    assert len(dates) == 81
    assert dates == sorted(dates)
    now = timezone.now()
    assert all(now - timedelta(minutes=5) < date <= now for date in dates)


def move_often(name, debit, credit):
    for count in range(20):
        move(f"{name}:{count}", debit, credit, 1)


@pytest.mark.mariadb
def test_it_is_one_trip_to_the_server(books):
    _, alice, bob = books
    with CaptureQueriesContext(connection) as asked:
        move("one", alice, bob, 30)
    assert len(asked) == 1


@pytest.mark.mariadb
def test_a_line_that_ends_in_the_middle_moves_nothing_and_is_not_used_again(books):
    _, alice, bob = books
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        [name] = cursor.fetchone()
    with ended_while_it_waits(name, for_account=bob), pytest.raises(OperationalError):
        move("one", alice, bob, 30)
    assert moved() == 1
    # Nobody closed anything: the same again is made on a line of its own.
    assert move("one", alice, bob, 30).credit_balance == 30
    assert as_others_see(alice, bob) == [70, 30]


@pytest.mark.mariadb
def test_who_waited_too_long_for_an_account_leaves_no_transaction_open(books):
    _, alice, bob = books
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1")
    with held_by_another(bob) as other:
        threading.Timer(1.5, other.rollback).start()
        assert move("one", alice, bob, 30).credit_balance == 30
    assert not is_in_transaction()
    assert as_others_see(alice, bob) == [70, 30]


@contextmanager
def held_by_another(account):
    """A connection that has locked an account."""
    other = connection.copy()
    other.inc_thread_sharing()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {TABLE} WHERE id = %s FOR UPDATE", [account.pk])
    yield other
    other.close()


@contextmanager
def ended_while_it_waits(name, *, for_account):
    with held_by_another(for_account) as other:

        def end():
            time.sleep(0.3)
            with other.cursor() as cursor:
                cursor.execute(f"KILL {name}")

        ending = threading.Thread(target=end)
        ending.start()
        yield
        ending.join()
