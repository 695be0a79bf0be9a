"""Who copies does as its leader does, once, in its own size, and closes as far as it does."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.copying import services
from apps.copying.models import Copy
from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.core.models import AuditEntry
from apps.orders import services as orders
from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.strategies.models import Subscription
from apps.strategies.services import resume_subscription, stop_subscription
from apps.venues.models import Instrument
from engine.order import OrderStatus
from engine.signal import Direction
from tests.apps.orders.desk import Desk, fill, report
from tests.at_once import at_once
from tests.factories import InstrumentFactory, TraderFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
SYMBOL = "BTC/USDT"
M = Subscription.Measure


class Floor:
    """A leader's account and one that copies it, at a venue whose price stands still."""

    def __init__(self, **figures):
        self.desk = Desk(followers=0)
        InstrumentFactory(
            venue="okx", last_price=Decimal(50_000), priced_at=self.desk.now, min_notional=5
        )
        self.leader = self.account()
        self.follower = self.account()
        self.subscription = self.follow(self.follower, **figures)

    def account(self):
        # With an account come a member and point cards; what it follows is of no use here.
        subscription = self.desk.follower(venue="okx")
        account = subscription.venue_account
        subscription.delete()
        return account

    def follow(self, account, **figures):
        asked = {
            "leader_account": self.leader,
            "measure": M.RATIO,
            "measured": Decimal(2),
            "capital": Decimal(100_000),
            **figures,
        }
        return services.follow(venue_account=account, **asked)

    def open(self, account=None, *, quantity="0.01", is_filled=True, **changes):
        wish = orders.Wish(
            symbol=SYMBOL, direction=Direction.LONG, quantity=Decimal(quantity), **changes
        )
        ticket = orders.order_by_hand(account=account or self.leader, wish=wish, now=self.desk.now)
        if is_filled:
            self.fill(ticket)
        return ticket

    def fill(self, ticket, **told):
        orders.dispatch(now=self.desk.now)
        self.desk.hear(report(ticket.orders.get(), **told))

    def close(self, account=None, **part):
        position = self.held_by(account or self.leader)
        ticket = orders.close_position(
            position=position, now=self.desk.now, part=orders.Part(**part)
        )
        self.fill(ticket)

    def copy(self):
        """One look; and what it asked for is done."""
        asked = services.copy(now=self.desk.now)
        for ticket in Ticket.objects.across_tenants().filter(status=Ticket.Status.PLANNED):
            self.fill(ticket)
        return asked

    def held_by(self, account):
        rows = Position.objects.across_tenants().filter(venue_account=account)
        return rows.filter(status=Position.Status.OPEN).first()

    @property
    def quantity(self):
        held = self.held_by(self.follower)
        return held.quantity if held else 0


@pytest.fixture
def floor(hints):
    return Floor()


def test_what_the_leader_opens_is_opened_once_in_ones_own_size(floor):
    floor.open(stop=Decimal(49_000), target=Decimal(52_000))
    assert floor.copy() == 1
    assert floor.quantity == Decimal("0.02")
    held = floor.held_by(floor.follower)
    assert held.subscription == floor.subscription
    ticket = Copy.objects.across_tenants().get().ticket
    assert (ticket.stop, ticket.target) == (49_000, 52_000)
    assert AuditEntry.objects.filter(action="ticket.by_copy").count() == 1
    assert floor.copy() == 0


@pytest.mark.parametrize(
    ("measure", "measured", "quantity"),
    [
        (M.RATIO, "0.5", "0.005"),
        (M.AMOUNT, "1000", "0.02"),
        (M.QUANTITY, "0.03", "0.03"),
        # No more than the capital times the leverage.
        (M.QUANTITY, "100", "0.4"),
    ],
)
def test_the_size_is_what_was_agreed_as_far_as_the_capital_goes(hints, measure, measured, quantity):
    floor = Floor(measure=measure, measured=Decimal(measured), capital=Decimal(1000), leverage=20)
    floor.open()
    floor.copy()
    assert floor.quantity == Decimal(quantity)


