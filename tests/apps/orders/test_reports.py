"""What a node says is applied once, in any order, and only if it may say it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.orders.models import Fill, Order, Ticket
from apps.positions.models import Close, Position
from engine.errors import MessageRefused
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, refusals, report
from tests.factories import NodeFactory

pytestmark = pytest.mark.django_db


def rows():
    """Everything that a report can change, as it now stands."""
    return (
        list(Order.objects.across_tenants().values_list("status", "filled", "average_price")),
        list(Ticket.objects.across_tenants().values_list("status", "generation")),
        list(Fill.objects.across_tenants().values_list("key", "quantity", "price")),
        list(Position.objects.across_tenants().values_list("quantity", "entry_price", "status")),
        list(Close.objects.across_tenants().values_list("fill_key", "profit")),
    )


def test_a_fill_opens_a_position_and_finishes_the_ticket():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    order.refresh_from_db()
    assert (order.status, order.filled) == (OrderStatus.FILLED, order.quantity)
    assert order.average_price == 50_000
    position = Position.objects.across_tenants().get()
    assert (position.quantity, position.entry_price) == (order.quantity, Decimal(50_000))
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.DONE
    assert not Close.objects.across_tenants().exists()


def test_a_closing_fill_realises_a_profit_and_asks_for_its_settlement(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.new_signal(action=Action.CLOSE)
    last = desk.plan_and_send(closing)[-1]
    desk.hear(report(last, fills=[fill(last, price="51000")]))
    close = Close.objects.across_tenants().get()
    assert close.profit == order.quantity * 1000
    position = Position.objects.across_tenants().get()
    assert (position.status, position.open_key) == (Position.Status.CLOSED, None)
    assert hints.named("rewards.settle") == [{"close_ids": [str(close.pk)]}]


def test_the_same_report_twice_changes_nothing():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    before = rows()
    desk.hear(report(order))
    desk.hear(report(order), report(order))
    assert rows() == before
    assert refusals() == []


@given(order=st.permutations(range(4)), twice=st.lists(st.integers(0, 3), max_size=3))
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_of_reports_ends_in_the_same_rows(django_db_blocker, order, twice):
    desk = Desk()
    placed = desk.plan_and_send()[-1]
    half = placed.quantity / 2
    first = fill(placed, quantity=half, price="50000", name="a")
    second = fill(placed, quantity=half, price="50100", name="b")
    life = [
        report(placed, OrderStatus.UNKNOWN),
        report(placed, OrderStatus.OPEN),
        report(placed, OrderStatus.OPEN, fills=[first]),
        report(placed, OrderStatus.FILLED, fills=[first, second]),
    ]
    for step in [*order, *twice]:
        desk.hear(life[step])
    placed.refresh_from_db()
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, placed.quantity)
    assert placed.average_price == 50_050
    mine = Position.objects.across_tenants().filter(venue_account=placed.venue_account)
    assert [held.quantity for held in mine] == [placed.quantity]
    placed.ticket.refresh_from_db()
    assert placed.ticket.status == Ticket.Status.DONE


def test_a_rejected_order_ends_its_ticket_with_the_venues_reason():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, OrderStatus.REJECTED, reason="no funds"))
    order.refresh_from_db()
    assert order.reason == "no funds"
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.REJECTED


def test_an_account_whose_venue_turns_a_close_away_is_read_back_at_once(hints):
    """Its stop or target may have closed the position before."""
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, OrderStatus.FILLED, fills=[fill(order)]))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    turned_away = report(closing, OrderStatus.REJECTED, reason="there is nothing to reduce")
    for _ in range(2):
        desk.hear(turned_away)
        assert hints.named("orders.ask_state") == [{"account_id": order.venue_account_id}]


def test_what_was_never_placed_is_tried_again_under_a_new_name(hints):
    desk = Desk()
    (first,) = desk.plan_and_send()
    hints.clear()
    desk.hear(report(first, OrderStatus.EXPIRED, reason="the venue never saw it"))
    ticket = Ticket.objects.across_tenants().get()
    assert (ticket.status, ticket.generation) == (Ticket.Status.PLANNED, 2)
    second = Order.objects.across_tenants().get(generation=2)
    assert second.client_order_id != first.client_order_id
    assert hints.named("orders.dispatch") == [{}]


def test_what_was_never_placed_and_is_late_expires():
    desk = Desk()
    (order,) = desk.plan_and_send()
    late = desk.now + timedelta(seconds=settings.SIGNAL_SECONDS + 1)
    desk.hear(report(order, OrderStatus.EXPIRED), now=late)
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.EXPIRED
    assert Order.objects.across_tenants().count() == 1


def test_a_closing_ticket_is_tried_again_however_late():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    desk.hear(report(closing, OrderStatus.EXPIRED), now=desk.now + timedelta(hours=2))
    assert closing.ticket.orders.count() == 2


def test_the_first_try_may_still_be_reported_after_the_second_began():
    desk = Desk()
    (first,) = desk.plan_and_send()
    desk.hear(report(first, OrderStatus.EXPIRED))
    desk.hear(report(first, OrderStatus.EXPIRED))
    ticket = Ticket.objects.across_tenants().get()
    assert (ticket.status, ticket.generation) == (Ticket.Status.PLANNED, 2)


LIES = [
    ("an order nobody knows", {"order_id": "019a0000-0000-7000-8000-000000000000"}, "nobody knows"),
    ("an order id that is none", {"order_id": "x"}, "nobody knows"),
    ("another account", {"account": "999999"}, "names another"),
    ("another client order id", {"client_order_id": "ib1"}, "names another"),
    ("fills that do not add up", {"filled": "0.001"}, "add up"),
    ("more filled than asked", {"filled": "9"}, "add up"),
]


@pytest.mark.parametrize(("case", "lie", "reason"), LIES, ids=[case for case, *_ in LIES])
def test_a_report_that_cannot_be_is_refused_and_changes_nothing(case, lie, reason):
    desk = Desk()
    (order,) = desk.plan_and_send()
    before = rows()
    desk.hear(report(order, **lie))
    assert rows() == before
    assert any(reason in said for said in refusals())


def test_a_sound_report_beside_a_false_one_is_applied():
    desk = Desk(followers=2)
    one, two = desk.plan_and_send()
    desk.hear(report(one, account="999999"), report(two))
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, two.status) == (OrderStatus.NEW, OrderStatus.FILLED)


def test_a_close_of_more_than_is_held_has_happened_all_the_same():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    half = closing.quantity / 2
    Position.objects.across_tenants().update(quantity=half)
    desk.hear(report(closing))
    closing.refresh_from_db()
    assert (closing.status, closing.ticket.status) == (OrderStatus.FILLED, Ticket.Status.DONE)
    told = closing.fills.get()
    assert (told.quantity, told.unheld) == (closing.quantity, half)
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert refusals() == []


def test_a_node_may_not_report_on_anothers_order():
    desk = Desk()
    (order,) = desk.plan_and_send()
    stranger = NodeFactory()
    before = rows()
    desk.hear(report(order), node=stranger)
    assert rows() == before
    assert any("hands" in said for said in refusals())


def test_a_forged_signature_is_refused_whole():
    desk = Desk()
    (order,) = desk.plan_and_send()
    stranger = NodeFactory()
    stranger.code = desk.node.code
    before = rows()
    with pytest.raises(MessageRefused):
        desk.hear(report(order), node=stranger)
    assert rows() == before
