"""Accounts are given to nodes, and stay where a ticket of theirs is under way."""

from threading import Barrier, Thread

import pytest
from django.db import connections

from apps.core.errors import Conflict, NotFound
from apps.core.models import AuditEntry
from apps.nodes.models import Node
from apps.orders.models import Ticket
from apps.orders.services import assign_account, assign_accounts
from apps.orders.services.draining import AT_WORK
from apps.venues.models import VenueAccount
from tests.factories import (
    NodeFactory,
    SubscriptionFactory,
    TenantFactory,
    TicketFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db


def with_ticket(account, status):
    subscription = SubscriptionFactory(venue_account=account)
    return TicketFactory(subscription=subscription, status=status)


def node_of(account):
    return VenueAccount.objects.across_tenants().get(pk=account.pk).node


def test_accounts_are_assigned_once_and_each_is_told_of():
    first, second, tokyo = VenueAccountFactory(), VenueAccountFactory(), NodeFactory()
    second.node = None
    second.save()
    before = first.node.code
    for _time in range(2):
        assign_accounts(accounts=[first, second], node=tokyo)
    assert {node_of(first), node_of(second)} == {tokyo}
    entries = {entry.subject: entry for entry in AuditEntry.objects.all()}
    assert len(entries) == AuditEntry.objects.count() == 2
    told = entries[f"venues.venueaccount:{first.pk}"]
    assert (told.before, told.after, told.tenant) == (
        {"node": before},
        {"node": tokyo.code},
        first.tenant,
    )
    assert entries[f"venues.venueaccount:{second.pk}"].before == {"node": None}


@pytest.mark.parametrize("status", Ticket.Status)
def test_an_account_with_a_ticket_under_way_stays_and_is_named(status):
    busy, free, tokyo = VenueAccountFactory(), VenueAccountFactory(), NodeFactory()
    home = busy.node
    with_ticket(busy, status)
    done = assign_accounts(accounts=[busy, free], node=tokyo)
    # A parked ticket waits for a person and not for the node.
    held = status in AT_WORK
    assert done.held == ([busy] if held else [])
    assert free in done.moved
    assert node_of(free) == tokyo
    assert node_of(busy) == (home if held else tokyo)
    if held:
        with pytest.raises(Conflict, match="under way"):
            assign_account(account=busy, node=tokyo)
        assert AuditEntry.objects.count() == 1


def test_an_account_that_is_there_already_is_neither_moved_nor_held():
    account = VenueAccountFactory()
    with_ticket(account, Ticket.Status.SENT)
    done = assign_accounts(accounts=[account], node=account.node)
    assert (done.moved, done.held) == ([], [])
    assert not AuditEntry.objects.exists()


def test_a_revoked_node_holds_no_account():
    account, tokyo = VenueAccountFactory(), NodeFactory()
    with_ticket(account, Ticket.Status.UNKNOWN)
    Node.objects.filter(pk=account.node_id).update(status=Node.Status.REVOKED)
    assign_account(account=account, node=tokyo)
    assert account.node == node_of(account) == tokyo


@pytest.mark.parametrize("status", [status for status in Node.Status if status != "active"])
def test_only_an_active_node_is_given_accounts(status):
    account, node = VenueAccountFactory(), NodeFactory()
    home = account.node
    Node.objects.filter(pk=node.pk).update(status=status)
    with pytest.raises(Conflict):
        # The row in hand still says that it is active.
        assign_accounts(accounts=[account], node=node)
    assert node_of(account) == home
    assert not AuditEntry.objects.exists()


def test_through_one_tenant_nobody_elses_account_is_moved_nor_any_beside_it():
    own, strangers, tokyo = VenueAccountFactory(), VenueAccountFactory(), NodeFactory()
    homes = node_of(own), node_of(strangers)
    with pytest.raises(NotFound):
        assign_accounts(accounts=[own, strangers], node=tokyo, tenant=own.tenant)
    with pytest.raises(NotFound):
        assign_accounts(accounts=[own], node=tokyo, tenant=TenantFactory())
    assert (node_of(own), node_of(strangers)) == homes
    assert not AuditEntry.objects.exists()


def test_many_are_given_in_few_statements(django_assert_max_num_queries):
    tokyo, home = NodeFactory(), NodeFactory()
    accounts = [VenueAccountFactory(node=home) for _one in range(30)]
    with django_assert_max_num_queries(14):
        assert len(assign_accounts(accounts=accounts, node=tokyo).moved) == 30


@pytest.mark.django_db(transaction=True)
def test_two_who_assign_at_once_in_other_orders_both_end():
    accounts = [VenueAccountFactory() for _one in range(6)]
    nodes = [NodeFactory(), NodeFactory()]
    both, problems = Barrier(2), []

    def give(node, those):
        both.wait()
        try:
            assign_accounts(accounts=those, node=node)
        except Exception as error:  # noqa: BLE001
            problems.append(error)
        finally:
            connections.close_all()

    threads = [
        Thread(target=give, args=[nodes[0], accounts]),
        Thread(target=give, args=[nodes[1], accounts[::-1]]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len({node_of(account) for account in accounts}) == 1
    assert AuditEntry.objects.count() == 12