def test_what_the_leader_closes_is_closed_in_the_same_share(floor):
    floor.open(quantity="0.01")
    floor.copy()
    floor.close(share_percent=Decimal(40))
    assert floor.copy() == 1
    assert floor.quantity == Decimal("0.012")
    assert floor.copy() == 0
    floor.close()
    floor.copy()
    assert floor.quantity == 0
    floor.copy()
    assert Copy.objects.across_tenants().get().status == Copy.Status.CLOSED


def test_a_leader_that_is_back_out_before_anybody_looked_is_not_copied(floor):
    floor.open()
    floor.close()
    assert floor.copy() == 0
    assert not Copy.objects.across_tenants().exists()


def test_what_was_held_before_is_not_copied(hints):
    floor = Floor()
    stop_subscription(subscription=floor.subscription)
    floor.open()
    assert floor.copy() == 0
    resume_subscription(subscription=Subscription.objects.across_tenants().get())
    floor.desk.now += timedelta(minutes=2)
    assert floor.copy() == 0


def test_an_order_that_still_fills_is_copied_when_it_is_done(floor):
    ticket = floor.open(is_filled=False)
    orders.dispatch(now=floor.desk.now)
    order = ticket.orders.get()
    half = fill(order, quantity="0.005", name="half")
    floor.desk.hear(report(order, OrderStatus.OPEN, fills=[half]))
    assert floor.copy() == 0
    floor.desk.hear(report(order, fills=[half, fill(order, quantity="0.005", name="rest")]))
    assert floor.copy() == 1
    assert floor.quantity == Decimal("0.02")


def test_what_is_refused_is_kept_with_its_reason_and_not_tried_again(floor):
    floor.open(floor.follower)
    floor.open()
    assert floor.copy() == 0
    refused = Copy.objects.across_tenants().get()
    assert refused.status == Copy.Status.REFUSED
    assert "position" in refused.problem
    assert floor.copy() == 0


def test_a_price_that_ran_away_is_not_run_after(floor):
    ticket = floor.open(is_filled=False)
    orders.dispatch(now=floor.desk.now)
    order = ticket.orders.get()
    floor.desk.hear(report(order, fills=[fill(order, price="48000")], price="48000"))
    floor.copy()
    assert "50000" in Copy.objects.across_tenants().get().problem


def test_a_close_that_cannot_be_followed_is_followed_later(floor):
    floor.open()
    floor.copy()
    floor.close()
    floor.desk.node.last_heartbeat_at = floor.desk.now - timedelta(hours=1)
    floor.desk.node.save()
    assert floor.copy() == 0
    one = Copy.objects.across_tenants().get()
    assert "node" in one.problem
    floor.desk.node.last_heartbeat_at = floor.desk.now
    floor.desk.node.save()
    assert floor.copy() == 1
    assert floor.quantity == 0


def test_who_closes_a_copy_by_hand_is_left_alone(floor):
    floor.open()
    floor.copy()
    floor.close(floor.follower)
    assert floor.copy() == 0
    assert Copy.objects.across_tenants().get().status == Copy.Status.CLOSED
    assert floor.copy() == 0


def test_who_copies_one_another_comes_to_an_end(floor):
    services.follow(
        venue_account=floor.leader,
        leader_account=floor.follower,
        measure=M.RATIO,
        measured=Decimal(2),
        capital=Decimal(100_000),
    )
    floor.open()
    assert floor.copy() == 1
    floor.close()
    floor.copy()
    assert floor.copy() == 0
    assert floor.held_by(floor.leader) is None


