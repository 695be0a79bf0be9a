"""A venue tells more of an order that was thought to be over: the books follow what happened."""

from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.conf import settings
from django.utils import timezone

from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Fill, Order, Ticket
from apps.orders.services.reports import may_go, where_to
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.services import settle_closes
from apps.venues.services import bind_account
from engine.order import AT_VENUE, PROOF, OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, refusals, report

pytestmark = pytest.mark.django_db
S = OrderStatus


def late(desk):
    return desk.now + timedelta(seconds=settings.SIGNAL_SECONDS + 1)


def ticket_of(order):
    return Ticket.objects.across_tenants().get(pk=order.ticket_id)


@pytest.mark.parametrize("end", [S.EXPIRED, S.REJECTED, S.CANCELED])
def test_a_fill_after_the_end_reopens_the_order_and_opens_the_position(end):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, end), now=late(desk))
    for _ in range(2):
        desk.hear(report(order), now=late(desk))
    order.refresh_from_db()
    assert (order.status, order.filled, order.reason) == (S.FILLED, order.quantity, "")
    assert ticket_of(order).status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().quantity == order.quantity
    assert Fill.objects.across_tenants().count() == 1
    assert refusals() == []


def rebind(order, **keys):
    account = order.venue_account
    named = {"member": account.member, "venue": account.venue, "label": account.label}
    return bind_account(**named, **{"api_key": "other", "api_secret": "other"} | keys)


def deny(desk, order):
    """As the node answers that asks with whatever keys the account has by then."""
    desk.hear(report(order, S.EXPIRED, reason="the venue never saw it"))
    order.refresh_from_db()
    return order.status, ticket_of(order).status, ticket_of(order).generation


def test_that_an_order_never_came_is_not_believed_of_other_keys_than_it_was_sent_with():
    desk = Desk()
    (order,) = desk.plan_and_send()
    rebind(order)
    assert deny(desk, order) == (S.UNKNOWN, Ticket.Status.UNKNOWN, 1)
    assert "other keys" in order.reason
    # A person looks, for no venue will tell; what it filled is a fact whoever asks.
    services.sweep(now=desk.now + timedelta(minutes=16))
    assert ticket_of(order).status == Ticket.Status.PARKED
    desk.hear(report(order))
    assert ticket_of(order).status == Ticket.Status.DONE


def test_the_same_keys_bound_again_are_no_other_keys():
    desk = Desk()
    (order,) = desk.plan_and_send()
    rebind(order)
    ticket_of(order).__class__.objects.across_tenants().update(
        sent_at=timezone.now() + timedelta(seconds=1)
    )
    rebind(order)
    assert deny(desk, order) == (S.EXPIRED, Ticket.Status.PLANNED, 2)


def test_a_late_fill_of_a_close_is_charged_like_any_other():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    parts = [fill(closing, quantity=closing.quantity / 2, price="51000", name=n) for n in "ab"]
    desk.hear(report(closing, S.CANCELED, fills=parts[:1]))
    desk.hear(report(closing, S.CANCELED, fills=parts))
    closing.refresh_from_db()
    assert (closing.status, closing.filled) == (S.FILLED, closing.quantity)
    closes = Close.objects.across_tenants().all()
    assert [close.profit for close in closes] == [closing.quantity / 2 * 1000] * 2
    settle_closes(close_ids=[close.pk for close in closes])
    assert Charge.objects.across_tenants().count() == 2


def test_an_order_that_stands_at_the_venue_after_all_is_watched_again_and_never_parked(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order, S.EXPIRED), now=late(desk))
    desk.now = late(desk)
    desk.hear(report(order, S.OPEN))
    assert ticket_of(order).status == Ticket.Status.UNKNOWN
    hints.clear()
    for _ in range(40):
        desk.now += timedelta(seconds=30)
        services.sweep(now=desk.now)
    assert ticket_of(order).status == Ticket.Status.UNKNOWN
    assert len(hints.named("node.execute")) == 40


