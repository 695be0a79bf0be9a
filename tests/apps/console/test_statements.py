"""An account's statement on a page and in a file: as of any moment, page by page."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.ledger.models import Transfer
from apps.ledger.services import transfer_many
from tests.apps.core.test_exports import csv_rows, xlsx_rows
from tests.apps.ledger.books import movement, open_books
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    issued, alice, bob = open_books(2)
    transfer_many([movement(f"in:{n}", issued, alice, 10) for n in range(60)])
    transfer_many([movement("out", alice, bob, 5, reason=Transfer.Reason.CARD_TRANSFER)])
    return issued, alice, bob


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    return client


def page(account):
    return reverse("console:statement", args=[account.pk])


def numbers(answer):
    return [line.number for line in answer.context["lines"]]


def test_the_latest_lines_come_first_and_the_rest_follows(platform, books):
    _issued, alice, _bob = books
    first = platform.get(page(alice))
    assert first.context["balance"] == 595
    assert numbers(first) == list(range(61, 11, -1))
    second = platform.get(page(alice) + first.context["further"])
    assert numbers(second) == list(range(11, 0, -1))
    assert second.context["further"] is None


def test_one_reason_is_picked(platform, books):
    _issued, alice, _bob = books
    answer = platform.get(page(alice), {"reason": "card_transfer"})
    assert [(line.amount, line.balance) for line in answer.context["lines"]] == [(-5, 595)]


@pytest.mark.parametrize("asked", [{"at": "yesterday"}, {"reason": "theft"}, {"before": "-1"}])
def test_a_file_is_never_of_more_than_what_was_asked(platform, books, asked):
    _issued, alice, _bob = books
    answer = platform.get(page(alice), asked | {"file": "csv"})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert set(answer.context["form"].errors) == set(asked)


def test_as_of_a_moment_before_anything_there_is_nothing(platform, books):
    _issued, alice, _bob = books
    answer = platform.get(page(alice), {"at": "2020-01-01T00:00:00"})
    assert (answer.context["balance"], numbers(answer)) == (0, [])


def test_a_moment_that_is_none_is_told(platform, books):
    answer = platform.get(page(books[1]), {"at": "yesterday", "reason": "because"})
    assert set(answer.context["form"].errors) == {"at", "reason"}
    assert len(numbers(answer)) == 50


@pytest.mark.parametrize(("kind", "read"), [("csv", csv_rows), ("xlsx", xlsx_rows)])
def test_a_file_has_every_line(platform, books, kind, read):
    _issued, alice, bob = books
    told = read(platform.get(page(alice), {"file": kind}))
    assert len(told) == 62
    first = dict(zip(told[0], told[1], strict=True))
    assert (first["number"], first["other account"]) == ("61", str(bob))
    assert (Decimal(first["amount"]), Decimal(first["balance"])) == (-5, 595)


def test_another_tenants_statement_is_not_there(client, books):
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(page(books[1])).status_code == 404
    client.force_login(UserFactory(tenant=None))
    assert client.get(page(books[1])).status_code == 403


def test_the_list_of_accounts_leads_to_statements(platform, books):
    shown = platform.get(reverse("admin:ledger_account_changelist")).content.decode()
    assert page(books[1]) in shown
