"""Tickets leave once, and what stood too long is taken up again."""

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from nacl.signing import SigningKey

from apps.members.models import Member
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.signals.models import Signal
from apps.tenants.models import Tenant
from apps.venues.credentials import Credentials, seal_at_rest
from apps.venues.models import VenueAccount
from apps.venues.services import change_modes, unbind_account
from engine.envelope import read, unseal, unseal_under, verify
from engine.messages import TICKETS_PER_PARCEL, Margin, PositionMode, Task, Tickets
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, report
from tests.factories import NodeFactory

pytestmark = pytest.mark.django_db


def opened(desk, hints):
    """Every ticket that the node would read from its messages."""
    return [ticket for parcel in parcels(desk, hints) for ticket in parcel.tickets]


def parcels(desk, hints):
    verify_key = SigningKey(settings.CENTRE_SIGNING_KEY).verify_key
    return [
        verify(*read(kwargs["envelope"], receiver=desk.node.code), key=verify_key, expected=Tickets)
        for kwargs in hints.named("node.execute")
    ]


def secrets(desk, hints):
    """The credentials of every ticket, opened as its node opens them, by account."""
    found = {}
    for parcel in parcels(desk, hints):
        key = unseal(parcel.sealed_key, key=desk.node.seal_private)
        for ticket in parcel.tickets:
            place = ticket.account
            found[place] = unseal_under(key, ticket.sealed_credentials, place=place)
    return found


def later(desk, seconds):
    desk.now += timedelta(seconds=seconds)
    services.sweep(now=desk.now)