def test_a_second_try_that_has_not_left_never_leaves():
    desk = Desk()
    (first,) = desk.plan_and_send()
    desk.hear(report(first, S.EXPIRED))
    desk.hear(report(first))
    ticket = ticket_of(first)
    assert (ticket.status, ticket.generation) == (Ticket.Status.DONE, 1)
    second = Order.objects.across_tenants().get(generation=2)
    assert (second.status, second.reason) == (S.EXPIRED, "never sent")
    assert services.dispatch(now=desk.now) == 0
    assert Position.objects.across_tenants().get().quantity == first.quantity


def test_both_told_at_once_there_is_no_second_try():
    desk = Desk()
    (first,) = desk.plan_and_send()
    desk.hear(report(first, S.EXPIRED), report(first))
    assert ticket_of(first).status == Ticket.Status.DONE
    assert Order.objects.across_tenants().count() == 1


def test_two_tries_that_both_arrived_are_both_in_the_books():
    desk = Desk()
    (first,) = desk.plan_and_send()
    desk.hear(report(first, S.EXPIRED))
    services.dispatch(now=desk.now)
    second = Order.objects.across_tenants().get(generation=2)
    desk.hear(report(first))
    desk.hear(report(second))
    assert ticket_of(first).status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().quantity == first.quantity + second.quantity


def test_an_earlier_try_that_stands_at_the_venue_is_the_one_that_is_watched():
    desk = Desk()
    (first,) = desk.plan_and_send()
    desk.hear(report(first, S.EXPIRED))
    services.dispatch(now=desk.now)
    second = Order.objects.across_tenants().get(generation=2)
    desk.hear(report(second, S.REJECTED))
    desk.hear(report(first, S.OPEN))
    ticket = ticket_of(first)
    assert (ticket.status, ticket.generation) == (Ticket.Status.UNKNOWN, 1)
    second.refresh_from_db()
    assert second.status == S.REJECTED


@pytest.mark.parametrize(
    ("case", "fills"),
    [
        ("another price", lambda order: [fill(order, price="49000")]),
        ("another quantity", lambda order: [fill(order, quantity=order.quantity / 2)]),
        ("twice", lambda order: [fill(order, quantity=order.quantity / 2)] * 2),
    ],
)
def test_a_fill_that_is_told_otherwise_is_refused(case, fills):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    desk.hear(report(order, fills=fills(order)))
    assert len(refusals()) == 1
    assert Position.objects.across_tenants().get().entry_price == 50_000


def test_a_fill_is_one_orders_only():
    desk = Desk(followers=1)
    (one,) = desk.plan_and_send()
    desk.hear(report(one, S.CANCELED, fills=[fill(one, quantity=one.quantity / 2)]))
    two = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    theirs = fill(one, quantity=one.quantity / 2)
    desk.hear(report(two, fills=[theirs]))
    assert any("otherwise" in said for said in refusals())
    assert not Close.objects.across_tenants().exists()


# What is known of an order at least, where its ticket came to this; and knowledge only grows.
LEAST = {Ticket.Status.RESTING: S.OPEN, Ticket.Status.REJECTED: S.REJECTED}
REPORTED = [S.UNKNOWN, S.EXPIRED, S.REJECTED, S.OPEN, S.CANCELED, S.FILLED]


@pytest.mark.parametrize("at", [at for at in Ticket.Status if at != Ticket.Status.REFUSED])
def test_every_move_that_a_report_can_ask_for_is_allowed(at):
    for status, price, unprotected in product(REPORTED, [None, Decimal(1)], ["", "busy"]):
        order = Order(status=status, ticket=Ticket(status=at, price=price))
        to = where_to(order, unprotected if status in AT_VENUE else "")
        if PROOF[status] >= PROOF[LEAST.get(at, S.NEW)] and may_go(at, to, order):
            assert to in Ticket.MOVES[at], (status, price, unprotected)


def close_under_way():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    return desk, closing


@pytest.mark.parametrize("told_before", [[], [S.UNKNOWN], [S.OPEN]])
def test_a_close_that_its_venue_ended_before_anything_was_filled_is_tried_again(told_before):
    desk, closing = close_under_way()
    for status in [*told_before, S.CANCELED, S.CANCELED]:
        desk.hear(report(closing, status, reason="ioc"))
    ticket = ticket_of(closing)
    assert (ticket.status, ticket.generation) == (Ticket.Status.PLANNED, 2)
    services.dispatch(now=desk.now)
    again = ticket.orders.get(generation=2)
    desk.hear(report(again))
    assert ticket_of(closing).status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert refusals() == []


