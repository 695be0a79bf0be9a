"""The pages of trading by hand: what will be sent is shown first, and sent as it was shown."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.orders.models import Order, Ticket
from apps.venues.models import Instrument
from tests.apps.orders.test_manual import Hand
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hand(hints):
    return Hand()


@pytest.fixture
def staff(hand, client):
    client.force_login(UserFactory(role="staff", tenant=hand.account.tenant))
    client.get("/admin/logins/")
    return client


def order_page(hand):
    return reverse("console:order-by-hand", args=[hand.account.pk])


WISH = {"symbol": "BTC/USDT", "direction": "long", "notional": "1234", "leverage": "5"}


def hidden(answer):
    """The form that the page would send, once it is confirmed."""
    form = answer.context["form"]
    return {name: form[name].value() or "" for name in form.fields} | {"confirmed": "yes"}


def test_an_order_is_shown_and_sent_as_it_was_shown(hand, staff):
    shown = staff.post(order_page(hand), WISH)
    assert not Ticket.objects.across_tenants().exists()
    (draft,) = shown.context["drafts"]
    assert draft.quantity == Decimal("0.024")
    # The price moves on; what was shown is sent.
    Instrument.objects.update(last_price=Decimal(25_000))
    sent = staff.post(order_page(hand), hidden(shown))
    ticket = Ticket.objects.across_tenants().get()
    assert sent.url == reverse("admin:orders_ticket_change", args=[ticket.pk])
    assert (ticket.quantity, ticket.leverage) == (Decimal("0.024"), 5)
    # A second click is told, and sends nothing.
    again = staff.post(order_page(hand), hidden(shown))
    assert "earlier ticket" in again.content.decode()
    assert Ticket.objects.across_tenants().count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": "1"}, "quantity"),
        ({"symbol": "DOGE/USDT"}, "symbol"),
        ({"price": "1.23"}, "price"),
        ({"notional": "x"}, "notional"),
    ],
)
def test_a_refusal_stands_at_its_field(hand, staff, changes, field):
    answer = staff.post(order_page(hand), WISH | changes)
    assert field in answer.context["form"].errors
    assert not Ticket.objects.across_tenants().exists()


@pytest.mark.parametrize("whose", ["position", "venueaccount", "member"])
def test_positions_are_shown_and_closed(hand, staff, whose):
    position = hand.filled()
    keys = {
        "position": position.pk,
        "venueaccount": hand.account.pk,
        "member": hand.account.member_id,
    }
    page = reverse("console:close-positions")
    shown = staff.get(page, {whose: keys[whose]})
    assert [row.pk for row, *_ in shown.context["drafts"]] == [position.pk]
    assert not Ticket.objects.across_tenants().filter(action="close").exists()
    staff.post(page, {"position": position.pk})
    staff.post(page, {"position": position.pk})
    assert Ticket.objects.across_tenants().filter(action="close").count() == 1
    assert "earlier ticket" in staff.get(page, {whose: keys[whose]}).content.decode()


def test_the_lists_lead_to_the_pages(hand, staff):
    position = hand.filled()
    listed = reverse("admin:positions_position_changelist")
    chosen = {"action": "close_now", "_selected_action": position.pk}
    sent = staff.post(listed, chosen)
    assert sent.url == f"{reverse('console:close-positions')}?position={position.pk}"
    protection = reverse("console:protection", args=[position.pk])
    assert protection in staff.get(listed).content.decode()
    shown = staff.post(protection, {"stop": "45000"})
    staff.post(protection, hidden(shown))
    assert Ticket.objects.across_tenants().get(action="protect").stop == Decimal(45_000)


def test_an_order_is_canceled_once_it_is_confirmed(hand, staff):
    order = hand.order(price=Decimal(49_000)).orders.get()
    listed = reverse("admin:orders_order_changelist")
    chosen = {"action": "cancel", "_selected_action": order.pk}
    assert "taken away" in staff.post(listed, chosen).content.decode()
    staff.post(listed, chosen | {"confirmed": "1"})
    assert Order.objects.across_tenants().get().status == "canceled"


@pytest.mark.parametrize("who", ["support", "another tenant's"])
def test_whoever_may_not_trade_here_is_kept_out(hand, client, who):
    position = hand.filled()
    if who == "support":
        client.force_login(UserFactory(role="support", tenant=None))
        expected = 403
    else:
        client.force_login(UserFactory(role="staff", tenant=TenantFactory(name="Globex")))
        expected = 404
    close = reverse("console:close-positions")
    protection = reverse("console:protection", args=[position.pk])
    assert client.post(order_page(hand), WISH).status_code == expected
    assert client.post(protection, {"stop": "1"}).status_code == expected
    answer = client.post(close, {"position": position.pk})
    assert answer.status_code == (403 if who == "support" else 200)
    assert not Ticket.objects.across_tenants().exclude(action="open").exists()


@pytest.mark.parametrize("asked", [{}, {"position": "x"}, {"member": "-"}, {"who": "1"}])
def test_what_was_not_chosen_is_not_there(hand, staff, asked):
    assert staff.get(reverse("console:close-positions"), asked).status_code == 404


def test_a_share_is_shown_before_it_is_closed(hand, staff):
    position = hand.filled()
    page = reverse("console:close-positions")
    shown = staff.get(page, {"position": position.pk, "share_percent": "50"})
    (draft,) = shown.context["drafts"]
    assert draft[1].quantity == position.quantity / 2
    assert 'name="share_percent" value="50"' in shown.content.decode()
    staff.post(page, {"position": position.pk, "share_percent": "101"})
    assert not Ticket.objects.across_tenants().filter(action="close").exists()
    staff.post(page, {"position": position.pk, "share_percent": "50"})
    ticket = Ticket.objects.across_tenants().get(action="close")
    assert ticket.quantity == position.quantity / 2


def test_modes_are_changed_on_a_page_of_their_own(hand, staff):
    page = reverse("console:modes", args=[hand.account.pk])
    assert page in staff.get(reverse("admin:venues_venueaccount_changelist")).content.decode()
    asked = {"margin": "cross", "position_mode": "one_way"}
    assert staff.post(page, asked).status_code == 302
    hand.account.refresh_from_db()
    assert (hand.account.margin, hand.account.position_mode) == ("cross", "one_way")
    hand.filled()
    answer = staff.post(page, {"margin": "isolated", "position_mode": "one_way"})
    assert "close them first" in str(answer.context["form"].non_field_errors())
