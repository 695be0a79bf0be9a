"""What a person asks for is a ticket like any other, once, or refused by name."""

import base64
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.members.models import Member
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.orders.services.dispatch import send
from apps.positions.models import Close, Position
from apps.tenants.models import Tenant
from apps.venues.models import Instrument, VenueAccount
from engine.instrument import Instrument as Described
from engine.messages import Task, Tickets
from engine.order import OrderStatus
from engine.signal import Direction
from tests.apps.orders.desk import Desk, fill, report
from tests.at_once import at_once
from tests.factories import InstrumentFactory

pytestmark = pytest.mark.django_db
SYMBOL = "BTC/USDT"
WISH = services.Wish(symbol=SYMBOL, direction=Direction.LONG, quantity=Decimal("0.01"), leverage=10)
T = Ticket.Status


class Hand:
    """A person, and one account at a real venue."""

    def __init__(self):
        self.desk = Desk()
        InstrumentFactory(
            venue="okx", last_price=Decimal(50_000), priced_at=self.desk.now, min_notional=5
        )
        self.account = self.desk.follower(venue="okx").venue_account

    @property
    def now(self):
        return self.desk.now

    def order(self, **changes):
        return services.order_by_hand(
            account=self.account, wish=replace(WISH, **changes), now=self.now
        )

    def filled(self, **changes):
        """A position, opened by hand."""
        ticket = self.order(**changes)
        services.dispatch(now=self.now)
        self.desk.hear(report(ticket.orders.get()))
        opened = Position.objects.across_tenants().filter(direction=ticket.direction)
        return opened.get(status=Position.Status.OPEN)

    def close(self, position, **part):
        return services.close_position(position=position, now=self.now, part=services.Part(**part))

    def protect(self, position, stop=None, target=None):
        return services.protect_position(position=position, stop=stop, target=target, now=self.now)

    def sweep(self, **span):
        self.desk.now += timedelta(**span)
        services.sweep(now=self.desk.now)


@pytest.fixture
def hand(hints):
    return Hand()


@pytest.fixture
def sent(hints):
    """What left for the nodes so far."""

    def tickets():
        envelopes = [told["envelope"] for told in hints.named("node.execute")]
        bodies = [msgspec.json.decode(base64.b64decode(one.partition(".")[0])) for one in envelopes]
        return [
            ticket
            for body in bodies
            for ticket in msgspec.json.decode(body["body"], type=Tickets).tickets
        ]

    return tickets


def test_an_order_by_hand_is_planned_sealed_sent_and_folded_in_like_any_other(hand, sent, hints):
    ticket = hand.order(stop=Decimal(48_000), target=Decimal(55_000), price=Decimal(49_000))
    assert (ticket.signal_id, ticket.subscription_id) == (None, None)
    assert hints.named("orders.dispatch") == [{}]
    services.dispatch(now=hand.now)
    (message,) = sent()
    told = (message.task, message.quantity, message.price, message.stop, message.target)
    assert told == (Task.PLACE, "0.01", "49000", "48000", "55000")
    hand.desk.hear(report(ticket.orders.get()))
    position = Position.objects.across_tenants().get()
    assert (position.quantity, position.subscription_id) == (Decimal("0.01"), None)
    close = hand.close(position)
    services.dispatch(now=hand.now)
    order = close.orders.get()
    hand.desk.hear(report(order, fills=[fill(order, price="51000")]))
    # Charged as every close is: its settling is named.
    assert Close.objects.across_tenants().get().profit == 10
    assert len(hints.named("rewards.settle")) == 1
    assert AuditEntry.objects.filter(action="ticket.by_hand").count() == 2


SIZES = {
    "by quantity": ({"quantity": Decimal("0.02")}, "0.02"),
    "by notional": ({"quantity": None, "notional": Decimal(1234)}, "0.024"),
    "by margin": ({"quantity": None, "margin_percent": Decimal("1.5")}, "0.03"),
    "by notional at a price": (
        {"quantity": None, "notional": Decimal(1234), "price": Decimal(40_000)},
        "0.03",
    ),
}


@pytest.mark.parametrize(("changes", "quantity"), SIZES.values(), ids=SIZES)
def test_an_order_is_sized_by_one_of_three(hand, changes, quantity):
    worth = VenueAccount.objects.across_tenants().filter(pk=hand.account.pk)
    worth.update(equity=Decimal(10_000), equity_at=hand.now)
    assert hand.order(**changes).quantity == Decimal(quantity)


