"""A silent node raises one alert, and one word when it is back; a drained one says so."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.nodes import tasks
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.nodes.services import (
    confirm_node,
    drain_node,
    pause_node,
    record_heartbeat,
    resume_node,
    revoke_node,
    watch_nodes,
)
from apps.nodes.services.hearing import note_silence
from apps.orders import services as orders
from apps.orders.models import Ticket
from engine.messages import Heartbeat
from ironbull.schedule import SCHEDULE
from tests.factories import NodeFactory, OrderFactory, TicketFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def beat(node, at, **changes):
    told = {"version": "1", "clock_ms": int(at.timestamp() * 1000), "running": 0}
    record_heartbeat(node=node, heartbeat=Heartbeat(**(told | changes)), now=at)


def actions():
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def test_a_silence_is_told_once_and_its_end_once():
    node = NodeFactory(last_heartbeat_at=NOW)
    watch_nodes(now=after(45))
    assert actions() == []
    for seconds in (46, 47, 3600):
        watch_nodes(now=after(seconds))
    node.refresh_from_db()
    assert (actions(), node.silent_at) == (["node.offline"], after(46))
    assert AuditEntry.objects.get().before["last_heartbeat_at"].startswith("2026-01-02T03:04:05")

    beat(node, after(3605))
    for seconds in (3606, 3607):
        watch_nodes(now=after(seconds))
    node.refresh_from_db()
    assert (actions(), node.silent_at) == (["node.offline", "node.online"], None)

    watch_nodes(now=after(3605 + 46))
    assert actions() == ["node.offline", "node.online", "node.offline"]


@pytest.mark.parametrize(
    ("case", "status", "last_heartbeat_at", "told"),
    [
        ("an active node", Node.Status.ACTIVE, NOW, True),
        ("a paused node has work in hand", Node.Status.PAUSED, NOW, True),
        ("so has a draining one", Node.Status.DRAINING, NOW, True),
        ("a revoked node may well be silent", Node.Status.REVOKED, NOW, False),
        ("a pending node has never spoken", Node.Status.PENDING, None, False),
        ("a node that was never heard did not fall silent", Node.Status.ACTIVE, None, False),
    ],
)
def test_who_is_missed(case, status, last_heartbeat_at, told):
    NodeFactory(status=status, last_heartbeat_at=last_heartbeat_at, draining_at=NOW)
    watch_nodes(now=after(60))
    assert actions() == (["node.offline"] if told else [])


def test_a_heartbeat_that_came_between_looking_and_writing_is_seen():
    node = NodeFactory(last_heartbeat_at=NOW)
    stale = Node.objects.get(pk=node.pk)
    beat(node, after(60))
    note_silence(node=stale, heard_since=after(15), now=after(60))
    assert actions() == []


def test_nodes_are_watched_often_enough_that_silence_shows_within_a_minute(settings):
    every = SCHEDULE["nodes.watch"]["schedule"]
    assert settings.NODE_SILENT_SECONDS + every < 60
    NodeFactory(last_heartbeat_at=NOW)
    tasks.watch.run()
    assert actions() == ["node.offline"]


def test_a_heartbeat_tells_load_and_how_venues_answer():
    node = NodeFactory()
    beat(node, NOW, running=4, load_percent=250, venues={"okx": 80, "gate": None})
    node.refresh_from_db()
    assert (node.running, node.load_percent) == (4, 250)
    assert node.venues == {"okx": 80, "gate": None}
    # A node of an older version does not tell them.
    beat(node, after(10))
    node.refresh_from_db()
    assert (node.load_percent, node.venues) == (0, {})


# --- draining


def draining(**changes):
    values = {"status": Node.Status.DRAINING, "draining_at": NOW, "last_heartbeat_at": after(20)}
    return NodeFactory(**(values | changes))


def test_a_draining_node_is_given_no_new_tickets_and_is_told_when_it_is_empty():
    node = NodeFactory(last_heartbeat_at=NOW)
    drain_node(node=node, now=NOW)
    assert list(alive_nodes(NOW)) == []
    orders.tell_drained(now=NOW)
    assert actions() == ["node.draining"]
    beat(node, after(10))
    for _time in range(2):
        orders.tell_drained(now=after(11))
    node.refresh_from_db()
    assert (actions(), node.drained_at) == (["node.draining", "node.drained"], after(11))
    resume_node(node=node)
    assert (node.status, node.draining_at, node.drained_at) == (Node.Status.ACTIVE, None, None)


@pytest.mark.parametrize(
    ("case", "status", "empty"),
    [
        ("still to be sent", Ticket.Status.PLANNED, False),
        ("in its hands", Ticket.Status.SENT, False),
        ("to be looked up", Ticket.Status.UNKNOWN, False),
        ("waiting for a person", Ticket.Status.PARKED, True),
        ("done", Ticket.Status.DONE, True),
    ],
)
def test_a_node_is_empty_when_its_tickets_are_answered(case, status, empty):
    node = draining()
    TicketFactory(
        subscription__venue_account=VenueAccountFactory(node=node), node=node, status=status
    )
    # What another node has to do keeps nobody.
    TicketFactory(status=Ticket.Status.SENT)
    orders.tell_drained(now=after(21))
    node.refresh_from_db()
    assert (node.drained_at is not None) is empty


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("it says that it works", {"running": 1}),
        ("it was never heard", {"last_heartbeat_at": None}),
        ("it fell silent before", {"last_heartbeat_at": after(9)}),
        ("it is paused", {"status": Node.Status.PAUSED}),
        ("it is told already", {"drained_at": after(15)}),
    ],
)
def test_a_node_is_not_told_empty(case, changes):
    draining(**changes)
    orders.tell_drained(now=after(21))
    assert actions() == []


def test_draining_twice_is_refused_and_changes_nothing():
    node = NodeFactory()
    drain_node(node=node, now=NOW)
    with pytest.raises(Conflict):
        drain_node(node=node, now=after(5))
    node.refresh_from_db()
    assert node.draining_at == NOW


# --- revoking


def planned_at(node):
    account = VenueAccountFactory(node=node)
    ticket = TicketFactory(subscription__venue_account=account)
    return OrderFactory(ticket=ticket, status="new")


def test_a_draining_node_still_gets_what_was_planned_and_a_revoked_one_nothing(hints):
    kept, revoked = NodeFactory(), NodeFactory()
    for node in (kept, revoked):
        planned_at(node)
    drain_node(node=kept, now=NOW)
    revoke_node(node=revoked)
    orders.dispatch(now=NOW)
    orders.sweep(now=after(8))
    assert hints.named("node.execute")
    assert {options.get("queue") for options in hints.options} & {kept.queue, revoked.queue} == {
        kept.queue
    }


# --- all of it


VERBS = {
    "confirm": lambda node: confirm_node(node=node, fingerprint=node.fingerprint),
    "pause": lambda node: pause_node(node=node),
    "drain": lambda node: drain_node(node=node, now=NOW),
    "resume": lambda node: resume_node(node=node),
    "revoke": lambda node: revoke_node(node=node),
    "watch": lambda node: watch_nodes(now=after(1000)),
    "beat": lambda node: beat(node, after(990)),
    "tell": lambda node: orders.tell_drained(now=after(1000)),
}
S = Node.Status
# What each verb makes of each status; what is not named is refused or leaves it as it is.
BECOMES = {
    "confirm": {S.PENDING: S.ACTIVE},
    "pause": {S.ACTIVE: S.PAUSED},
    "drain": {S.ACTIVE: S.DRAINING, S.PAUSED: S.DRAINING},
    "resume": {S.PAUSED: S.ACTIVE, S.DRAINING: S.ACTIVE},
    "revoke": {status: S.REVOKED for status in S if status != S.REVOKED},
}


class AnyLife(TestCase):
    """Whatever is asked of a node in whatever order, it goes only where the table says."""

    @given(st.lists(st.sampled_from(sorted(VERBS)), max_size=12), st.booleans())
    def test_a_node_moves_as_the_table_says(self, verbs, is_confirmed):
        start = S.ACTIVE if is_confirmed else S.PENDING
        node = NodeFactory(status=start, last_heartbeat_at=NOW if is_confirmed else None)
        for verb in verbs:
            before, entries = node.status, AuditEntry.objects.count()
            expected = BECOMES.get(verb, {}).get(before, before)
            refused = False
            try:
                VERBS[verb](node)
            except Conflict:
                refused = True
            node.refresh_from_db()
            assert node.status == expected
            assert refused == (verb in BECOMES and expected == before)
            if refused:
                assert AuditEntry.objects.count() == entries
            # Only a draining node is drained, and only an active one is given work.
            assert node.status == S.DRAINING or not node.drained_at
            assert node.status == S.ACTIVE or node not in alive_nodes(after(1000))
