"""Trading by hand over the Platform API: by right, once per key, and only one's own tenant's."""

import pytest

from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.positions.models import Position
from apps.venues.models import VenueAccount
from engine.order import OrderStatus
from tests.apps.orders.desk import report
from tests.apps.orders.test_manual import Hand
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hand(hints):
    return Hand()


@pytest.fixture
def staff(hand):
    return Desk("staff", tenant=hand.account.tenant, username="ann")


def wish(hand, **changes):
    told = {"venue_account_id": hand.account.pk, "symbol": "BTC/USDT", "direction": "long"}
    return told | {"quantity": "0.01", "leverage": 5} | changes


def done(hand, ticket):
    services.dispatch(now=hand.now)
    hand.desk.hear(report(Order.objects.across_tenants().get(ticket=ticket["id"])))


def test_a_round_trip_by_hand_is_one_order_each_way_however_often_it_is_asked(hand, staff):
    once = {"Idempotency-Key": "open-1"}
    first = data_of(staff.post("orders", headers=once, **wish(hand)), 201)
    assert data_of(staff.post("orders", headers=once, **wish(hand)), 201) == first
    assert (first["status"], first["quantity"], first["leverage"]) == ("planned", "0.01", 5)
    again = staff.post("orders", **wish(hand))
    assert refusal_of(again) == (409, "conflict")
    assert again.json()["context"] == {"rule": "in_flight"}
    done(hand, first)
    position = Position.objects.across_tenants().get()
    stop = data_of(staff.post(f"positions/{position.pk}/protection", stop="45000"), 201)
    assert (stop["action"], stop["stop"], stop["target"]) == ("protect", "45000", None)
    services.dispatch(now=hand.now)
    asked = Order.objects.across_tenants().get(ticket=stop["id"])
    hand.desk.hear(report(asked, OrderStatus.SET))
    done(hand, data_of(staff.post(f"positions/{position.pk}/close"), 201))
    assert refusal_of(staff.post(f"positions/{position.pk}/close")) == (404, "not_found")
    actors = AuditEntry.objects.filter(action="ticket.by_hand").values_list("actor", flat=True)
    assert list(actors) == ["ann"] * 3


@pytest.mark.parametrize("of", ["venue-accounts", "members", "tenant-strategies"])
def test_all_is_closed_of_an_account_a_member_or_a_strategy(hand, staff, of):
    position = hand.filled()
    subscription = hand.account.subscriptions.get()
    Position.objects.across_tenants().update(subscription=subscription)
    keys = {
        "venue-accounts": hand.account.pk,
        "members": hand.account.member_id,
        "tenant-strategies": subscription.tenant_strategy_id,
    }
    where = f"{of}/{keys[of]}/close-positions"
    assert data_of(staff.post(where, symbol="ETH/USDT")) == {"tickets": [], "refused": []}
    (ticket,) = data_of(staff.post(where))["tickets"]
    assert Ticket.objects.across_tenants().get(pk=ticket).subscription == subscription
    told = data_of(staff.post(where))
    reason = "an earlier ticket for this symbol is unanswered"
    assert told == {"tickets": [], "refused": [{"position_id": str(position.pk), "reason": reason}]}


def test_an_order_is_canceled(hand, staff):
    ticket = data_of(staff.post("orders", **wish(hand, price="49000")), 201)
    order = Order.objects.across_tenants().get(ticket=ticket["id"])
    assert data_of(staff.post(f"orders/{order.pk}/cancel"))["status"] == "done"
    assert refusal_of(staff.post(f"orders/{order.pk}/cancel")) == (409, "conflict")


def test_a_key_that_can_withdraw_is_accepted(hand, staff):
    VenueAccount.objects.across_tenants().filter(pk=hand.account.pk).update(can_withdraw=True)
    refused = staff.post("orders", **wish(hand))
    assert refused.json()["context"] == {"rule": "key"}
    line = data_of(staff.post(f"venue-accounts/{hand.account.pk}/accept-key"))
    assert line["key_accepted_at"]
    data_of(staff.post("orders", **wish(hand)), 201)


@pytest.mark.parametrize("who", ["support", "finance", "another tenant's"])
def test_whoever_may_not_trade_here_does_not(hand, who):
    position, order = hand.filled(), Order.objects.across_tenants().get()
    tickets = Ticket.objects.across_tenants().count()
    if who == "another tenant's":
        desk, refusal = Desk("staff", tenant=TenantFactory(name="Globex")), (404, "not_found")
    else:
        desk, refusal = Desk(who), (403, "not_allowed")
    for answer in (
        desk.post("orders", **wish(hand)),
        desk.post(f"orders/{order.pk}/cancel"),
        desk.post(f"positions/{position.pk}/close"),
        desk.post(f"positions/{position.pk}/protection", stop="1"),
        desk.post(f"venue-accounts/{hand.account.pk}/close-positions"),
        desk.post(f"members/{hand.account.member_id}/close-positions"),
    ):
        assert refusal_of(answer) == refusal
    assert Ticket.objects.across_tenants().count() == tickets


BAD = {
    "a foreign digit": ({"quantity": "١"}, "quantity"),
    "two sizes": ({"notional": "5"}, "quantity"),
    "no direction": ({"direction": "up"}, "direction"),
    "what it does not know": ({"size": "1"}, "size"),
    "between two steps": ({"quantity": "0.00105"}, "quantity"),
}


@pytest.mark.parametrize(("changes", "field"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_by_its_field(hand, staff, changes, field):
    answer = staff.post("orders", **wish(hand, **changes))
    assert answer.status_code == 400
    assert field in answer.json()["message"] or answer.json()["context"]["field"] == field
    assert not Ticket.objects.across_tenants().exists()
