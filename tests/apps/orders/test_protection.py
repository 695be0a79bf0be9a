"""A stop or target that fires at the venue closes the position in the books, once."""

from decimal import Decimal

import msgspec
import pytest

from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.services import settle_closes
from apps.signals.models import Signal
from engine.messages import Fill as VenueFill
from engine.money import points
from engine.order import OrderStatus
from engine.signal import Action, Side
from tests.apps.orders.desk import fill, refusals, report
from tests.apps.orders.test_dispatch_and_sweep import opened
from tests.apps.orders.test_states import SYMBOL, Reader, account_fill, held

pytestmark = pytest.mark.django_db
NUMBER = "stop-77"


@pytest.fixture
def reader(hints):
    reader = Reader()
    reader.order = reader.trade()
    return reader


def fired(reader, *parts, **changes):
    """What the account's fills tell of a target at 51,000 that closed in these parts."""
    parts = parts or [reader.order.quantity]
    fills = [
        VenueFill(
            venue_fill_id=f"{NUMBER}-{number}",
            quantity=str(part),
            price="51000",
            fee="1",
            filled_at_ms=1_700_000_000_000 + number,
        )
        for number, part in enumerate(parts)
    ]
    return [
        account_fill(
            reader.order,
            side=Side.SELL,
            client_order_id="ibmadeatthevenue",
            venue_order_id=NUMBER,
            fill=one,
            is_protection=True,
            **changes,
        )
        for one in fills
    ]


def orders_of(reader):
    return Order.objects.across_tenants().filter(venue_account=reader.account)


def asked_for(reader, hints):
    """What the node was asked of the account's orders."""
    return [one for one in opened(reader.desk, hints) if one.account == str(reader.account.pk)]


def order_of_it():
    return Order.objects.across_tenants().get(kind=Order.Kind.PROTECTION)


def answer(reader, told, status=OrderStatus.FILLED):
    order = order_of_it()
    reader.desk.hear(report(order, status, fills=[row.fill for row in told], venue_order_id=NUMBER))
    reader.later(seconds=1)


def test_it_is_an_order_of_its_own_that_closes_and_is_charged(reader, hints):
    told = fired(reader)
    hints.clear()
    account = reader.read(fills=told)
    order = order_of_it()
    (asked,) = asked_for(reader, hints)
    assert (asked.task, asked.venue_order_id, asked.side) == ("look_up", NUMBER, "sell")
    # While it is asked for, the difference is no drift.
    assert account.drift == {}
    answer(reader, told)
    position = Position.objects.across_tenants().get()
    assert (position.status, position.quantity) == (Position.Status.CLOSED, 0)
    close = Close.objects.across_tenants().get()
    assert close.profit == order.quantity * 1000
    assert close.position.subscription_id == reader.subscription.pk
    settle_closes(close_ids=[close.pk])
    assert Charge.objects.across_tenants().count() == 1
    order.refresh_from_db()
    assert (order.status, order.ticket.status) == (OrderStatus.FILLED, Ticket.Status.DONE)
    assert reader.read(fills=told).drift == {}


def test_told_again_in_the_overlap_and_by_look_ups_it_counts_once(reader, hints):
    told = fired(reader)
    for _ in range(2):
        reader.read(fills=told)
    for _ in range(2):
        answer(reader, told)
        reader.read(fills=told)
    assert Close.objects.across_tenants().count() == 1
    assert Fill.objects.across_tenants().filter(order__kind="protection").count() == 1
    assert Order.objects.across_tenants().filter(kind="protection").count() == 1
    assert refusals() == []


def test_its_fills_may_come_in_parts_and_in_two_windows(reader):
    half = reader.order.quantity / 2
    told = fired(reader, half, half)
    reader.read(fills=told[:1])
    answer(reader, told[:1], OrderStatus.OPEN)
    assert Position.objects.across_tenants().get().quantity == half
    reader.read(holdings=[held(half)], fills=told)
    answer(reader, told)
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert Close.objects.across_tenants().count() == 2


