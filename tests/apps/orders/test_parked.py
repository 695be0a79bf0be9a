"""A parked ticket: said once, counted in full, and resolved by what its venue tells."""

import logging
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.orders.selectors import opening
from apps.orders.services import ask_venue_again, has_arrived, never_arrived
from apps.orders.services.parked import MOST_ASKS
from apps.positions.models import Position
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.apps.orders.test_dispatch_and_sweep import opened
from tests.apps.platform.desk import Desk as Visitor
from tests.apps.platform.desk import data_of, refusal_of
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db
S = OrderStatus


class Parked:
    def __init__(self, hints):
        self.desk = Desk()
        (self.order,) = self.desk.plan_and_send()
        self.desk.hear(report(self.order, S.UNKNOWN, reason="timed out", venue_order_id=""))
        for _ in range(2):
            self.desk.now += timedelta(minutes=16)
            services.sweep(now=self.desk.now)
        hints.clear()

    @property
    def ticket(self):
        return Ticket.objects.across_tenants().get(pk=self.order.ticket_id)

    @property
    def status(self):
        return self.ticket.status

    def fresh(self):
        self.order.refresh_from_db()
        return self.order


@pytest.fixture
def parked(hints):
    return Parked(hints)


def audited(action):
    return AuditEntry.objects.filter(action=action).count()


def test_it_is_parked_after_a_quarter_of_an_hour_and_said_once(hints, caplog):
    with caplog.at_level(logging.ERROR):
        parked = Parked(hints)
    assert parked.status == Ticket.Status.PARKED
    for _ in range(3):
        parked.desk.now += timedelta(hours=1)
        services.sweep(now=parked.desk.now)
    assert [record.message for record in caplog.records if "parked" in record.message] != []
    assert sum("is parked" in record.message for record in caplog.records) == 1
    assert audited("ticket.parked") == 1


def test_while_nobody_knows_it_counts_as_held_and_the_account_opens_nothing(parked):
    account = parked.order.venue_account_id
    assert opening([account]) == {account: {("BTC/USDT", "long")}}
    Ticket.objects.across_tenants().update(status=Ticket.Status.UNKNOWN)
    assert opening([account]) == {account: {("BTC/USDT", "long")}}
    Ticket.objects.across_tenants().update(status=Ticket.Status.PARKED)
    parked.desk.node.__class__.objects.update(last_heartbeat_at=parked.desk.now)
    signal = parked.desk.new_signal(symbol="ETH/USDT")
    signal.__class__.objects.update(created_at=parked.desk.now)
    parked.desk.plan(signal)
    refused = Ticket.objects.across_tenants().get(signal=signal)
    assert refused.refused_because.startswith("parked:")


def test_the_venue_is_asked_again_and_its_answer_is_booked(parked, hints):
    ask_venue_again(ticket=parked.ticket)
    (asked,) = opened(parked.desk, hints)
    assert (asked.task, asked.venue_order_id) == ("look_up", "")
    parked.desk.hear(report(parked.order, S.UNKNOWN, reason="rate limit"))
    assert (parked.status, parked.fresh().reason) == (Ticket.Status.PARKED, "rate limit")
    parked.desk.hear(report(parked.order))
    assert parked.status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().quantity == parked.order.quantity
    assert audited("ticket.asked_again") == 1


def test_it_arrived_under_a_number_and_only_the_venue_says_what_it_did(parked, hints):
    has_arrived(ticket=parked.ticket, venue_order_id=" 4711 ")
    (asked,) = opened(parked.desk, hints)
    assert (asked.task, asked.venue_order_id) == ("look_up", "4711")
    assert parked.status == Ticket.Status.PARKED
    assert (parked.fresh().venue_order_id, parked.order.filled) == ("", 0)
    half = fill(parked.order, quantity=parked.order.quantity / 2)
    parked.desk.hear(report(parked.order, S.CANCELED, fills=[half], venue_order_id="4711"))
    assert parked.status == Ticket.Status.DONE
    assert parked.fresh().venue_order_id == "4711"
    assert Position.objects.across_tenants().get().quantity == parked.order.quantity / 2