@given(
    notional=st.decimals("0.01", "1e9", places=2),
    price=st.decimals("0.001", "1e6", places=3),
    step=st.sampled_from(["0.001", "0.01", "1", "7"]),
)
def test_what_a_notional_buys_is_whole_steps_and_never_more(notional, price, step):
    told = Described(SYMBOL, Decimal("0.1"), Decimal(step), Decimal(step), Decimal(5))
    quantity = told.quantity_for(notional, price)
    assert quantity % Decimal(step) == 0
    assert quantity * price <= notional
    assert quantity == 0 or (quantity >= Decimal(step) and quantity * price >= 5)


BAD = {
    "no size": ({"quantity": None}, "quantity"),
    "two sizes": ({"notional": Decimal(5)}, "quantity"),
    "nothing": ({"quantity": Decimal(0)}, "quantity"),
    "no number": ({"quantity": Decimal("NaN")}, "quantity"),
    "more than a message carries": ({"quantity": Decimal("1e15")}, "quantity"),
    "between two steps": ({"quantity": Decimal("0.0105")}, "quantity"),
    "below the minimum": ({"quantity": None, "notional": Decimal(4)}, "notional"),
    "more than all": ({"quantity": None, "margin_percent": Decimal(101)}, "margin_percent"),
    "more than it is worth": ({"quantity": Decimal(3)}, "quantity"),
    "no leverage": ({"leverage": 0}, "leverage"),
    "an unknown symbol": ({"symbol": "DOGE/USDT"}, "symbol"),
    "between two ticks": ({"price": Decimal("49000.05")}, "price"),
    "a stop above a long": ({"stop": Decimal(50_000)}, "stop"),
    "a target below a long": ({"target": Decimal(50_000)}, "target"),
    "a stop below a short": ({"direction": Direction.SHORT, "stop": Decimal(49_000)}, "stop"),
    "crossed": ({"stop": Decimal(49_000), "target": Decimal(48_000)}, "target"),
    "sideways": ({"direction": "up"}, "direction"),
}


@pytest.mark.parametrize(("changes", "field"), BAD.values(), ids=BAD)
def test_what_no_order_has_is_refused_by_its_field(hand, changes, field):
    worth = VenueAccount.objects.across_tenants().filter(pk=hand.account.pk)
    worth.update(equity=Decimal(10_000), equity_at=hand.now)
    with pytest.raises(BadInput) as refused:
        hand.order(**changes)
    assert refused.value.context["field"] == field
    assert not Ticket.objects.across_tenants().exists()


def test_a_price_that_is_old_sizes_nothing(hand):
    Instrument.objects.update(priced_at=hand.now - timedelta(minutes=10))
    with pytest.raises(BadInput, match="no fresh price"):
        hand.order(quantity=None, notional=Decimal(100))
    assert hand.order().status == T.PLANNED


def paused(hand):
    VenueAccount.objects.across_tenants().update(status=VenueAccount.Status.PAUSED)


def suspended(hand):
    Tenant.objects.update(status=Tenant.Status.SUSPENDED)


def disabled(hand):
    Member.objects.across_tenants().update(status=Member.Status.DISABLED)


def drifting(hand):
    VenueAccount.objects.across_tenants().update(drift={f"{SYMBOL} long": ["1", "0"]})


def unchecked(hand):
    VenueAccount.objects.across_tenants().update(checked_at=None)


def silent(hand):
    hand.desk.node.__class__.objects.update(last_heartbeat_at=None)


def ahead(hand):
    hand.desk.node.__class__.objects.update(clock_offset_ms=1001)


def braked(hand):
    services.pull_brake(reason="nonsense")


OPENING = {
    braked: "the brake is on",
    paused: "paused",
    suspended: "tenant is suspended",
    disabled: "member is disabled",
    drifting: "holds other than the books say",
    unchecked: "the key is unchecked",
    silent: "no living node",
    ahead: "clock of the account's node is off",
}


@pytest.mark.parametrize("trouble", OPENING, ids=lambda trouble: trouble.__name__)
def test_opening_is_refused_by_name_and_leaves_nothing(hand, trouble):
    trouble(hand)
    with pytest.raises(Conflict, match=OPENING[trouble]):
        hand.order()
    assert not Ticket.objects.across_tenants().exists()


@pytest.mark.parametrize("trouble", OPENING, ids=lambda trouble: trouble.__name__)
def test_getting_out_is_refused_only_where_nobody_could(hand, trouble):
    position = hand.filled()
    trouble(hand)
    position.refresh_from_db()
    if trouble in (paused, silent):
        with pytest.raises(Conflict, match=OPENING[trouble]):
            hand.close(position)
    else:
        assert hand.close(position).quantity == position.quantity