def test_until_it_is_answered_it_is_asked_for_and_in_the_end_a_person_is(reader, hints):
    reader.read(fills=fired(reader))
    hints.clear()
    for _ in range(16 * 4):
        reader.later(seconds=15)
        services.sweep(now=reader.now)
    assert {ticket.venue_order_id for ticket in asked_for(reader, hints)} == {NUMBER}
    assert order_of_it().ticket.status == Ticket.Status.PARKED


@pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.REJECTED])
def test_nothing_that_a_node_says_of_it_makes_an_order_of_ours(reader, hints, status):
    reader.read(fills=fired(reader))
    hints.clear()
    reader.desk.hear(report(order_of_it(), status))
    services.dispatch(now=reader.now)
    services.sweep(now=reader.now)
    assert [ticket for ticket in asked_for(reader, hints) if ticket.task == "place"] == []
    assert orders_of(reader).count() == 2


def test_a_trade_by_hand_stays_drift_and_stops_the_account(reader):
    by_hand = [msgspec.structs.replace(row, is_protection=False) for row in fired(reader)]
    account = reader.read(fills=by_hand)
    assert account.drift == {f"{SYMBOL} long": ["0", f"{reader.order.quantity.normalize():f}"]}
    assert account.is_drifting
    assert orders_of(reader).get() == reader.order
    assert Position.objects.across_tenants().get().status == Position.Status.OPEN


def test_what_protected_nothing_of_ours_is_not_taken_in(reader):
    strange = [msgspec.structs.replace(row, side=Side.BUY) for row in fired(reader)]
    reader.read(fills=strange, holdings=[held(reader.order.quantity)])
    assert not Order.objects.across_tenants().filter(kind="protection").exists()


def test_it_fires_before_its_position_is_in_the_books(hints):
    """The look-up of the opening order is late: the stop's fills are told until it has come."""
    reader = Reader()
    reader.desk.plan_and_send(reader.desk.new_signal())
    reader.order = orders_of(reader).get()
    told = fired(reader)
    reader.read(fills=told)
    assert not Order.objects.across_tenants().filter(kind="protection").exists()
    assert reader.account.cursors[SYMBOL] <= told[0].fill.filled_at_ms
    reader.desk.hear(report(reader.order))
    reader.later(seconds=1)
    reader.read(fills=told)
    answer(reader, told)
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED


def test_it_raced_with_a_close_of_ours(reader):
    """Ours is refused at the venue, for nothing is held there any more."""
    told = fired(reader)
    reader.desk.plan_and_send(reader.desk.new_signal(action=Action.CLOSE))
    ours = orders_of(reader).order_by("pk").last()
    reader.read(fills=told)
    answer(reader, told)
    reader.desk.hear(report(ours, OrderStatus.REJECTED, reason="nothing is held"))
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert Close.objects.across_tenants().get().profit == 1000 * Decimal(told[0].fill.quantity)


# --- it closes more than the books hold


def fills_of_it():
    return Fill.objects.across_tenants().filter(order__kind=Order.Kind.PROTECTION).order_by("key")


def test_what_it_closed_beyond_the_books_is_recorded_and_closes_nothing_of_ours(reader, hints):
    """Somebody had bought by hand what the stop sold with ours."""
    more = reader.order.quantity * 3
    told = fired(reader, more)
    reader.read(fills=told)
    hints.clear()
    for _ in range(2):
        answer(reader, told)
    order = order_of_it()
    assert (order.quantity, order.filled, order.status) == (more, more, OrderStatus.FILLED)
    assert order.ticket.status == Ticket.Status.DONE
    (fill,) = fills_of_it()
    assert (fill.quantity, fill.unheld) == (more, reader.order.quantity * 2)
    close = Close.objects.across_tenants().get()
    assert close.profit == reader.order.quantity * 1000
    assert close.fee == points(Decimal(1) / 3)
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert refusals() == []
    # The account is read back at once: whether the two differ is the venue's to say.
    assert [one["account_id"] for one in hints.named("orders.ask_state")] == [reader.account.pk]
    assert AuditEntry.objects.filter(action="fill.unheld").count() == 1
    reader.read(holdings=[held(reader.order.quantity, direction="short")], fills=told)
    assert reader.account.is_drifting
    assert Order.objects.across_tenants().filter(venue_account=reader.account).count() == 2


