"""What a node tells of its makers: once, whatever comes twice, late or from somebody else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import to_builtins

from apps.core.audit import find_breach
from apps.core.models import AuditEntry, RefusedMessage
from apps.market_making import services
from apps.market_making.models import Notice, Reading, Session
from apps.orders.models import Fill, Order
from apps.positions.models import Close, Position
from apps.tenants.models import Event
from engine.errors import MessageRefused
from engine.making.grid import Grid
from engine.making.metrics import Metrics
from engine.messages import MakerMove
from engine.order import OrderStatus
from engine.signal import Side
from tests.apps.market_making.desk import Desk, fill, order
from tests.factories import EndpointFactory, NodeFactory

pytestmark = pytest.mark.django_db
S = Session.Status


@pytest.fixture
def desk():
    desk = Desk()
    desk.run()
    return desk


def figures():
    grid = Grid("BTC/USDT", Decimal("0.1"), Decimal("0.001"), 1, Decimal(5), Decimal("0.0001"))
    return to_builtins(Metrics(grid).figures(1000))


def open_positions(desk):
    rows = Position.objects.of(desk.maker.tenant).filter(status="open")
    return {row.direction: row.quantity for row in rows}


def test_a_maker_comes_to_what_its_node_tells(desk):
    assert desk.session.status == S.RUNNING
    assert AuditEntry.objects.filter(action="maker_session.running").count() == 1
    # Twice, late, and cut: what was heard stays heard.
    desk.hear("starting", "running")
    desk.hear("starting")
    assert desk.session.status == S.RUNNING
    assert AuditEntry.objects.filter(action="maker_session.running").count() == 1
    assert find_breach() is None


def test_a_command_is_acknowledged_when_its_node_has_taken_it_in(desk):
    services.stop_maker(maker=desk.maker, now=desk.now)
    desk.hear("starting", "running")
    stop = desk.session.commands.get(verb="stop")
    assert stop.acknowledged_at is None
    desk.hear("starting", "running", "stopping", done=2)
    stop.refresh_from_db()
    assert stop.acknowledged_at == desk.now


def test_at_rest_the_account_is_free_again(desk):
    desk.hear("starting", "running", "stopping", "idle")
    assert (desk.session.status, desk.session.live_key) == (S.IDLE, None)
    desk.account.refresh_from_db()
    assert desk.account.quoted == []


def test_another_life_begins_anew(desk):
    desk.hear("starting", "running", orders=[order("a")])
    desk.hear("starting", life=2)
    session = desk.session
    assert (session.status, session.life, session.orders_heard) == (S.STARTING, 2, 0)
    desk.maker.refresh_from_db()
    assert desk.maker.life == 2
    # What the dead one had still said comes too late.
    desk.hear("starting", "running", life=1)
    assert desk.session.status == S.STARTING


def test_fills_become_orders_and_a_position(desk):
    desk.hear(orders=[order("a", quantity="0.03"), order("b", Side.SELL, "0.01", price="50100")])
    assert open_positions(desk) == {"long": Decimal("0.02")}
    row = Order.objects.of(desk.maker.tenant).get(client_order_id="a")
    assert (row.kind, row.ticket, row.status) == ("maker", None, "filled")
    close = Close.objects.of(desk.maker.tenant).get()
    assert close.profit == Decimal(1)


def test_an_order_that_turns_a_position_round_closes_and_opens(desk):
    desk.hear(orders=[order("a"), order("b", Side.SELL, "0.03", price="50100", fee="3")])
    assert open_positions(desk) == {"short": Decimal("0.02")}
    close = Close.objects.of(desk.maker.tenant).get()
    assert (close.profit, close.fee, close.entry_fee) == (Decimal(1), Decimal(1), Decimal(1))
    desk.hear(orders_before=2, orders=[order("c", quantity="0.02", price="50000")])
    assert open_positions(desk) == {}


def test_there_and_back_in_one_report(desk):
    """A position that is closed and opened again at once is two rows."""
    told = [order("a"), order("b", Side.SELL), order("c"), order("d", Side.SELL), order("e")]
    desk.hear(orders=told[:1])
    desk.hear(orders=told)
    assert open_positions(desk) == {"long": Decimal("0.01")}
    assert Position.objects.of(desk.maker.tenant).count() == 3
    assert Fill.objects.of(desk.maker.tenant).count() == 5


def test_a_fill_counts_once_however_often_it_is_told(desk):
    for _ in range(3):
        desk.hear(orders=[order("a")])
    # And in another life, after the node has read it back from its venue.
    desk.hear("starting", life=2, orders=[order("a")])
    assert Fill.objects.of(desk.maker.tenant).count() == 1
    assert open_positions(desk) == {"long": Decimal("0.01")}


def test_an_order_fills_in_parts_and_ends(desk):
    parts = [
        order("a", quantity="0.03", fills=[fill("1", "0.01", price="50000")]),
        order("a", quantity="0.03", fills=[fill("2", "0.01", price="50100")]),
        order("a", quantity="0.03", fills=[], status=OrderStatus.CANCELED),
    ]
    desk.hear(orders=parts[:1])
    desk.hear(orders=parts)
    row = Order.objects.of(desk.maker.tenant).get()
    assert (row.status, row.filled) == ("canceled", Decimal("0.02"))
    assert row.average_price == Decimal(50050)


def test_what_lies_behind_a_gap_waits_for_it(desk):
    desk.hear(orders_before=1, orders=[order("b")])
    assert not Fill.objects.of(desk.maker.tenant).exists()
    desk.hear(orders=[order("a"), order("b")])
    assert Fill.objects.of(desk.maker.tenant).count() == 2
    assert desk.session.orders_heard == 2


def test_a_contradiction_is_kept_as_refused(desk):
    desk.hear(orders=[order("a")])
    desk.hear(orders_before=1, orders=[order("a", fills=[fill("fill-a", "0.02")], quantity="0.02")])
    assert Fill.objects.of(desk.maker.tenant).get().quantity == Decimal("0.01")
    assert RefusedMessage.objects.get().reason == "a fill is known otherwise"


def test_alerts_are_notices_audited_and_told():
    desk = Desk()
    EndpointFactory(tenant=desk.maker.tenant, events=["maker"])
    desk.run()
    told = [desk.alert("kill_switch", "critical"), desk.alert("flat")]
    for _ in range(2):
        desk.hear("starting", "running", "stopping", alerts=told)
    assert Notice.objects.of(desk.maker.tenant).count() == 2
    assert AuditEntry.objects.filter(action="maker_notice.critical").count() == 1
    names = set(Event.objects.across_tenants().values_list("name", flat=True))
    assert {"maker.kill_switch", "maker.flat", "maker.stopping"} <= names


def test_figures_are_kept_once_a_second_and_pruned():
    desk = Desk()
    desk.now = desk.now.replace(second=5)
    desk.run()
    begins_ms = desk.now_ms // 1000 * 1000 + 1000
    for after_ms in (0, 300, 1000, 58_000):
        desk.hear(figures=figures(), told_at_ms=begins_ms + after_ms)
    rows = list(Reading.objects.of(desk.maker.tenant).order_by("read_at"))
    assert [row.is_kept for row in rows][-1]
    assert len(rows) == 3
    services.prune(now=desk.now + timedelta(hours=3))
    assert all(row.is_kept for row in Reading.objects.of(desk.maker.tenant))
    services.prune(now=desk.now + timedelta(days=31))
    assert not Reading.objects.of(desk.maker.tenant).exists()


def test_the_node_is_answered_where_it_told_news(desk, hints):
    hints.clear()
    desk.hear("starting", "running")
    assert not hints.named("node.make")
    desk.hear("starting", "running", orders=[order("a")])
    assert len(hints.named("node.make")) == 1


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("no such session", {"session": "0190c0de-0000-7000-8000-000000000000"}),
        ("no id at all", {"session": "x"}),
        ("no such state", {"moves": [MakerMove(to="gone", reason="", at_ms=0)]}),
        ("of the future", {"told_at_ms": 2**52}),
        ("unsound figures", {"figures": {"mid": []}}),
    ],
)
def test_what_a_node_may_not_tell_is_refused(desk, case, told):
    before = desk.session.status
    with pytest.raises(MessageRefused):
        desk.hear(**told)
    assert desk.session.status == before


def test_another_node_tells_nothing_of_it(desk):
    with pytest.raises(MessageRefused, match="not leased"):
        desk.hear("starting", "running", "stopping", node=NodeFactory())
    assert desk.session.status == S.RUNNING
