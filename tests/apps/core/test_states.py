"""A status moves along its table, once."""

import pytest

from apps.core.errors import Conflict
from apps.core.states import move
from apps.nodes.models import Node
from apps.orders.models import Ticket
from tests.at_once import at_once
from tests.factories import NodeFactory, TicketFactory

S = Node.Status


@pytest.mark.django_db
@pytest.mark.parametrize("start", S)
@pytest.mark.parametrize("to", S)
def test_moves_only_as_the_table_says(start, to):
    node = NodeFactory(status=start)
    if to in Node.MOVES[start]:
        move(node, to=to, allowed=Node.MOVES, name="moved")
        assert (node.status, node.name) == (to, "moved")
    else:
        with pytest.raises(Conflict) as refusal:
            move(node, to=to, allowed=Node.MOVES, name="moved")
        assert refusal.value.context == {"status": start}
    node.refresh_from_db()
    assert node.status == (to if to in Node.MOVES[start] else start)
    assert (node.name == "moved") == (to in Node.MOVES[start])


@pytest.mark.django_db
def test_a_stale_row_is_told_the_present_status():
    node = NodeFactory()
    stale = Node.objects.get(pk=node.pk)
    move(node, to=S.REVOKED, allowed=Node.MOVES)
    with pytest.raises(Conflict) as refusal:
        move(stale, to=S.PAUSED, allowed=Node.MOVES)
    assert refusal.value.context == {"status": S.REVOKED}
    assert stale.status == S.REVOKED


@pytest.mark.django_db
def test_nothing_else_of_the_row_is_written():
    ticket = TicketFactory()
    ticket.symbol = "ETH/USDT"
    move(ticket, to=Ticket.Status.SENT, allowed=Ticket.MOVES, attempts=1)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.attempts, ticket.symbol) == ("sent", 1, "BTC/USDT")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_moves():
    node = NodeFactory()

    def pause():
        move(Node.objects.get(pk=node.pk), to=S.PAUSED, allowed=Node.MOVES)

    answers = at_once(6, pause)
    assert sorted(str(type(answer)) for answer in answers).count(str(type(None))) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
