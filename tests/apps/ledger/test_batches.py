"""Batches of transfers: whole or not at all, safe to repeat, cheap however long."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import BadInput, KeyReused
from apps.ledger import services
from apps.ledger.errors import AccountFull
from apps.ledger.models import Account, Transfer
from apps.ledger.movement import MOST
from apps.ledger.selectors import account
from apps.ledger.services import transfer_many
from apps.ledger.verification import first_misfit
from tests.apps.ledger.books import balances, keys, movement, open_books
from tests.at_once import at_once

LONG = "k" * 101


@pytest.fixture
def books(db):
    """What is issued, and three members' cards; the first one has 100."""
    issued, *cards = open_books(3)
    transfer_many([movement("start", issued, cards[0], 100)])
    return issued, *cards


@pytest.mark.parametrize("key", ["", LONG])
def test_a_key_has_1_to_100_characters(books, key):
    issued, alice, *_ = books
    with pytest.raises(BadInput) as refused:
        transfer_many([movement("good", issued, alice, 1), movement(key, issued, alice, 1)])
    assert refused.value.context == {"field": "key"}
    assert keys() == {"start"}


def test_a_reason_is_one_of_ours(books):
    issued, alice, *_ = books
    with pytest.raises(BadInput):
        transfer_many([movement("one", issued, alice, 1, reason="because")])
    assert keys() == {"start"}


def test_an_account_counts_up_to_what_the_database_can_keep(books):
    issued, alice, *_ = books
    batch = [movement(f"much:{n}", issued, alice, MOST) for n in range(9)]
    transfer_many(batch)
    before = balances()
    with pytest.raises(AccountFull):
        transfer_many([movement("too much", issued, alice, MOST)])
    assert balances() == before
    assert "too much" not in keys()
    assert first_misfit() is None


def test_the_same_key_twice_in_one_batch_counts_once(books):
    _, alice, bob, _ = books
    twice = transfer_many([movement("a", alice, bob, 10)] * 2)
    assert twice[0] == twice[1]
    assert balances()[1:3] == [90, 10]
    with pytest.raises(KeyReused):
        transfer_many([movement("b", alice, bob, 1), movement("b", alice, bob, 2)])
    assert "b" not in keys()


def test_a_batch_repeated_gives_back_the_same_transfers(books):
    issued, alice, bob, carol = books
    batch = [
        movement("a", alice, bob, 60),
        movement("b", bob, carol, 60),
        movement("c", carol, issued, 60),
    ]
    first = transfer_many(batch)
    # Alice could not pay this a second time.
    assert transfer_many(batch) == first
    assert balances() == [-40, 40, 0, 0]


def test_one_key_with_other_content_refuses_the_whole_batch(books):
    _, alice, bob, carol = books
    transfer_many([movement("a", alice, bob, 60)])
    with pytest.raises(KeyReused) as refused:
        transfer_many([movement("new", alice, carol, 1), movement("a", alice, bob, 61)])
    assert refused.value.context == {"key": "a"}
    assert keys() == {"start", "a"}


@pytest.mark.django_db(transaction=True)
def test_one_key_between_other_accounts_at_once_moves_once():
    accounts = open_books(6)
    issued, cards = accounts[0], accounts[1:]
    transfer_many([movement(f"s:{n}", issued, card, 10) for n, card in enumerate(cards)])
    pairs = list(zip(cards[::2], cards[1::2], strict=True))

    def pay(debit, credit):
        return str(transfer_many([movement("the same", debit, credit, 5)])[0])

    answers = at_once(3, pay, *map(list, zip(*pairs, strict=True)))
    assert sorted(type(answer).__name__ for answer in answers) == ["KeyReused", "KeyReused", "str"]
    assert sum(balances()) == 0
    assert first_misfit() is None


def test_an_empty_batch_moves_nothing(books, django_assert_num_queries):
    assert transfer_many([]) == []
    assert keys() == {"start"}


def test_a_longer_batch_asks_no_more_questions(books):
    issued, *cards = books

    def cost(length, name):
        batch = [movement(f"{name}:{n}", issued, cards[n % 3], 1) for n in range(length)]
        with CaptureQueriesContext(connection) as queries:
            transfer_many(batch)
        return len(queries)

    # The two ends of a savepoint, a look at the accounts, the transfers, the accounts.
    assert cost(3, "few") == cost(3000, "many") == 5


def test_a_batch_longer_than_a_statement_is_still_whole(books, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 4)
    issued, alice, bob, carol = books
    batch = [movement(f"n:{n}", issued, (alice, bob, carol)[n % 3], 1) for n in range(10)]
    made = transfer_many(batch)
    named = Transfer.objects.across_tenants().in_bulk(made)
    assert [named[name].key for name in made] == [f"n:{n}" for n in range(10)]
    assert balances() == [-110, 104, 3, 3]
    with pytest.raises(KeyReused):
        transfer_many([*batch, movement("n:3", issued, alice, 2)])
    assert Transfer.objects.across_tenants().count() == 11


def test_an_account_in_hand_may_be_old(books):
    _issued, alice, bob, _ = books
    assert alice.balance == 0
    transfer_many([movement("a", alice, bob, 100)])
    assert account(bob.owner, Account.Kind.SELF).balance == Decimal(100)