def test_the_number_is_asked_for_until_the_venue_tells_of_it(parked, hints):
    has_arrived(ticket=parked.ticket, venue_order_id="4711")
    for _ in range(60):
        parked.desk.now += timedelta(seconds=5)
        services.sweep(now=parked.desk.now)
    asked = opened(parked.desk, hints)
    # At once, after 15 seconds, 30 more, 60, 120: less and less often.
    assert [ticket.venue_order_id for ticket in asked] == ["4711"] * 5
    parked.desk.hear(report(parked.order, S.UNKNOWN, reason="the venue has no 4711"))
    assert (parked.status, parked.fresh().reason) == ("parked", "the venue has no 4711")
    parked.desk.hear(report(parked.order, S.OPEN, venue_order_id="4711"))
    assert parked.status == Ticket.Status.UNKNOWN
    hints.clear()
    parked.desk.now += timedelta(minutes=1)
    services.sweep(now=parked.desk.now)
    # Under our own id its venue does not know it: who asks, asks by that number.
    assert [ticket.venue_order_id for ticket in opened(parked.desk, hints)] == ["4711"]


def test_after_a_day_without_an_answer_nobody_asks_any_more(parked, hints):
    ask_venue_again(ticket=parked.ticket)
    for _ in range(30 * 6):
        parked.desk.now += timedelta(minutes=10)
        services.sweep(now=parked.desk.now)
    assert len(opened(parked.desk, hints)) == 1 + MOST_ASKS
    assert (parked.status, parked.ticket.next_at) == (Ticket.Status.PARKED, None)
    hints.clear()
    has_arrived(ticket=parked.ticket, venue_order_id="4711")
    assert len(opened(parked.desk, hints)) == 1


@pytest.mark.parametrize("number", ["", " ", "x" * 65, "4711; drop", "-1"])
def test_a_number_that_is_none_asks_nobody(parked, hints, number):
    with pytest.raises(BadInput):
        has_arrived(ticket=parked.ticket, venue_order_id=number)
    assert opened(parked.desk, hints) == []


@pytest.mark.parametrize("known_by", ["venue_order_id", "named_id"])
def test_another_orders_number_is_refused(parked, hints, known_by):
    other = Order.objects.across_tenants().get(pk=parked.order.pk)
    other.pk, other.ticket_id = None, parked.ticket.pk
    Order.objects.across_tenants().bulk_create(
        [
            Order(
                tenant_id=other.tenant_id,
                ticket_id=parked.ticket.pk,
                generation=9,
                venue_account_id=other.venue_account_id,
                client_order_id="ibother",
                **{known_by: "4711"},
                symbol=other.symbol,
                side=other.side,
                quantity=Decimal(1),
            )
        ]
    )
    with pytest.raises(Conflict):
        has_arrived(ticket=parked.ticket, venue_order_id="4711")
    assert opened(parked.desk, hints) == []


def test_it_never_arrived_and_expires_with_a_reason(parked):
    for reason in ("", "  ", "x" * 201):
        with pytest.raises(BadInput):
            never_arrived(ticket=parked.ticket, reason=reason)
    never_arrived(ticket=parked.ticket, reason="not in the venue's history")
    assert parked.status == Ticket.Status.EXPIRED
    assert parked.fresh().status == S.EXPIRED
    assert "history" in parked.order.reason
    assert AuditEntry.objects.get(action="ticket.never_arrived").after["reason"].startswith("not")
    with pytest.raises(Conflict):
        never_arrived(ticket=parked.ticket, reason="again")
    # A person may be wrong: the venue holds.
    parked.desk.hear(report(parked.order))
    assert parked.status == Ticket.Status.DONE
    assert Position.objects.across_tenants().get().quantity == parked.order.quantity