def test_it_tells_more_than_at_first(reader):
    """Its first fill was as large as our position; nobody knew that it would go on."""
    ours = reader.order.quantity
    told = fired(reader, ours, ours)
    reader.read(fills=told[:1])
    answer(reader, told[:1], OrderStatus.OPEN)
    reader.read(fills=told)
    answer(reader, told)
    assert order_of_it().filled == ours * 2
    assert [fill.unheld for fill in fills_of_it()] == [0, ours]
    assert refusals() == []


def test_stop_and_target_of_one_position_fire_both(reader):
    told = fired(reader)
    other = [
        msgspec.structs.replace(
            row,
            venue_order_id="target-78",
            fill=msgspec.structs.replace(row.fill, venue_fill_id="target-78-0"),
        )
        for row in told
    ]
    reader.read(fills=told + other)
    orders = Order.objects.across_tenants().filter(kind=Order.Kind.PROTECTION).order_by("pk")
    assert orders.count() == 2
    for order in orders:
        mine = [row.fill for row in told + other if row.venue_order_id == order.venue_order_id]
        reader.desk.hear(report(order, fills=mine, venue_order_id=order.venue_order_id))
    assert sorted(fill.unheld for fill in fills_of_it()) == [0, reader.order.quantity]
    assert Close.objects.across_tenants().count() == 1
    assert refusals() == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_opening_fill_that_is_told_later_is_closed_by_it(hints, is_whole):
    """The first try was believed never placed; the stop closed it with the second one."""
    reader = Reader()
    reader.desk.plan_and_send(reader.desk.new_signal())
    late = orders_of(reader).get()
    reader.desk.hear(report(late, OrderStatus.EXPIRED))
    services.dispatch(now=reader.now)
    reader.order = orders_of(reader).get(generation=2)
    reader.desk.hear(report(reader.order))
    reader.later(seconds=1)
    ours = reader.order.quantity
    told = fired(reader, ours, late.quantity) if is_whole else fired(reader, ours + late.quantity)
    reader.read(fills=told)
    answer(reader, told)
    assert sum(fill.unheld for fill in fills_of_it()) == late.quantity
    opening = msgspec.structs.replace(fill(late, name="late"), filled_at_ms=1_600_000_000_000)
    for _ in range(2):
        reader.desk.hear(report(late, fills=[opening]))
    assert [fill.unheld for fill in fills_of_it()] == [0] * len(told)
    closes = Close.objects.across_tenants()
    assert sum(close.profit for close in closes) == (ours + late.quantity) * 1000
    assert sum(close.fee for close in closes) == len(told)
    assert not Position.objects.across_tenants().filter(status=Position.Status.OPEN).exists()
    settle_closes(close_ids=[close.pk for close in closes])
    assert Charge.objects.across_tenants().count() == 2
    assert refusals() == []


def test_what_is_opened_after_it_is_not_closed_by_it(reader):
    told = fired(reader, reader.order.quantity * 2)
    reader.read(fills=told)
    answer(reader, told)
    signal = reader.desk.new_signal()
    Signal.objects.filter(pk=signal.pk).update(created_at=reader.now)
    reader.desk.plan_and_send(signal)
    new = orders_of(reader).order_by("pk").last()
    reader.desk.hear(report(new))
    position = Position.objects.across_tenants().get(status=Position.Status.OPEN)
    assert position.quantity == new.quantity
