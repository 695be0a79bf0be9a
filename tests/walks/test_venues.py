"""A signal walks through the real adapters to an exchange over HTTP, in the dialects of three.

The exchange is play money on this host, and keeps its own truth. Each story's
accounts meet one fault of it, on their way in and on their way out.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.core.errors import Conflict
from apps.members.models import Member
from apps.orders.models import Fill, Order, Ticket
from apps.orders.services import (
    Wish,
    cancel_order,
    close_position,
    order_by_hand,
    protect_position,
)
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.venues.models import Instrument, VenueAccount
from apps.venues.services import accept_key
from engine.order import OrderStatus
from engine.paper.service.faults import Kind
from engine.signal import Action, Direction
from tests.engine.paper.clients import serving
from tests.engine.tickets import ticket
from tests.walks.market import DIALECTS, Market
from tests.walks.running import running, wait_for
from tests.walks.story import SYMBOL, keys_checked, tell
from tests.walks.test_kills import assert_paid_once

pytestmark = [pytest.mark.walk, pytest.mark.timeout(600)]

# What befalls an order's request, and what befalls its look-ups.
FAULTS: dict[str, list[dict[str, object]]] = {
    "no fault": [],
    "accepted, and no answer": [{"kind": Kind.TIMEOUT_AFTER}],
    "down before": [{"kind": Kind.UNAVAILABLE_BEFORE}],
    "accepted late": [{"kind": Kind.LATE}],
    "accepted, and denied": [{"kind": Kind.TIMEOUT_AFTER}, {"kind": Kind.NOT_FOUND, "times": 9}],
}


@pytest.fixture
def market(tmp_path):
    with serving(home=tmp_path / "exchange") as service:
        yield Market(service)


def test_one_order_in_and_one_out_whatever_the_exchange_answers(
    transactional_db, tmp_path, market, subtests
):
    bases = json.dumps(dict.fromkeys(DIALECTS, market.address))
    with running(tmp_path, VENUE_BASE_URLS=bases) as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, what="the first heartbeat")
        stories = {}
        for dialect in DIALECTS:
            market.describe(dialect)
            for number, fault in enumerate(FAULTS):
                stories[dialect, fault] = tell(
                    f"{dialect}-{number}",
                    node,
                    account_of=partial(market.account_of, dialect),
                    capital=Decimal(5000),
                )
        wait_for(keys_checked, seconds=120, what="the keys checked")
        for action in (Action.OPEN, Action.CLOSE):
            for (_, fault), story in stories.items():
                if action is Action.CLOSE:
                    story.wait_for_a_move()
                market.plan(story, FAULTS[fault])
                story.publish(action)
            for name, story in stories.items():
                wait_for(partial(story.is_done, action), seconds=90, what=f"{name}, {action}")
            market.control.ask("DELETE", "/faults")
        for name, story in stories.items():
            wait_for(story.is_settled, what=f"{name} settled")

        for (dialect, fault), story in stories.items():
            with subtests.test(f"{dialect}: {fault}"):
                for subscription in story.subscriptions:
                    assert_books_are_the_truth(market, subscription)
                assert_paid_once(story)
        assert Charge.objects.across_tenants().exists()
        call_command("verify_ledger")


def assert_books_are_the_truth(market: Market, subscription) -> None:
    truth = market.truth(subscription)
    account = subscription.venue_account_id
    orders = Order.objects.across_tenants().filter(venue_account=account)
    filled = orders.filter(status=OrderStatus.FILLED)
    assert len(truth["orders"]) == 2
    assert {one["client_id"] for one in truth["orders"]} == set(
        filled.values_list("client_order_id", flat=True)
    )
    assert not orders.exclude(status__in=[OrderStatus.FILLED, OrderStatus.EXPIRED]).exists()

    fills = Fill.objects.across_tenants().filter(order__venue_account=account)
    assert {fill.venue_fill_id for fill in fills} == {
        str(number) for one in truth["orders"] for number in one["fills"]
    }
    assert sum(fill.quantity for fill in fills) == sum(
        Decimal(one["filled"]) for one in truth["orders"]
    )
    assert sum(fill.fee for fill in fills) == sum(Decimal(one["fees"]) for one in truth["orders"])
    value = sum(fill.quantity * fill.price for fill in fills)
    assert value == sum(Decimal(one["value"]) for one in truth["orders"])

    assert truth["positions"] == []
    position = Position.objects.across_tenants().get(venue_account=account)
    assert position.status == Position.Status.CLOSED
    gained = Decimal(truth["cash"]) - Decimal(10_000)
    assert abs(position.realized - position.fees - gained) < Decimal("0.000001")


@pytest.fixture
def by_hand(market):
    """What an owner does at the exchange without us."""

    def place(dialect: str, member: Member, action: Action) -> None:
        name = market.names[member.pk]
        venue = market.adapter(dialect, name)
        ends_ms = int(time.time() * 1000) + 10_000
        asked = ticket(
            venue=dialect,
            action=action,
            quantity="0.01",
            client_order_id=f"ib{'h' * 23}{action[0]}",
            not_after_ms=ends_ms,
        )
        assert venue.place(asked).filled == Decimal("0.01")

    return place


def test_an_account_is_read_back_and_a_trade_by_hand_stops_it_from_opening(
    transactional_db, tmp_path, market, by_hand, subtests
):
    bases = json.dumps(dict.fromkeys(DIALECTS, market.address))
    with running(tmp_path, VENUE_BASE_URLS=bases, STATE_SECONDS="5") as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, what="the first heartbeat")
        stories = {
            dialect: tell(
                f"{dialect}-read",
                node,
                account_of=partial(market.account_of, dialect),
                capital=Decimal(5000),
            )
            for dialect in DIALECTS
        }
        accounts = VenueAccount.objects.across_tenants().exclude(venue="paper")

        def are(**fields: object) -> Callable[[], bool]:
            return lambda: accounts.filter(**fields).count() == len(accounts)

        wait_for(are(checked_at__isnull=False, read_error=""), what="the keys checked")
        # Nobody described the venues by hand.
        wait_for(lambda: Instrument.objects.filter(symbol=SYMBOL).count() == 1 + len(DIALECTS))
        for account in accounts:
            with subtests.test(f"{account.venue} is read"):
                assert (account.equity, account.drift) == (Decimal(10_000), {})
        binance = accounts.filter(venue="binance").first()
        assert (binance.can_trade, binance.can_withdraw) == (True, False)

        for dialect, story in stories.items():
            for subscription in story.subscriptions:
                by_hand(dialect, subscription.member, Action.OPEN)
        drift = {f"{SYMBOL} long": ["0.01", "0"]}
        wait_for(lambda: all(account.drift == drift for account in accounts.all()), what="drift")
        for story in stories.values():
            story.publish(Action.OPEN)
        for story in stories.values():
            refused = story.tickets(Action.OPEN).filter(refused_because__startswith="drift")
            wait_for(lambda refused=refused: refused.count() == 2, what="refused to open")

        for dialect, story in stories.items():
            for subscription in story.subscriptions:
                by_hand(dialect, subscription.member, Action.CLOSE)
        wait_for(lambda: not any(account.drift for account in accounts.all()), what="no drift")
        for story in stories.values():
            story.publish(Action.OPEN)
        for name, story in stories.items():
            wait_for(partial(story.is_done, Action.OPEN), what=f"{name} open")
        settled_at = timezone.now()
        wait_for(are(read_at__gt=settled_at), what="read once more")
        assert not any(account.drift for account in accounts.all())
        for dialect, story in stories.items():
            for subscription in story.subscriptions:
                with subtests.test(f"{dialect}: one order of ours, two by hand"):
                    assert len(market.truth(subscription)["orders"]) == 3


def test_a_person_trades_by_hand_with_a_key_that_was_accepted(
    transactional_db, tmp_path, market, subtests
):
    """Opened, protected, rested, canceled and closed by hand, in every dialect at once."""
    bases = json.dumps(dict.fromkeys(DIALECTS, market.address))
    with running(tmp_path, VENUE_BASE_URLS=bases, STATE_SECONDS="5") as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, what="the first heartbeat")
        market.control.hold(BTC="50000")
        accounts = {
            dialect: tell(
                f"{dialect}-hand",
                node,
                account_of=partial(market.account_of, dialect, withdraws=True),
                capital=Decimal(5000),
            )
            .subscriptions[0]
            .venue_account
            for dialect in DIALECTS
        }
        wait_for(keys_checked, what="the keys checked")
        wait_for(lambda: Instrument.objects.filter(priced_at__isnull=False).count() == 3)

        def each(do: Callable[[VenueAccount], Ticket], status: str = "done") -> dict[str, Ticket]:
            for account in accounts.values():
                account.refresh_from_db()
            tickets = {dialect: do(account) for dialect, account in accounts.items()}
            keys = [ticket.pk for ticket in tickets.values()]
            rows = Ticket.objects.across_tenants().filter(pk__in=keys)
            wait_for(lambda: rows.filter(status=status).count() == 3, what=f"{status}: {tickets}")
            return tickets

        def position(account: VenueAccount) -> Position:
            return Position.objects.of(account.tenant).get(venue_account=account, status="open")

        wish = Wish(symbol=SYMBOL, direction=Direction.LONG, notional=Decimal(2000), leverage=5)
        low = replace(wish, price=Decimal(40_000))
        for dialect, account in accounts.items():
            with subtests.test(f"{dialect}: a key that can withdraw opens nothing"):
                account.refresh_from_db()
                assert (account.can_trade, account.can_withdraw) == (True, True)
                with pytest.raises(Conflict, match="can withdraw"):
                    order_by_hand(account=account, wish=wish, now=timezone.now())
            accept_key(account=account)

        def by_hand(wish: Wish) -> Callable[[VenueAccount], Ticket]:
            return lambda account: order_by_hand(account=account, wish=wish, now=timezone.now())

        def canceled(account: VenueAccount) -> Ticket:
            order = Order.objects.of(account.tenant).get(venue_account=account, status="open")
            return cancel_order(order=order, now=timezone.now())

        each(by_hand(low), "resting")
        each(canceled)
        each(by_hand(wish))
        stop, target = Decimal(45_000), Decimal(60_000)
        each(
            lambda account: protect_position(
                position=position(account), stop=stop, target=target, now=timezone.now()
            )
        )
        for dialect, account in accounts.items():
            with subtests.test(f"{dialect}: stop and target stand at the exchange"):
                triggers = market.control.truth(market.names[account.member_id])["triggers"]
                assert {Decimal(one["ask"]["level"]) for one in triggers} == {stop, target}
        market.control.hold(BTC="51000")
        closed = each(
            lambda account: close_position(position=position(account), now=timezone.now())
        )
        closes = Close.objects.across_tenants().filter(
            position__venue_account__in=accounts.values()
        )
        wait_for(lambda: closes.filter(status="settled").count() == 3, what="settled")
        for dialect, account in accounts.items():
            with subtests.test(f"{dialect}: the books are the truth, and charged"):
                truth = market.control.truth(market.names[account.member_id])
                assert truth["positions"] == []
                assert len([one for one in truth["orders"] if Decimal(one["filled"])]) == 2
                assert closed[dialect].quantity == Decimal("0.04")
                assert Charge.objects.of(account.tenant).get().due > 0
        call_command("verify_ledger")
