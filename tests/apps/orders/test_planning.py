"""A published signal becomes one ticket per subscription, once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.orders.models import Order, Ticket
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from engine.signal import Action
from engine.venues.client_ids import at_venue
from tests.apps.orders.desk import Desk, report
from tests.at_once import at_once
from tests.factories import (
    InstrumentFactory,
    OrderFactory,
    PositionFactory,
    SubscriptionFactory,
    TenantStrategyFactory,
    TicketFactory,
)

pytestmark = pytest.mark.django_db


def tickets(**fields):
    return Ticket.objects.across_tenants().filter(**fields)


def test_every_subscription_gets_a_ticket_with_its_order(hints):
    desk = Desk(followers=3)
    assert desk.plan() == 3
    assert tickets(status=Ticket.Status.PLANNED).count() == 3
    # 1,000 of capital, one per cent, twenty times leverage, at 50,000.
    assert {ticket.quantity for ticket in tickets()} == {Decimal("0.004")}
    orders = Order.objects.across_tenants()
    assert {order.generation for order in orders} == {1}
    assert len({order.client_order_id for order in orders}) == 3
    desk.signal.refresh_from_db()
    assert desk.signal.status == Signal.Status.PLANNED
    assert hints.named("orders.dispatch") == [{}]


def test_planning_twice_plans_once():
    desk = Desk()
    assert desk.plan() == 1
    assert desk.plan() == 0
    assert tickets().count() == 1


def test_an_opening_signal_that_came_too_late_is_not_planned():
    desk = Desk()
    Signal.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert desk.plan() == 0
    desk.signal.refresh_from_db()
    assert desk.signal.status == Signal.Status.EXPIRED
    assert not tickets().exists()


def silent_node(desk):
    desk.node.last_heartbeat_at = timezone.now() - timedelta(minutes=5)
    desk.node.save()


def no_node(desk):
    account = desk.subscriptions[0].venue_account
    account.node = None
    account.save()


def empty_cards(desk):
    desk.subscriptions = [desk.follower(points=Decimal(0))]


def held_already(desk):
    PositionFactory(subscription=desk.subscriptions[0])


def little_capital(desk):
    subscription = desk.subscriptions[0]
    subscription.capital = Decimal("0.01")
    subscription.save()


def unknown_instrument(desk):
    desk.signal = desk.new_signal(symbol="DOGE/USDT")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (silent_node, "node"),
        (no_node, "node"),
        (empty_cards, "points"),
        (held_already, "held"),
        (little_capital, "minimum"),
        (unknown_instrument, "minimum"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_our_rules_refuse_with_a_reason_and_order_nothing(case, reason):
    desk = Desk()
    case(desk)
    desk.plan()
    ticket = tickets(subscription=desk.subscriptions[0]).get()
    assert ticket.status == Ticket.Status.REFUSED
    assert ticket.refused_because.startswith(f"{reason}:")
    assert not Order.objects.across_tenants().filter(ticket=ticket).exists()


def test_a_closing_signal_closes_all_that_its_own_subscription_holds():
    desk = Desk(action=Action.CLOSE)
    PositionFactory(subscription=desk.subscriptions[0], quantity=Decimal("0.25"))
    desk.plan()
    ticket = tickets().get()
    assert (ticket.status, ticket.quantity) == (Ticket.Status.PLANNED, Decimal("0.25"))
    assert ticket.worth_until is None


def test_another_strategys_position_is_not_closed():
    desk = Desk(action=Action.CLOSE)
    mine = desk.subscriptions[0]
    theirs = TenantStrategyFactory(tenant=desk.offered.tenant)
    PositionFactory(
        subscription=SubscriptionFactory(venue_account=mine.venue_account, tenant_strategy=theirs)
    )
    desk.plan()
    assert tickets(subscription=mine).get().refused_because.startswith("nothing_held:")


def test_an_unanswered_ticket_holds_the_next_one_back():
    desk = Desk()
    desk.plan()
    desk.plan(desk.new_signal(bar_at=timezone.now()))
    assert tickets(status=Ticket.Status.REFUSED).get().refused_because.startswith("in_flight:")


def test_a_thousand_subscriptions_cost_no_more_queries_than_ten():
    counts = []
    for followers in (10, 100):
        desk = Desk(followers=followers)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            desk.plan()
        inserts = [query for query in queries if query["sql"].startswith("INSERT")]
        counts.append(len(queries) - len(inserts))
    assert counts[0] == counts[1]


def traded(status, *, filled=0, action=Action.OPEN):
    """A once-subscription that has a ticket of this status, of another symbol."""
    desk = Desk()
    subscription = desk.subscriptions[0]
    Subscription.objects.across_tenants().update(mode=Subscription.Mode.ONCE)
    ticket = TicketFactory(
        subscription=subscription, symbol="ETH/USDT", status=status, action=action
    )
    OrderFactory(ticket=ticket, filled=filled)
    return desk


@pytest.mark.parametrize(
    ("case", "status", "filled", "is_spent"),
    [
        ("filled", Ticket.Status.DONE, Decimal("0.1"), True),
        ("filled in part and canceled", Ticket.Status.EXPIRED, Decimal("0.01"), True),
        ("still on its way", Ticket.Status.UNKNOWN, 0, True),
        ("rejected by the venue", Ticket.Status.REJECTED, 0, False),
        ("never placed", Ticket.Status.EXPIRED, 0, False),
    ],
)
def test_a_subscription_that_trades_once_opens_no_second_time(case, status, filled, is_spent):
    desk = traded(status, filled=filled)
    assert desk.plan() == (0 if is_spent else 1)
    because = tickets(signal=desk.signal).get().refused_because
    assert because.startswith("once:") if is_spent else because == ""


def test_a_subscription_that_trades_once_closes_what_it_opened():
    desk = traded(Ticket.Status.DONE, filled=Decimal("0.1"))
    PositionFactory(subscription=desk.subscriptions[0])
    assert desk.plan(desk.new_signal(action=Action.CLOSE)) == 1


def test_a_subscription_that_trades_every_signal_opens_again():
    desk = traded(Ticket.Status.DONE, filled=Decimal("0.1"))
    Subscription.objects.across_tenants().update(mode=Subscription.Mode.LOOP)
    assert desk.plan() == 1


@pytest.mark.django_db(transaction=True)
def test_two_signals_at_once_open_once():
    desk = Desk()
    InstrumentFactory(symbol="ETH/USDT")
    Subscription.objects.across_tenants().update(mode=Subscription.Mode.ONCE)
    signals = [desk.signal, desk.new_signal(symbol="ETH/USDT")]
    at_once(2, desk.plan, signals)
    assert tickets(status=Ticket.Status.PLANNED).count() == 1
    assert tickets(status=Ticket.Status.REFUSED).get().refused_because.startswith("once:")


@pytest.mark.parametrize(("venue", "mark"), [("paper", "ib"), ("okx", "ib"), ("gate", "t-ib")])
def test_an_order_is_kept_under_the_id_that_its_venue_is_told(venue, mark):
    desk = Desk()
    InstrumentFactory(venue=venue)
    desk.follower(venue=venue)
    desk.plan()
    order = Order.objects.across_tenants().filter(venue_account__venue=venue).last()
    assert order.client_order_id.startswith(mark)
    assert at_venue(venue, order.client_order_id) == order.client_order_id


def test_stop_and_target_are_prices_of_the_venue():
    desk = Desk(stop=Decimal("48000.04"), target=Decimal("55000.06"))
    InstrumentFactory(venue="okx", tick=Decimal("0.01"))
    desk.follower(venue="okx")
    assert desk.plan() == 2
    prices = set(tickets().values_list("venue_account__venue", "stop", "target"))
    assert prices == {
        ("paper", Decimal("48000"), Decimal("55000.1")),
        ("okx", Decimal("48000.04"), Decimal("55000.06")),
    }
    desk.now += timedelta(seconds=1)
    closing = desk.new_signal(action=Action.CLOSE, stop=Decimal("48000"))
    desk.plan(closing)
    assert not tickets(signal=closing).exclude(stop=None).exists()


def test_a_closing_signal_waits_for_no_stop_and_not_for_the_other_side():
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    for action, direction in (("protect", "long"), ("open", "short")):
        Ticket.objects.across_tenants().create(
            tenant=order.tenant,
            venue_account=order.venue_account,
            node=order.venue_account.node,
            symbol=order.symbol,
            action=action,
            direction=direction,
            quantity=order.quantity,
            status=Ticket.Status.UNKNOWN,
        )
    assert desk.plan(desk.new_signal(action=Action.CLOSE)) == 1