def test_the_same_is_asked_once_until_it_is_done(hand):
    hand.order()
    with pytest.raises(Conflict) as refused:
        hand.order()
    assert refused.value.context["rule"] == "in_flight"
    services.dispatch(now=hand.now)
    hand.desk.hear(report(Order.objects.across_tenants().get()))
    position = Position.objects.across_tenants().get()
    with pytest.raises(Conflict, match="in this symbol and direction is open"):
        hand.order()
    close = hand.close(position)
    with pytest.raises(Conflict, match="earlier ticket"):
        hand.close(position)
    services.dispatch(now=hand.now)
    hand.desk.hear(report(close.orders.get()))
    with pytest.raises(Conflict, match="nothing to close"):
        hand.close(position)


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_twice_at_once_is_one_order(hints):
    hand = Hand()
    told = at_once(3, hand.order)
    assert sorted(type(one).__name__ for one in told) == ["Conflict", "Conflict", "Ticket"]
    services.dispatch(now=hand.now)
    hand.desk.hear(report(Order.objects.across_tenants().get()))
    position = Position.objects.across_tenants().get()
    told = at_once(3, lambda: hand.close(position))
    assert sorted(type(one).__name__ for one in told) == ["Conflict", "Conflict", "Ticket"]
    assert Order.objects.across_tenants().count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_person_and_a_signal_at_once_open_once(hints):
    hand = Hand()
    told = at_once(2, lambda do: do(), [hand.order, hand.desk.plan])
    assert not any(isinstance(one, Exception) and not isinstance(one, Conflict) for one in told)
    opened = Ticket.objects.across_tenants().filter(
        venue_account=hand.account, status__in=[T.PLANNED, T.SENT]
    )
    assert opened.count() == 1


def test_an_order_with_a_price_rests_until_it_is_canceled(hand, sent):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    hand.desk.hear(report(order, OrderStatus.OPEN))
    ticket.refresh_from_db()
    assert ticket.status == T.RESTING
    # It waits for its price, and for nobody's look.
    for _ in range(8):
        hand.sweep(minutes=5)
    assert {one.task for one in sent()[1:]} == {Task.LOOK_UP}
    services.cancel_order(order=order, now=hand.now)
    with pytest.raises(Conflict, match="being canceled"):
        services.cancel_order(order=order, now=hand.now)
    assert sent()[-1].task is Task.CANCEL
    # Lost on its way: said again.
    asked = len(sent())
    hand.sweep(minutes=5)
    assert [one.task for one in sent()[asked:]] == [Task.CANCEL]
    hand.desk.hear(report(order, OrderStatus.CANCELED))
    ticket.refresh_from_db()
    assert ticket.status == T.DONE
    with pytest.raises(Conflict, match="the order is canceled"):
        services.cancel_order(order=order, now=hand.now)


def test_an_order_that_never_left_is_canceled_here(hand, sent):
    ticket = hand.order(price=Decimal(49_000))
    services.cancel_order(order=ticket.orders.get(), now=hand.now)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.orders.get().status) == (T.DONE, OrderStatus.CANCELED)
    services.dispatch(now=hand.now)
    assert sent() == []


def test_an_order_to_be_canceled_that_was_never_placed_gets_no_other_try(hand):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    services.cancel_order(order=ticket.orders.get(), now=hand.now)
    hand.desk.hear(report(ticket.orders.get(), OrderStatus.EXPIRED))
    ticket.refresh_from_db()
    assert (ticket.status, ticket.orders.count()) == (T.EXPIRED, 1)


def test_stop_and_target_are_set_by_a_ticket_that_is_tried_until_they_stand(hand, sent):
    position = hand.filled()
    ticket = hand.protect(position, stop=Decimal(45_000), target=Decimal(60_000))
    with pytest.raises(Conflict, match="earlier ticket"):
        hand.protect(position, stop=Decimal(44_000))
    services.dispatch(now=hand.now)
    told = sent()[-1]
    assert (told.task, told.side, told.stop, told.target) == (
        Task.PROTECT,
        "sell",
        "45000",
        "60000",
    )
    first = ticket.orders.get()
    hand.desk.hear(report(first, OrderStatus.EXPIRED, reason="nobody knows"))
    services.dispatch(now=hand.now)
    again = ticket.orders.get(generation=2)
    assert sent()[-1].task is Task.PROTECT
    assert again.client_order_id != first.client_order_id
    # It fills nothing, whatever a node says.
    hand.desk.hear(report(again))
    again.refresh_from_db()
    assert again.status == OrderStatus.NEW
    hand.desk.hear(report(again, OrderStatus.SET))
    ticket.refresh_from_db()
    position.refresh_from_db()
    assert (ticket.status, position.quantity) == (T.DONE, Decimal("0.01"))


