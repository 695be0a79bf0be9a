"""Tallies are what their rows come to: of each tenant, of everybody, and after late changes."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.orders.models import Order
from apps.positions.models import Close
from apps.tallies.models import Tally
from apps.tallies.selectors import reach, tallies
from apps.tallies.services import catch_up, forget
from tests.factories import CloseFactory, OrderFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
STATUSES = ["new", "open", "filled", "canceled"]


def count(now=NOW):
    return list(catch_up(now=now))


def made(row, at):
    type(row)._base_manager.filter(pk=row.pk).update(created_at=at)
    return row


def orders_of(tenant):
    rows = tallies(tenant, Tally.What.ORDERS)
    return Counter({row.which: row.count for row in rows.iterator()})


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),  # whose
            st.integers(0, 100),  # made so many hours ago
            st.integers(-500, 500),  # what it earned
            st.integers(0, 30),  # and counted again after so many hours
        ),
        max_size=8,
    )
)
def test_tallies_equal_the_sums_of_their_rows(told):
    forget()
    positions = [CloseFactory().position, CloseFactory().position]
    tenants = [position.tenant for position in positions]
    Close.objects.across_tenants().delete()
    now = NOW
    for whose, hours_ago, profit, later in told:
        # A row appears at once; what stands before the last count is late by a day at most.
        at = max(now - timedelta(hours=hours_ago), reach() or NOW - timedelta(days=9))
        row = CloseFactory(position=positions[whose], profit=Decimal(profit))
        made(row, at)
        now += timedelta(hours=later)
        count(now)
    count(now)

    call_command("tallies", "--check")
    for tenant in [None, *tenants]:
        rows = Close.objects.of(tenant) if tenant else Close.objects.across_tenants()
        counted = tallies(tenant, Tally.What.PROFIT).filter(which="")
        assert sum(row.amount for row in counted) == sum(row.net for row in rows)
        assert sum(row.count for row in counted) == rows.count()


def test_an_order_told_of_late_moves_to_its_new_status_on_its_old_day():
    old = made(OrderFactory(status="open"), NOW - timedelta(days=5))
    made(OrderFactory(status="filled", ticket=old.ticket, generation=2), NOW - timedelta(days=5))
    count()
    assert orders_of(old.tenant) == orders_of(None) == {"open": 1, "filled": 1}

    later = NOW + timedelta(days=2)
    Order.objects.of(old.tenant).filter(pk=old.pk).update(status="canceled", reported_at=later)
    count(later + timedelta(seconds=5))

    assert orders_of(old.tenant) == orders_of(None) == {"canceled": 1, "filled": 1}


def test_a_count_that_was_stopped_goes_on_with_the_next_day():
    for days in (3, 2, 0):
        made(OrderFactory(), NOW - timedelta(days=days))
    counting = catch_up(now=NOW)
    next(counting), next(counting)
    counting.close()

    # The last one that was counted, for what was late; those that were left.
    assert [day.day for day in count()] == [7, 8, 9, 10]
    call_command("tallies", "--check")


def test_what_differs_is_named_and_mended():
    order = made(OrderFactory(status="filled"), NOW - timedelta(days=2))
    count()
    # Nobody told of it: only the check finds that.
    Order.objects.of(order.tenant).update(status="rejected")

    with pytest.raises(CommandError, match="4 tallies are not what their rows say"):
        call_command("tallies", "--check")
    call_command("tallies", "--rebuild")
    call_command("tallies", "--check")
    assert orders_of(order.tenant) == {"rejected": 1}


def test_equity_and_drift_are_sampled_as_they_stand():
    account = VenueAccountFactory(equity=Decimal(700), drift={"BTC/USDT long": ["0.02", "0"]})
    VenueAccountFactory(equity=Decimal(300))
    count()

    assert tallies(None, Tally.What.EQUITY).get().amount == 1000
    assert tallies(account.tenant, Tally.What.EQUITY).get().amount == 700
    assert tallies(account.tenant, Tally.What.DRIFT).get().count == 1
