"""Rows that are alike are written as one document; what differs comes back as it was given."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from apps.core import bulk
from apps.orders.models import Ticket
from apps.venues.models import VenueAccount
from engine.ids import uuid7
from tests.factories import TicketFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db

OWN = ("id", "quantity", "stop", "refused_because")


def write(rows):
    alike = TicketFactory()
    alike.signal = None
    kept = bulk.id_kept()
    bulk.insert_alike(alike, OWN, [(kept(key), *others) for key, *others in rows])
    return alike


def written(keys):
    return list(Ticket.objects.across_tenants().filter(pk__in=keys).order_by("pk"))


@pytest.mark.parametrize("at_once", [5000, 2])
def test_every_row_has_what_is_alike_and_what_is_its_own(monkeypatch, at_once):
    monkeypatch.setattr(bulk, "UNFOLDED_AT_ONCE", at_once)
    rows = [
        (uuid7(), Decimal("0.00000001"), None, ""),
        (uuid7(), Decimal("1E-8"), Decimal("4E+3"), "null"),
        (uuid7(), Decimal("123456789.125"), Decimal(7), '\'); "quoted" \\ % {} 止损'),
    ]
    alike = write(rows)
    found = written([key for key, *_ in rows])
    assert [(row.pk, row.quantity, row.stop, row.refused_because) for row in found] == rows
    for row in found:
        assert (row.tenant_id, row.node_id) == (alike.tenant_id, alike.node_id)
        assert (row.symbol, row.status, row.generation) == (alike.symbol, alike.status, 1)
        assert row.signal_id is row.target is row.sent_at is None


def test_a_row_that_is_refused_writes_none_of_them():
    key, other = uuid7(), uuid7()
    with pytest.raises(DatabaseError), transaction.atomic():
        write([(other, 1, None, ""), (key, 1, None, ""), (key, 1, None, "")])
    assert written([key, other]) == []


def test_no_rows_are_no_statement(django_assert_num_queries):
    alike = TicketFactory()
    with django_assert_num_queries(0):
        bulk.insert_alike(alike, OWN, [])


def test_rows_are_found_among_keys(django_assert_num_queries):
    accounts = [VenueAccountFactory() for _ in range(3)]
    rows = VenueAccount.objects.across_tenants()
    keys = [accounts[0].pk, accounts[2].pk]
    assert set(rows.filter(pk__among=keys)) == {accounts[0], accounts[2]}
    members = rows.filter(member__among={accounts[1].member_id})
    assert list(members) == [accounts[1]]
    with django_assert_num_queries(0):
        assert list(rows.filter(pk__among=[])) == []


def test_only_whole_numbers_are_written_into_a_statement():
    with pytest.raises(ValueError, match="invalid literal"):
        VenueAccount.objects.across_tenants().filter(pk__among=["1) OR (1=1"])