def test_nothing_held_is_not_protected(hand):
    position = hand.filled()
    Position.objects.across_tenants().update(status="closed", open_key=None)
    with pytest.raises(Conflict, match="nothing to close"):
        hand.protect(position, stop=Decimal(45_000))


def test_all_are_closed_and_one_that_is_refused_stops_no_other(hand):
    long = hand.filled()
    short = hand.filled(direction=Direction.SHORT)
    hand.close(long)
    services.dispatch(now=hand.now)
    hand.desk.hear(report(Order.objects.across_tenants().get(side="sell", ticket__action="close")))
    gone, closed = services.close_positions(positions=[long, short], now=hand.now)
    assert (gone.ticket, gone.refused_because) == (None, "there is nothing to close")
    assert closed.ticket.quantity == short.quantity


@pytest.mark.parametrize("end", [OrderStatus.EXPIRED, OrderStatus.REJECTED])
def test_a_resting_order_that_its_venue_has_after_all_rests(hand, end):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    later = hand.now + timedelta(hours=1)
    hand.desk.hear(report(order, end), now=later)
    part = [fill(order, quantity=order.quantity / 2)]
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=part), now=later)
    ticket.refresh_from_db()
    assert ticket.status == T.RESTING
    assert Position.objects.across_tenants().get().quantity == order.quantity / 2


def test_a_persons_stop_holds_in_place_of_the_opening_tickets_own(hand, sent, hints):
    position = hand.filled(stop=Decimal(48_000), target=Decimal(55_000))
    protecting = hand.protect(position, stop=Decimal(49_000))
    hints.clear()
    opened = Ticket.objects.across_tenants().get(action="open")
    send([opened], task=Task.LOOK_UP)
    (message,) = sent()
    assert (message.stop, message.target) == ("49000", None)
    # What its venue refused holds nothing up.
    Ticket.objects.across_tenants().filter(pk=protecting.pk).update(status=T.REJECTED)
    hints.clear()
    send([opened], task=Task.LOOK_UP)
    (message,) = sent()
    assert (message.stop, message.target) == ("48000", "55000")


def test_an_order_that_rests_for_months_is_asked_for_all_the_same(hand, sent, hints):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    hand.desk.hear(report(ticket.orders.get(), OrderStatus.OPEN, fills=[]))
    Ticket.objects.across_tenants().update(attempts=65_535 // 2)
    hints.clear()
    hand.sweep(minutes=1)
    assert len(sent()) == 1
    ticket.refresh_from_db()
    assert (ticket.status, ticket.attempts) == (T.RESTING, 1000)


def test_an_order_that_its_venue_no_longer_knows_waits_for_a_person(hand, hints):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    part = [fill(order, quantity=order.quantity / 2)]
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=part))
    hand.desk.hear(report(order, OrderStatus.EXPIRED, fills=[], reason="no such order"))
    hand.sweep(minutes=1)
    # It knows it again, and forgets it once more.
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=part))
    hand.sweep(minutes=16)
    ticket.refresh_from_db()
    assert ticket.status == T.RESTING
    hand.desk.hear(report(order, OrderStatus.EXPIRED, fills=[], reason="no such order"))
    hand.sweep(minutes=16)
    hand.sweep(minutes=16)
    ticket.refresh_from_db()
    assert ticket.status == T.PARKED
    services.never_arrived(ticket=ticket, reason="canceled on its pages")
    order.refresh_from_db()
    ticket.refresh_from_db()
    assert (order.status, order.filled) == (OrderStatus.CANCELED, order.quantity / 2)
    assert ticket.status == T.DONE


def test_a_further_fill_ends_the_doubt_as_well(hand, hints):
    ticket = hand.order(price=Decimal(49_000))
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=[]))
    hand.desk.hear(report(order, OrderStatus.EXPIRED, fills=[], reason="no such order"))
    order.refresh_from_db()
    assert order.doubted_at is not None
    part = [fill(order, quantity=order.quantity / 2)]
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=part))
    order.refresh_from_db()
    assert (order.doubted_at, order.reason) == (None, "")
    hand.sweep(minutes=16)
    ticket.refresh_from_db()
    assert ticket.status == T.RESTING