def test_an_ai_trader_is_copied_and_others_on_its_account_are_not(hints):
    floor = Floor()
    trader = TraderFactory(venue_account=floor.leader)
    other = floor.account()
    floor.follow(other, leader_account=None, leader_trader=trader)
    ticket = floor.open(is_filled=False)
    Ticket.objects.across_tenants().filter(pk=ticket.pk).update(trader=trader)
    floor.fill(ticket)
    assert floor.copy() == 2
    assert floor.held_by(other).quantity == Decimal("0.02")


def test_a_paused_subscription_opens_nothing_and_still_closes(floor):
    floor.open()
    floor.copy()
    Subscription.objects.across_tenants().update(status=Subscription.Status.PAUSED)
    floor.close()
    assert floor.copy() == 1
    assert floor.quantity == 0
    floor.open()
    assert floor.copy() == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_looks_at_once_one_copies(hints):
    floor = Floor()
    floor.open()
    asked = at_once(3, lambda: services.copy(now=floor.desk.now))
    assert sorted(asked) == [0, 0, 1]
    assert Copy.objects.across_tenants().count() == 1


def test_it_takes_as_many_queries_however_many_copy_what_is_still(
    floor, django_assert_max_num_queries
):
    floor.open()
    for _ in range(5):
        floor.follow(floor.account())
    floor.copy()
    with django_assert_max_num_queries(8):
        assert services.copy(now=floor.desk.now) == 0


@pytest.mark.parametrize(
    ("figures", "field"),
    [
        ({"leader_account": None}, "leader_account"),
        ({"measure": "most"}, "measure"),
        ({"measured": Decimal(0)}, "measured"),
        ({"measured": Decimal("NaN")}, "measured"),
        ({"measured": Decimal(101)}, "measured"),
        ({"capital": Decimal(-1)}, "capital"),
        ({"leverage": 126}, "leverage"),
    ],
)
def test_what_cannot_be_copied_is_refused_by_its_field(floor, figures, field):
    with pytest.raises(BadInput) as refused:
        floor.follow(floor.account(), **figures)
    assert refused.value.context["field"] == field


def test_nobody_copies_himself_or_another_tenants(floor):
    with pytest.raises(BadInput):
        floor.follow(floor.leader)
    trader = TraderFactory(venue_account=floor.follower)
    with pytest.raises(BadInput):
        floor.follow(floor.follower, leader_account=None, leader_trader=trader)
    with pytest.raises(NotAllowed):
        floor.follow(floor.account(), leader_account=VenueAccountFactory())


def test_to_follow_twice_is_one_subscription(floor):
    assert floor.follow(floor.follower) == floor.subscription
    with pytest.raises(Conflict):
        floor.follow(floor.follower, measured=Decimal(3))
    changed = services.change_copying(
        subscription=floor.subscription,
        measure=M.AMOUNT,
        measured=Decimal(500),
        capital=Decimal(2000),
        leverage=5,
    )
    assert (changed.measure, changed.measured) == (M.AMOUNT, 500)
    stop_subscription(subscription=changed)
    assert floor.follow(floor.follower).status == Subscription.Status.ACTIVE


def test_one_who_cannot_copy_keeps_nobody_else_from_it(monkeypatch):
    floor = Floor()
    other = floor.account()
    floor.follow(other)
    draft, drafted = services.draft_order, []

    def refusing_the_first(**asked):
        drafted.append(asked["account"])
        if len(drafted) == 1:
            raise NotAllowed("not today")
        return draft(**asked)

    monkeypatch.setattr(services, "draft_order", refusing_the_first)
    floor.open()
    floor.copy()
    copies = Copy.objects.across_tenants().order_by("pk")
    assert [(one.status, one.problem) for one in copies] == [("refused", "not today"), ("open", "")]


def test_a_symbol_that_its_venue_has_taken_away_stops_no_other_copy():
    floor = Floor()
    floor.open()
    floor.copy()
    floor.close(quantity=Decimal("0.005"))
    Instrument.objects.filter(venue="okx").delete()
    assert services.copy(now=floor.desk.now) == 0
    assert "has not described" in Copy.objects.across_tenants().get().problem
