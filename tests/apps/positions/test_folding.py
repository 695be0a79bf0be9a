"""Fills fold into positions, in bulk, and each closing fill realises its profit."""

from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.positions.models import Position
from apps.positions.services import Execution, Folding
from engine.signal import Action, Direction
from tests.factories import VenueAccountFactory

pytestmark = pytest.mark.django_db
quantities = st.decimals("0.001", "5", places=3)
prices = st.decimals("1", "90000", places=2)


def execution(
    account, action, quantity, price, *, number=0, direction=Direction.LONG, fee=Decimal(1)
):
    return Execution(
        fill_key=f"{account.pk}:{action}:{number}",
        venue_account=account,
        subscription_id=None,
        symbol="BTC/USDT",
        direction=direction,
        action=action,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=fee,
    )


def fold(*groups):
    folding = Folding({group[0].open_key for group in groups}, now=timezone.now())
    for group in groups:
        folding.absorb(group)
    return folding.save()


def test_two_fills_average_their_price():
    account = VenueAccountFactory()
    fold([execution(account, Action.OPEN, 1, 100), execution(account, Action.OPEN, 3, 200)])
    position = Position.objects.across_tenants().get()
    assert (position.quantity, position.entry_price, position.fees) == (4, 175, 2)


@pytest.mark.parametrize(("direction", "profit"), [(Direction.LONG, 20), (Direction.SHORT, -20)])
def test_a_part_closes_with_its_own_profit(direction, profit):
    account = VenueAccountFactory()
    fold([execution(account, Action.OPEN, 4, 100, direction=direction)])
    (close,) = fold([execution(account, Action.CLOSE, 2, 110, direction=direction)])
    assert close.profit == profit
    position = Position.objects.across_tenants().get()
    assert (position.quantity, position.realized) == (2, profit)
    assert position.status == Position.Status.OPEN


def test_the_closes_bear_together_what_was_paid_at_entry_however_they_are_folded():
    account = VenueAccountFactory()
    fold([execution(account, Action.OPEN, 7, 100, fee=Decimal("0.1"))])
    exits = [execution(account, Action.CLOSE, 1, 100, number=number) for number in range(7)]
    closes = fold(exits[:1]) + fold(exits[1:4]) + fold(exits[4:])
    shares = ["0.01428571"] * 4 + ["0.01428572"] * 3
    assert [close.entry_fee for close in closes] == list(map(Decimal, shares))
    assert sum(close.entry_fee for close in closes) == Decimal("0.1")
    assert closes[-1].net == -1 - Decimal("0.01428572")
    assert Position.objects.across_tenants().get().entry_fees == 0


def test_a_new_position_begins_after_a_close():
    account = VenueAccountFactory()
    for number in range(2):
        fold([execution(account, Action.OPEN, 1, 100, number=number)])
        fold([execution(account, Action.CLOSE, 1, 101, number=number)])
    statuses = Position.objects.across_tenants().values_list("status", "open_key")
    assert list(statuses) == [(Position.Status.CLOSED, None)] * 2


def test_open_and_close_in_one_go():
    account = VenueAccountFactory()
    closes = fold(
        [execution(account, Action.OPEN, 1, 100)], [execution(account, Action.CLOSE, 1, 90)]
    )
    assert [close.profit for close in closes] == [-10]
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED


def test_closing_more_than_is_held_closes_what_there_is_and_tells_the_rest():
    account = VenueAccountFactory()
    fold([execution(account, Action.OPEN, 1, 100)])
    key = execution(account, Action.CLOSE, 1, 110).open_key
    folding = Folding({key}, now=timezone.now())
    exits = [execution(account, Action.CLOSE, n, 110, number=n, fee=Decimal(4)) for n in (4, 2)]
    assert folding.absorb(exits) == [3, 2]
    (close,) = folding.save()
    # With the part of its fee that belongs to what it closed of ours.
    assert (close.profit, close.fee) == (10, 1)
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED


def test_where_nothing_is_held_a_close_leaves_no_position():
    account = VenueAccountFactory()
    exits = [execution(account, Action.CLOSE, 1, 110)]
    folding = Folding({exits[0].open_key}, now=timezone.now())
    assert folding.absorb(exits) == [1]
    assert folding.save() == []
    assert not Position.objects.across_tenants().exists()


@given(
    opens=st.lists(st.tuples(quantities, prices), min_size=1, max_size=5),
    exits=st.lists(prices, min_size=1, max_size=5),
    direction=st.sampled_from(Direction),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_profit_is_what_came_in_less_what_went_out(django_db_blocker, opens, exits, direction):
    account = VenueAccountFactory()
    fold(
        [
            execution(account, Action.OPEN, quantity, price, number=number, direction=direction)
            for number, (quantity, price) in enumerate(opens)
        ]
    )
    total = sum(quantity for quantity, _ in opens)
    cost = sum(quantity * price for quantity, price in opens)
    part = (total / len(exits)).quantize(Decimal("0.001"))
    parts = [part] * (len(exits) - 1)
    parts.append(total - sum(parts))
    if min(parts) <= 0:
        return
    closes = fold(
        [
            execution(account, Action.CLOSE, quantity, price, number=number, direction=direction)
            for number, (quantity, price) in enumerate(zip(parts, exits, strict=True))
        ]
    )
    back = sum(quantity * price for quantity, price in zip(parts, exits, strict=True))
    expected = back - cost if direction is Direction.LONG else cost - back
    told = sum(close.profit for close in closes)
    # Each close is cut to 1e-8.
    assert abs(told - expected) <= Decimal("0.00000001") * (len(closes) + 1)
    mine = Position.objects.across_tenants().get(venue_account=account)
    assert mine.status == Position.Status.CLOSED
