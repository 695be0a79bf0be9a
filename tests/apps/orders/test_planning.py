"""A published signal becomes one ticket per subscription, once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core.errors import StrangerRow
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.orders.services.planning import order_for
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from apps.venues.services import note_quoted
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
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db

# Of which two write the tickets and orders that are sent, one asks which limits are set and one for
# the brake; the refused tickets are one more.
QUERIES = 17


def tickets(**fields):
    return Ticket.objects.across_tenants().filter(**fields)


def test_every_subscription_gets_a_ticket_with_its_order(hints):
    desk = Desk(followers=3)
    assert desk.plan() == 3
    assert tickets(status=Ticket.Status.SENT).count() == 3
    # 1,000 of capital, one per cent, twenty times leverage, at 50,000.
    assert {ticket.quantity for ticket in tickets()} == {Decimal("0.004")}
    orders = Order.objects.across_tenants()
    assert {order.generation for order in orders} == {1}
    assert len({order.client_order_id for order in orders}) == 3
    desk.signal.refresh_from_db()
    assert desk.signal.status == Signal.Status.PLANNED
    assert len(hints.named("node.execute")) == 1


def fields(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_planned_ticket_and_its_order_are_whole_rows():
    desk = Desk(stop=Decimal("48000.04"), target=Decimal("55000.06"))
    before = timezone.now()
    desk.plan()
    ticket, order = tickets().get(), Order.objects.across_tenants().get()
    (subscription,) = desk.subscriptions
    told = fields(ticket)
    assert before <= told.pop("created_at") <= timezone.now()
    assert told == {
        "id": ticket.pk,
        "tenant_id": desk.offered.tenant_id,
        "signal_id": desk.signal.pk,
        "subscription_id": subscription.pk,
        "trader_id": None,
        "venue_account_id": subscription.venue_account_id,
        "node_id": desk.node.pk,
        "symbol": "BTC/USDT",
        "action": "open",
        "direction": "long",
        "quantity": Decimal("0.004"),
        "leverage": 20,
        "price": None,
        "stop": Decimal("48000"),
        "target": Decimal("55000.1"),
        "status": "sent",
        "refused_because": "",
        "generation": 1,
        "worth_until": Signal.objects.get().created_at + timedelta(seconds=settings.SIGNAL_SECONDS),
        "not_after": desk.now + timedelta(seconds=settings.TICKET_SECONDS),
        "next_at": desk.now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS),
        "attempts": 1,
        "sent_at": desk.now,
        "cancel_asked_at": None,
        "done_at": None,
    }
    same = fields(order_for(ticket, venue="paper"))
    told = fields(order)
    for changing in ("id", "created_at"):
        assert told.pop(changing)
        same.pop(changing)
    assert told == same


def test_a_refused_ticket_is_a_whole_row_and_waits_for_nothing():
    desk = Desk(followers=2)
    Subscription.objects.across_tenants().filter(pk=desk.subscriptions[0].pk).update(
        capital=Decimal("0.01")
    )
    assert desk.plan() == 1
    ticket = tickets(subscription=desk.subscriptions[0]).get()
    assert (ticket.status, ticket.attempts, ticket.generation) == (Ticket.Status.REFUSED, 0, 1)
    assert (ticket.sent_at, ticket.next_at, ticket.not_after) == (None, None, None)
    assert ticket.refused_because == "minimum: below the venue's minimum order"


def test_planning_twice_plans_once(hints):
    desk = Desk()
    assert desk.plan() == 1
    assert desk.plan() == 0
    assert tickets().count() == 1
    assert len(hints.named("node.execute")) == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_one_signal_at_once_plan_it_once(hints):
    desk = Desk(followers=20)
    planned = at_once(2, lambda _: desk.plan(), range(2))
    assert sorted(planned) == [0, 20]
    assert tickets(status=Ticket.Status.SENT).count() == 20
    assert Order.objects.across_tenants().count() == 20
    assert len(hints.named("node.execute")) == 2


def test_a_plan_that_is_rolled_back_sends_nothing(hints):
    desk = Desk()
    with transaction.atomic():
        assert desk.plan() == 1
        transaction.set_rollback(True)
    assert not tickets().exists()
    assert not hints


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


def clock_off(desk):
    desk.node.clock_offset_ms = 1001
    desk.node.save()


def braked(desk):
    services.pull_brake(reason="nonsense")


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


def a_maker_on_the_symbol(desk):
    account = desk.subscriptions[0].venue_account
    note_quoted(account=account, symbol=desk.signal.symbol, is_quoted=True)


def unknown_instrument(desk):
    desk.signal = desk.new_signal(symbol="DOGE/USDT")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (silent_node, "node"),
        (no_node, "node"),
        (clock_off, "clock"),
        (braked, "brake"),
        (empty_cards, "points"),
        (held_already, "held"),
        (little_capital, "minimum"),
        (unknown_instrument, "minimum"),
        (a_maker_on_the_symbol, "maker"),
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
    assert (ticket.status, ticket.quantity) == (Ticket.Status.SENT, Decimal("0.25"))
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


def test_a_subscription_of_another_tenants_account_plans_nothing_at_all(hints):
    desk = Desk(followers=2)
    stranger = VenueAccountFactory(node=desk.node)
    rows = Subscription.objects.across_tenants().filter(pk=desk.subscriptions[1].pk)
    rows.update(venue_account=stranger)
    with pytest.raises(StrangerRow):
        desk.plan()
    assert not tickets().exists()
    assert not hints.named("node.execute")


def test_a_strategy_that_nobody_follows_plans_nothing(hints):
    desk = Desk(followers=0)
    assert desk.plan() == 0
    desk.signal.refresh_from_db()
    assert desk.signal.status == Signal.Status.PLANNED
    assert not hints


@pytest.mark.parametrize("followers", [10, 50])
def test_to_plan_and_send_costs_as_many_queries_however_many_follow(
    hints, django_assert_num_queries, followers
):
    desk = Desk(followers=followers)
    with django_assert_num_queries(QUERIES):
        desk.plan()
        assert hints.named("node.execute")


def test_accounts_that_hold_and_wait_cost_no_query_each(hints, django_assert_num_queries):
    desk = Desk(followers=30)
    for subscription in desk.subscriptions[:10]:
        PositionFactory(subscription=subscription)
    for subscription in desk.subscriptions[10:20]:
        OrderFactory(ticket=TicketFactory(subscription=subscription, symbol="ETH/USDT"))
    with django_assert_num_queries(QUERIES + 1):
        assert desk.plan() == 20


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
    assert tickets(status=Ticket.Status.SENT).count() == 1
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