def test_a_close_that_was_taken_away_by_a_person_is_not_tried_again():
    desk, closing = close_under_way()
    services.cancel_order(order=closing, now=desk.now)
    desk.hear(report(closing, S.CANCELED))
    ticket = ticket_of(closing)
    assert (ticket.status, ticket.generation) == (Ticket.Status.DONE, 1)


def tries_of(ticket):
    return [
        (row.generation, row.status, row.quantity) for row in ticket.orders.order_by("generation")
    ]


def test_a_try_that_came_after_all_and_was_ended_empty_makes_no_second_of_its_number():
    desk, closing = close_under_way()
    desk.hear(report(closing, S.EXPIRED))
    assert ticket_of(closing).generation == 2
    desk.hear(report(closing, S.CANCELED))
    ticket, whole = ticket_of(closing), closing.quantity
    assert (ticket.status, ticket.generation) == (Ticket.Status.PLANNED, 3)
    assert tries_of(ticket) == [(1, S.CANCELED, whole), (2, S.EXPIRED, whole), (3, S.NEW, whole)]
    assert refusals() == []


def test_the_rest_of_a_close_that_its_venue_ended_is_tried_once_under_another_name():
    desk, closing = close_under_way()
    half = closing.quantity / 2
    for status in (S.OPEN, S.CANCELED, S.CANCELED):
        desk.hear(report(closing, status, fills=[fill(closing, quantity=half)]))
    again = ticket_of(closing)
    assert (again.status, again.generation) == (Ticket.Status.PLANNED, 2)
    assert tries_of(again) == [(1, S.CANCELED, closing.quantity), (2, S.NEW, half)]
    rest = again.orders.get(generation=2)
    assert rest.client_order_id != closing.client_order_id

    # What it does is as final as ever: all is closed, and by two fills of half each.
    desk.hear(report(rest, S.FILLED, fills=[fill(rest, quantity=half)]))
    assert ticket_of(closing).status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().status == Position.Status.CLOSED
    assert refusals() == []


def test_of_two_reports_in_one_message_the_rest_is_tried_once():
    desk, closing = close_under_way()
    told = report(closing, S.CANCELED, fills=[fill(closing, quantity=closing.quantity / 2)])
    desk.hear(told, told)
    assert [generation for generation, *_ in tries_of(ticket_of(closing))] == [1, 2]


def test_while_the_first_may_still_fill_there_is_no_try_of_its_rest():
    desk, closing = close_under_way()
    for _ in range(2):
        desk.hear(report(closing, S.OPEN, fills=[fill(closing, quantity=closing.quantity / 2)]))
    assert ticket_of(closing).generation == 1


def test_what_the_first_fills_late_is_taken_off_the_rest_that_has_not_left():
    desk, closing = close_under_way()
    quarter = closing.quantity / 4
    told = [fill(closing, quantity=quarter)]
    desk.hear(report(closing, S.CANCELED, fills=told))
    told.append(fill(closing, name="late", quantity=quarter))
    desk.hear(report(closing, S.CANCELED, fills=told))
    ticket, whole = ticket_of(closing), closing.quantity
    assert (ticket.status, ticket.generation) == (Ticket.Status.PLANNED, 3)
    assert tries_of(ticket) == [
        (1, S.CANCELED, whole),
        (2, S.EXPIRED, 3 * quarter),
        (3, S.NEW, 2 * quarter),
    ]


def test_a_close_at_a_price_that_leaves_a_part_is_told_once():
    desk, closing = close_under_way()
    part = [fill(closing, quantity=closing.quantity / 2)]
    Ticket.objects.across_tenants().filter(pk=closing.ticket_id).update(price=50000)
    for _ in range(2):
        desk.hear(report(closing, S.CANCELED, fills=part))
    told = AuditEntry.objects.filter(action="ticket.left_open")
    assert [entry.subject for entry in told] == [f"orders.ticket:{closing.ticket_id}"]
    assert ticket_of(closing).status == Ticket.Status.DONE
