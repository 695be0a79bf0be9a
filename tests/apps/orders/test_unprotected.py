"""What stands without its stop and target is shown, said once, and asked for until it has them."""

from datetime import timedelta

import pytest

from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.tenants.models import Event
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.apps.orders.test_dispatch_and_sweep import opened
from tests.factories import EndpointFactory

pytestmark = pytest.mark.django_db
S = OrderStatus
WHY = "Order would immediately trigger."


class Exposed:
    def __init__(self):
        self.desk = Desk()
        EndpointFactory(tenant=self.desk.offered.tenant)
        (self.order,) = self.desk.plan_and_send()

    def hear(self, unprotected=WHY, status=S.FILLED, **told):
        self.desk.hear(report(self.order, status, unprotected=unprotected, **told))

    @property
    def status(self):
        return Ticket.objects.across_tenants().get(pk=self.order.ticket_id).status

    @property
    def position(self):
        return Position.objects.across_tenants().get()


@pytest.fixture
def exposed(hints):
    return Exposed()


def test_it_is_shown_and_said_once(exposed, caplog):
    for _ in range(3):
        exposed.hear()
    assert exposed.position.unprotected_because == WHY
    assert sum("is unprotected" in record.message for record in caplog.records) == 1
    assert AuditEntry.objects.filter(action="position.unprotected").count() == 1
    assert Event.objects.across_tenants().filter(name="position.unprotected").count() == 1


def test_its_ticket_asks_until_they_stand(exposed, hints):
    exposed.hear()
    assert exposed.status == Ticket.Status.UNKNOWN
    hints.clear()
    exposed.desk.now += timedelta(seconds=60)
    services.sweep(now=exposed.desk.now)
    (asked,) = opened(exposed.desk, hints)
    assert asked.task == "look_up"
    exposed.hear("rate limit")
    assert exposed.position.unprotected_because == "rate limit"
    exposed.hear("")
    assert (exposed.status, exposed.position.unprotected_because) == (Ticket.Status.DONE, "")


def test_in_the_end_a_person_looks_and_the_account_opens_nothing_meanwhile(exposed):
    exposed.hear()
    exposed.desk.now += timedelta(minutes=16)
    services.sweep(now=exposed.desk.now)
    assert exposed.status == Ticket.Status.PARKED
    exposed.hear("still not")
    assert exposed.status == Ticket.Status.PARKED
    exposed.hear("")
    assert exposed.status == Ticket.Status.DONE


def test_it_can_be_closed_meanwhile_and_is_over_then(exposed):
    exposed.hear()
    closing = exposed.desk.plan_and_send(exposed.desk.new_signal(action=Action.CLOSE))[-1]
    assert closing.ticket != exposed.order.ticket
    exposed.desk.hear(report(closing))
    assert exposed.position.unprotected_because == ""
    # Nothing is held there any more, so there is nothing to set.
    exposed.hear("")
    assert exposed.status == Ticket.Status.DONE


def test_once_they_stand_nothing_old_says_otherwise(exposed):
    exposed.hear("")
    exposed.hear()
    assert (exposed.status, exposed.position.unprotected_because) == (Ticket.Status.DONE, "")


def test_what_knows_less_settles_nothing(exposed):
    half = fill(exposed.order, quantity=exposed.order.quantity / 2, name="a")
    rest = fill(exposed.order, quantity=exposed.order.quantity / 2, name="b")
    exposed.hear(fills=[half, rest])
    exposed.hear("", status=S.OPEN, fills=[half])
    exposed.hear("", status=S.UNKNOWN)
    assert exposed.position.unprotected_because == WHY
    assert exposed.status == Ticket.Status.UNKNOWN
