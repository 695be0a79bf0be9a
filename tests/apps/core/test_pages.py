"""Pages by key show every row once, whatever is written meanwhile."""

import pytest

from apps.core.errors import BadInput
from apps.core.pages import LARGEST, USUAL, page
from apps.orders.models import Ticket
from apps.tenants.models import Tenant
from tests.factories import SubscriptionFactory, TenantFactory, TicketFactory

pytestmark = pytest.mark.django_db


def walk(rows, limit):
    cursor, seen, pages = None, [], 0
    while True:
        found = page(rows, cursor=cursor, limit=limit)
        seen += found.rows
        pages += 1
        if found.cursor is None:
            return seen, pages
        cursor = found.cursor


@pytest.mark.parametrize(("limit", "pages"), [(1, 7), (3, 3), (7, 1), (8, 1), ("2", 4)])
def test_every_row_is_shown_once_newest_first(limit, pages):
    tenants = [TenantFactory() for _ in range(7)]
    assert walk(Tenant.objects.all(), limit) == (tenants[::-1], pages)


def test_an_empty_list_is_one_empty_page():
    assert page(Tenant.objects.none()) == page(Tenant.objects.filter(pk=0), limit=5)
    assert page(Tenant.objects.all()).cursor is None


def test_rows_that_come_meanwhile_move_nothing():
    tenants = [TenantFactory() for _ in range(4)]
    first = page(Tenant.objects.all(), limit=2)
    TenantFactory()
    second = page(Tenant.objects.all(), cursor=first.cursor, limit=2)
    assert first.rows + second.rows == tenants[::-1]


def test_facts_are_paged_by_their_time():
    subscription = SubscriptionFactory()
    tickets = [TicketFactory(subscription=subscription) for _ in range(5)]
    seen, _pages = walk(Ticket.objects.of(subscription.tenant), 2)
    assert seen == sorted(tickets, key=lambda ticket: ticket.pk, reverse=True)
    assert not page(Ticket.objects.of(TenantFactory()), limit=2).rows


def test_a_page_costs_one_query(django_assert_num_queries):
    [TenantFactory() for _ in range(5)]
    with django_assert_num_queries(1):
        page(Tenant.objects.all(), cursor="4", limit=2)


def test_a_page_is_never_larger_than_the_largest():
    Tenant.objects.bulk_create([Tenant(name=str(n)) for n in range(LARGEST + 5)])
    assert len(page(Tenant.objects.all()).rows) == USUAL
    assert len(page(Tenant.objects.all(), limit="99999999999999").rows) == LARGEST


@pytest.mark.parametrize("limit", ["0", "-1", "ten", "1.5", "²", 0, -3])
def test_a_wrong_limit_is_refused_by_name(limit):
    with pytest.raises(BadInput) as refusal:
        page(Tenant.objects.all(), limit=limit)
    assert refusal.value.context == {"field": "limit"}


@pytest.mark.parametrize("cursor", ["x", "1.5", "-1", "9" * 30, "1; drop table", "\x00"])
@pytest.mark.parametrize("model", [Tenant, Ticket])
def test_a_wrong_cursor_is_refused_by_name(model, cursor):
    rows = model._base_manager.all()
    with pytest.raises(BadInput) as refusal:
        page(rows, cursor=cursor)
    assert refusal.value.context == {"field": "cursor"}