def test_a_closing_ticket_that_never_arrived_is_not_sent_again_by_itself(hints):
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    closing = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    Ticket.objects.across_tenants().filter(pk=closing.ticket_id).update(status="parked")
    never_arrived(ticket=closing.ticket, reason="looked at the venue")
    assert Order.objects.across_tenants().count() == 2
    assert services.dispatch(now=desk.now) == 0


def test_what_the_venue_has_told_of_cannot_be_denied(parked):
    Order.objects.across_tenants().update(status=S.OPEN)
    with pytest.raises(Conflict):
        never_arrived(ticket=parked.ticket, reason="I say so")
    assert parked.status == Ticket.Status.PARKED


@pytest.mark.parametrize("status", ["done", "unknown", "sent"])
def test_only_a_parked_ticket_is_resolved(parked, hints, status):
    Ticket.objects.across_tenants().update(status=status)
    for verb in (
        lambda: ask_venue_again(ticket=parked.ticket),
        lambda: has_arrived(ticket=parked.ticket, venue_order_id="1"),
        lambda: never_arrived(ticket=parked.ticket, reason="r"),
    ):
        with pytest.raises(Conflict):
            verb()
    assert (parked.status, opened(parked.desk, hints)) == (status, [])


# --- the doors


STEPS = {
    "ask": ("ask-venue-again", {"confirmed": "yes"}),
    "arrived": ("arrived", {"venue_order_id": "4711"}),
    "never-arrived": ("never-arrived", {"reason": "not there"}),
}


@pytest.mark.parametrize("step", STEPS)
def test_the_pages_are_for_operators_and_for_one_s_own_tenant(client, parked, step):
    address = reverse("console:parked", args=[parked.ticket.pk, step])
    listed = reverse("admin:orders_ticket_changelist")
    strange = UserFactory(tenant=TenantFactory(name="Globex"), role="staff", is_superuser=True)
    for user, status in (
        (UserFactory(tenant=None, role="support"), 403),
        (UserFactory(tenant=parked.ticket.tenant, role="staff"), 403),
        (strange, 404),
    ):
        client.force_login(user)
        assert client.post(address, STEPS[step][1]).status_code == status
        assert address not in client.get(listed).content.decode()
    assert parked.status == Ticket.Status.PARKED
    client.force_login(UserFactory(tenant=None, role="operator", username="olga"))
    assert address in client.get(listed).content.decode()
    assert client.get(address).status_code == 200
    assert parked.status == Ticket.Status.PARKED
    assert client.post(address, STEPS[step][1]).status_code == 302
    assert AuditEntry.objects.latest("number").actor == "olga"
    assert (parked.status == Ticket.Status.EXPIRED) == (step == "never-arrived")


def test_a_page_says_what_is_wrong(client, parked):
    client.force_login(UserFactory(tenant=None, role="operator"))
    address = reverse("console:parked", args=[parked.ticket.pk, "arrived"])
    form = client.post(address, {"venue_order_id": "-"}).context["form"]
    assert form.errors["venue_order_id"]
    Ticket.objects.across_tenants().update(status="done")
    assert client.post(address, {"venue_order_id": "1"}).context["form"].non_field_errors()


@pytest.mark.parametrize("step", STEPS)
def test_the_platform_api_resolves_it_too(parked, step):
    verb, values = STEPS[step]
    values = {name: value for name, value in values.items() if name != "confirmed"}
    address = f"tickets/{parked.ticket.pk}/{verb}"
    assert refusal_of(Visitor(role="support").post(address, **values))[0] == 403
    globex = Visitor(role="staff", tenant=TenantFactory(name="Globex"), is_superuser=True)
    assert refusal_of(globex.post(address, **values))[0] == 404
    assert parked.status == Ticket.Status.PARKED
    told = data_of(Visitor(role="operator", username="olga").post(address, **values))
    assert told["status"] == ("expired" if step == "never-arrived" else "parked")
    assert AuditEntry.objects.latest("number").actor == "olga"