def test_a_ticket_leaves_signed_sealed_and_with_an_expiry(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    (sent,) = opened(desk, hints)
    assert (sent.order_id, sent.client_order_id) == (str(order.pk), order.client_order_id)
    assert sent.task is Task.PLACE
    assert sent.not_after_ms > desk.now.timestamp() * 1000
    assert b"secret-alice" in secrets(desk, hints)[sent.account]
    assert "secret-alice" not in str(hints)


def test_a_ticket_carries_the_modes_of_its_account(hints):
    desk = Desk()
    account = desk.subscriptions[0].venue_account
    change_modes(account=account, margin="cross", position_mode="one_way")
    desk.plan_and_send()
    (sent,) = opened(desk, hints)
    assert (sent.margin, sent.position_mode) == (Margin.CROSS, PositionMode.ONE_WAY)


def test_dispatching_twice_sends_once(hints):
    desk = Desk()
    desk.plan_and_send()
    assert services.dispatch(now=desk.now) == 0
    assert len(opened(desk, hints)) == 1


def test_many_tickets_travel_in_few_messages(hints):
    desk = Desk(followers=TICKETS_PER_PARCEL + 1)
    desk.plan_and_send()
    assert sorted(len(parcel.tickets) for parcel in parcels(desk, hints)) == [50, 51]
    assert len(opened(desk, hints)) == TICKETS_PER_PARCEL + 1
    assert len(secrets(desk, hints)) == TICKETS_PER_PARCEL + 1
    keys = {parcel.sealed_key for parcel in parcels(desk, hints)}
    assert len(keys) == 2


def test_a_node_that_works_on_two_messages_at_once_is_given_two(hints):
    desk = Desk(followers=9)
    desk.plan()
    assert sorted(len(parcel.tickets) for parcel in parcels(desk, hints)) == [4, 5]


def test_no_message_is_longer_than_a_node_reads(hints, monkeypatch):
    desk = Desk(followers=TICKETS_PER_PARCEL)
    for subscription in desk.subscriptions:
        account = subscription.venue_account
        longest = Credentials("🔑" * 256, "🔒" * 256, "🗝" * 256)
        seal_at_rest(longest, account=account)
        account.save()
    desk.plan()
    assert len(opened(desk, hints)) == TICKETS_PER_PARCEL
    assert len(secrets(desk, hints)) == TICKETS_PER_PARCEL
    assert len(parcels(desk, hints)) > 2


def test_an_account_whose_credentials_do_not_open_stops_no_other(hints):
    desk = Desk(followers=3)
    unbound = desk.subscriptions[1].venue_account
    unbind_account(account=unbound)
    VenueAccount.objects.across_tenants().filter(pk=unbound.pk).update(
        status=VenueAccount.Status.ACTIVE
    )
    assert desk.plan() == 3
    assert {ticket.account for ticket in opened(desk, hints)} == {
        str(row.venue_account_id) for row in desk.subscriptions if row.venue_account != unbound
    }


def test_an_unanswered_ticket_is_sent_again_while_its_time_lasts(hints):
    desk = Desk()
    desk.plan_and_send()
    hints.clear()
    later(desk, settings.SWEEP_AFTER_SECONDS)
    (again,) = opened(desk, hints)
    assert again.task is Task.PLACE
    assert Order.objects.across_tenants().count() == 1


def test_after_its_time_the_venue_is_asked_and_nothing_is_sent(hints):
    desk = Desk()
    desk.plan_and_send()
    hints.clear()
    later(desk, settings.TICKET_SECONDS + 1)
    (asked,) = opened(desk, hints)
    assert asked.task is Task.LOOK_UP
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.UNKNOWN


def test_asking_grows_rarer_and_ends_with_a_person(hints):
    desk = Desk()
    desk.plan_and_send()
    for _ in range(16 * 60):
        later(desk, 1)
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.PARKED
    tasks = Counter(ticket.task for ticket in opened(desk, hints))
    assert tasks[Task.LOOK_UP] < 40


def test_a_parked_ticket_still_hears_its_answer():
    desk = Desk()
    (order,) = desk.plan_and_send()
    Ticket.objects.across_tenants().update(status=Ticket.Status.PARKED)
    desk.hear(report(order))
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.DONE


def test_a_forgotten_signal_is_named_again(hints):
    desk = Desk()
    Signal.objects.update(created_at=desk.now - timedelta(seconds=30))
    later(desk, 0)
    assert hints.named("orders.plan") == [{"signal_id": str(desk.signal.pk)}]


def test_tickets_that_never_left_are_sent_by_the_sweep(hints):
    desk = Desk(followers=2)
    desk.plan()
    connection.run_on_commit = []  # as if the process had died after the commit
    later(desk, settings.SWEEP_AFTER_SECONDS)
    assert [ticket.task for ticket in opened(desk, hints)] == [Task.PLACE, Task.PLACE]


def to_be_tried_again(desk):
    """The desk's ticket, as a try that was proved never to have been placed leaves it."""
    desk.plan()
    tickets = Ticket.objects.across_tenants()
    tickets.update(status=Ticket.Status.PLANNED, attempts=0, sent_at=None, not_after=None)


def test_a_planned_ticket_whose_hint_was_lost_is_dispatched(hints):
    desk = Desk()
    to_be_tried_again(desk)
    hints.clear()
    later(desk, settings.SWEEP_AFTER_SECONDS)
    assert hints.named("orders.dispatch") == [{}]


def test_a_planned_ticket_leaves_once(hints):
    desk = Desk()
    to_be_tried_again(desk)
    hints.clear()
    assert services.dispatch(now=desk.now) == 1
    assert services.dispatch(now=desk.now) == 0
    (sent,) = opened(desk, hints)
    assert sent.task is Task.PLACE
    ticket = Ticket.objects.across_tenants().get()
    assert (ticket.status, ticket.attempts) == (Ticket.Status.SENT, 1)


def stop_account(desk):
    VenueAccount.objects.across_tenants().update(status=VenueAccount.Status.PAUSED)


def stop_member(desk):
    Member.objects.across_tenants().update(status=Member.Status.DISABLED)


def stop_tenant(desk):
    Tenant.objects.update(status=Tenant.Status.SUSPENDED)


@pytest.mark.parametrize("stop", [stop_account, stop_member, stop_tenant])
def test_whoever_is_stopped_gets_no_further_try_of_an_opening(stop, hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    stop(desk)
    hints.clear()
    desk.hear(report(order, OrderStatus.EXPIRED, reason="never placed: busy"))
    assert services.dispatch(now=desk.now) == 0
    later(desk, 1)
    assert hints.named("node.execute") == []
    later(desk, settings.SIGNAL_SECONDS + 1)
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.EXPIRED
    assert hints.named("node.execute") == []


@pytest.mark.parametrize("stop", [stop_member, stop_tenant])
def test_whoever_is_stopped_is_still_let_out(stop, hints):
    desk, ticket = closing_that_was_turned_away(hints)
    stop(desk)
    assert services.dispatch(now=desk.now) == 1
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.SENT


def test_a_close_waits_until_its_account_is_resumed(hints):
    desk, _ = closing_that_was_turned_away(hints)
    stop_account(desk)
    hints.clear()
    for _ in range(3):
        later(desk, 60)
    assert services.dispatch(now=desk.now) == 0
    assert (hints.named("node.execute"), hints.named("orders.dispatch")) == ([], [])
    VenueAccount.objects.across_tenants().update(status=VenueAccount.Status.ACTIVE)
    assert services.dispatch(now=desk.now) == 1


def closing_that_was_turned_away(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.new_signal(action=Action.CLOSE)
    desk.plan(closing)
    ticket = Ticket.objects.across_tenants().get(signal=closing)
    desk.hear(report(ticket.orders.get(), OrderStatus.EXPIRED, reason="never placed: busy"))
    return desk, ticket


def test_what_was_sent_before_its_account_was_paused_is_asked_for_and_not_sent_again(hints):
    desk = Desk()
    desk.plan_and_send()
    stop_account(desk)
    hints.clear()
    later(desk, settings.SWEEP_AFTER_SECONDS)
    assert [ticket.task for ticket in opened(desk, hints)] == [Task.LOOK_UP]


def test_a_venue_that_turns_every_try_away_is_tried_less_and_less_often(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.new_signal(action=Action.CLOSE)
    desk.plan(closing)
    ticket = Ticket.objects.across_tenants().get(signal=closing)
    left_at, began = [], desk.now
    for second in range(120):
        desk.now = began + timedelta(seconds=second)
        services.sweep(now=desk.now)
        for _ in range(2):  # a try that is answered at once names the next one
            if services.dispatch(now=desk.now):
                left_at.append(second)
            ticket.refresh_from_db()
            if ticket.status == Ticket.Status.SENT:
                tried = ticket.orders.get(generation=ticket.generation)
                desk.hear(report(tried, OrderStatus.EXPIRED, reason="never placed: busy"))
    assert left_at == [0, 1, 3, 7, 15, 31, 61, 91]


def test_a_planned_ticket_that_is_not_worth_it_any_more_expires_unsent(hints):
    desk = Desk()
    to_be_tried_again(desk)
    hints.clear()
    later(desk, settings.SIGNAL_SECONDS + 60)
    assert Ticket.objects.across_tenants().get().status == Ticket.Status.EXPIRED
    assert Order.objects.across_tenants().get().status == OrderStatus.EXPIRED
    assert services.dispatch(now=desk.now) == 0
    assert hints.named("node.execute") == []


def test_a_moved_account_is_only_looked_up_on_its_new_node(hints):
    desk = Desk()
    desk.plan_and_send()
    hints.clear()
    account = desk.subscriptions[0].venue_account
    desk.node = NodeFactory(last_heartbeat_at=desk.now)
    account.node = desk.node
    account.save()
    later(desk, settings.SWEEP_AFTER_SECONDS)
    (asked,) = opened(desk, hints)
    assert asked.task is Task.LOOK_UP
