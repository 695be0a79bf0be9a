"""An order's messages through the database, in any order and doubled: the rows are the same.

Each way is tried from the same rows, which are rolled back after it. PERMUTATIONS says how
many ways are tried; see docs/operations.md.
"""

from datetime import timedelta

import msgspec
import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Reward
from apps.rewards.services import settle_closes
from engine.messages import Fill as Told
from engine.messages import number
from engine.order import OrderStatus
from engine.signal import Action, Side
from tests.apps.orders.desk import fill, refusals, report
from tests.apps.orders.test_states import Reader, account_fill, held
from tests.lives import PERMUTATIONS, lives

pytestmark = pytest.mark.django_db
S = OrderStatus
FIGURES = {
    Order: ["client_order_id", "status", "filled", "average_price", "venue_order_id"],
    Ticket: ["status", "generation", "quantity", "action"],
    Fill: ["key", "quantity", "price", "fee", "filled_at"],
    Position: ["direction", "quantity", "entry_price", "realized", "fees", "entry_fees", "status"],
    Close: ["fill_key", "profit", "fee", "entry_fee", "funding", "status"],
    Charge: ["close__fill_key", "profit", "basis", "due", "from_self", "from_gift", "shortfall"],
    Reward: ["member", "kind", "amount"],
}


def rows():
    """Everything that is about money or what is held, as it stands."""
    return {
        model.__name__: sorted(model.objects.across_tenants().values_list(*names), key=repr)
        for model, names in FIGURES.items()
    }


class Story:
    """A close of ours that is under way, at an account that is read back meanwhile."""

    def __init__(self):
        self.reader = Reader()
        opened = self.reader.trade()
        self.reader.desk.plan_and_send(self.reader.desk.new_signal(action=Action.CLOSE))
        orders = Order.objects.across_tenants().filter(venue_account=self.reader.account)
        self.order = orders.exclude(pk=opened.pk).get()
        # A close is never given up by its time alone; this one was canceled by its owner.
        Ticket.objects.across_tenants().update(worth_until=self.reader.now)
        self.now = self.reader.now + timedelta(seconds=django_settings.SIGNAL_SECONDS)

    def fills(self, pieces):
        tenth = self.order.quantity / 10
        return [
            msgspec.structs.replace(
                fill(self.order, quantity=piece.quantity * tenth, name=piece.name),
                price=number(piece.price),
                fee=number(piece.fee),
            )
            for piece in pieces
        ]

    def hear(self, message):
        status, pieces = message
        fills = self.fills(pieces)
        self.reader.desk.hear(report(self.order, status, fills=fills), now=self.now)

    def read_back(self, pieces):
        """The account tells the same fills; what the books miss is asked for, not booked."""
        told = [
            account_fill(self.order, fill=msgspec.structs.replace(one, filled_at_ms=1))
            for one in self.fills(pieces)
        ]
        self.reader.read(fills=told, holdings=[held("0.004")])


def after(way):
    """The rows that a way leads to, with everything charged and shared out; then undone."""
    with transaction.atomic():
        way()
        closes = Close.objects.across_tenants().filter(status=Close.Status.UNSETTLED)
        settle_closes(close_ids=[close.pk for close in closes.order_by("fill_key")])
        left = rows()
        assert refusals() == []
        transaction.set_rollback(True)
    connection.run_on_commit.clear()
    return left


def test_every_way_ends_in_the_same_rows(hints):
    story = Story()
    known, tried = {}, []

    @given(lives(), st.lists(st.integers(0, 12), max_size=2))
    @settings(
        max_examples=PERMUTATIONS,
        # What is tried is short as it is: to make it shorter costs more than reading it.
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    def ways(life, read_at):
        def as_it_happened():
            for message in life.messages:
                story.hear(message)

        def as_it_came():
            for step, message in enumerate(life.told):
                if step in read_at:
                    story.read_back(life.messages[-1][1])
                story.hear(message)

        name = repr(life.messages)
        if name not in known:
            known[name] = after(as_it_happened)
        assert after(as_it_came) == known[name]
        tried.append(name)

    ways()
    assert len(known) > 5 or PERMUTATIONS < 20
    assert len(tried) >= PERMUTATIONS
    print(f"{len(tried)} ways of {len(known)} lives end in the rows of their life")


def test_a_stop_that_fires_is_the_same_however_it_is_told(hints):
    reader = Reader()
    opened = reader.trade()
    half = number(opened.quantity / 2)
    pieces = [
        Told(venue_fill_id=f"s{n}", quantity=half, price=f"5100{n}", fee="0.3", filled_at_ms=n)
        for n in range(2)
    ]

    def read_back(count):
        told = [
            account_fill(
                opened,
                side=Side.SELL,
                client_order_id="",
                venue_order_id="s",
                fill=piece,
                is_protection=True,
            )
            for piece in pieces[:count]
        ]
        reader.read(fills=told)

    def look_up(count):
        order = Order.objects.across_tenants().filter(kind=Order.Kind.PROTECTION).first()
        if order:
            status = S.FILLED if count == 2 else S.OPEN
            told = report(order, status, fills=pieces[:count], venue_order_id="s")
            reader.desk.hear(told, now=reader.now)

    steps = [(read_back, 1), (read_back, 2), (look_up, 1), (look_up, 2)]
    story = {"first": None}

    @given(st.lists(st.sampled_from(steps), max_size=6))
    @settings(max_examples=PERMUTATIONS // 3, phases=[Phase.generate])
    def ways(taken):
        def way():
            # However it began, in the end the account is read and its answer is looked up.
            for step, count in [*taken, (read_back, 2), (look_up, 2)]:
                step(count)

        left = after(way)
        story["first"] = story["first"] or left
        assert left == story["first"]

    ways()
    assert len(story["first"]["Charge"]) == 2