def test_a_stop_under_way_and_the_other_side_hinder_no_close(hand):
    position = hand.filled()
    hand.order(direction=Direction.SHORT, price=Decimal(60_000))
    hand.protect(position, stop=Decimal(49_000))
    assert hand.close(position).status == T.PLANNED


def test_a_filled_order_whose_stop_was_not_set_is_asked_for_a_while_though_it_rested(hand):
    ticket = hand.order(price=Decimal(49_000), stop=Decimal(48_000))
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    hand.desk.hear(report(order, OrderStatus.OPEN, fills=[]))
    hand.sweep(hours=2)
    hand.desk.hear(report(order, unprotected="busy"))
    hand.sweep(minutes=1)
    ticket.refresh_from_db()
    assert ticket.status == T.UNKNOWN
    hand.sweep(minutes=16)
    ticket.refresh_from_db()
    assert ticket.status == T.PARKED


# --- parts of a position


PARTS = [
    ("a size", {"quantity": Decimal("0.004")}, "0.004"),
    ("a share", {"share_percent": Decimal(50)}, "0.005"),
    ("a share, down to the step", {"share_percent": Decimal("12.5")}, "0.001"),
    ("all of it", {"share_percent": Decimal(100)}, "0.01"),
    ("all of it by size", {"quantity": Decimal("0.01")}, "0.01"),
]


@pytest.mark.parametrize(("case", "part", "quantity"), PARTS)
def test_a_part_is_closed_and_the_rest_stays(hand, case, part, quantity):
    position = hand.filled(quantity=Decimal("0.01"), notional=None)
    ticket = hand.close(position, **part)
    assert ticket.quantity == ticket.orders.get().quantity == Decimal(quantity)
    services.dispatch(now=hand.now)
    order = ticket.orders.get()
    hand.desk.hear(report(order, fills=[fill(order, price="51000", name="part")]))
    position.refresh_from_db()
    assert position.quantity == Decimal("0.01") - Decimal(quantity)
    assert Close.objects.across_tenants().get().profit == Decimal(quantity) * 1000


NO_PARTS = [
    ("both", {"quantity": Decimal(1), "share_percent": Decimal(1)}, "share_percent"),
    ("nothing", {"quantity": Decimal(0)}, "quantity"),
    ("less than nothing", {"share_percent": Decimal(-1)}, "share_percent"),
    ("more than all", {"share_percent": Decimal(101)}, "share_percent"),
    ("no number", {"share_percent": Decimal("NaN")}, "share_percent"),
    ("more than is held", {"quantity": Decimal("0.011")}, "quantity"),
    ("between two steps", {"quantity": Decimal("0.0005")}, "quantity"),
    ("less than a step", {"share_percent": Decimal("9.9")}, "share_percent"),
]


@pytest.mark.parametrize(("case", "part", "field"), NO_PARTS)
def test_what_is_no_part_is_refused_by_name(hand, case, part, field):
    position = hand.filled(quantity=Decimal("0.01"), notional=None)
    with pytest.raises(BadInput) as refused:
        hand.close(position, **part)
    assert refused.value.context["field"] == field
    assert not Ticket.objects.across_tenants().filter(action="close").exists()


# --- modes


def test_modes_change_while_nothing_is_held_and_the_next_order_says_them(hand, sent):
    services.change_modes(account=hand.account, margin="cross", position_mode="one_way")
    hand.order()
    services.dispatch(now=hand.now)
    (ticket,) = sent()
    assert (ticket.margin, ticket.position_mode) == ("cross", "one_way")


def test_modes_stay_while_something_is_held_under_way_or_drifting(hand):
    ticket = hand.order()
    for error in ("orders under way", "holds positions", "holds other than"):
        with pytest.raises(Conflict, match=error):
            services.change_modes(account=hand.account, margin="cross")
        # What is so already is no change.
        services.change_modes(account=hand.account, margin="isolated")
        if error == "orders under way":
            services.dispatch(now=hand.now)
            hand.desk.hear(report(ticket.orders.get()))
        else:
            Position.objects.across_tenants().update(status="closed", open_key=None)
            hand.account.__class__.objects.across_tenants().update(
                drift={"BTC/USDT long": ["1", "0"]}
            )
    hand.account.refresh_from_db()
    assert hand.account.margin == "isolated"
