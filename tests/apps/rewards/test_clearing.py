"""`manage.py clear_trading_data`: what was done goes, what it came to in points stays."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.copying.models import Copy
from apps.core.models import AuditEntry
from apps.ledger.models import Account, Transfer
from apps.members.models import Level, Member
from apps.members.services import open_tenant
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.pointcards.services import recharge_tenant
from apps.positions.models import Close, Position
from apps.rewards.models import Pool, Reward
from apps.signals.models import Signal
from apps.venues.services import note_quoted
from engine.order import OrderStatus
from tests.apps.rewards.shop import Shop, settle
from tests.factories import (
    CopierFactory,
    CopyFactory,
    DecisionFactory,
    FillFactory,
    IncomingFactory,
    ItemFactory,
    OrderFactory,
    PositionFactory,
    TicketFactory,
    TraderFactory,
)

pytestmark = pytest.mark.django_db
MONEY = [Charge, Pool, Reward, Transfer]
HISTORY = [Fill, Order, Ticket]


def counts(kinds):
    return {kind.__name__: kind.rows.count() for kind in kinds}


@pytest.fixture
def shops():
    return [traded("Acme"), traded("Globex")]


def traded(name):
    """A tenant with a close at a profit, one at a loss, and the orders behind them."""
    shop = Shop(name) if name == "Acme" else another(name)
    member = shop.member(own=100)
    closes = shop.close(member, 10) + shop.close(member, -10)
    settle(closes)
    for close in closes:
        Position.objects.across_tenants().filter(pk=close.position_id).update(status="closed")
        ticket = TicketFactory(subscription=close.position.subscription, status="done")
        FillFactory(order=OrderFactory(ticket=ticket, status=OrderStatus.FILLED))
    Signal.objects.update(status=Signal.Status.PLANNED)
    return shop


def another(name):
    """A second shop, on the levels that are there."""
    shop = Shop.__new__(Shop)
    shop.levels = list(Level.objects.order_by("number"))
    shop.tenant = open_tenant(name=name).tenant
    shop.root = Member.objects.of(shop.tenant).get(root_of=shop.tenant)
    self_points = Account.Kind.SELF
    recharge_tenant(key=name, tenant=shop.tenant, kind=self_points, amount=Decimal(1000))
    return shop


def run(*arguments):
    told = StringIO()
    call_command("clear_trading_data", *arguments, stdout=told)
    return told.getvalue()


def test_one_tenants_history_goes_and_its_money_stays(shops):
    money = counts(MONEY)
    told = run("--tenant", "Acme", "--yes")
    assert counts(MONEY) == money
    assert counts(HISTORY) == {"Fill": 2, "Order": 2, "Ticket": 2}
    of_acme = Close.objects.of(shops[0].tenant)
    # The one that was charged on shows what its charge was taken on.
    assert [close.profit for close in of_acme] == [Decimal(10)]
    assert Position.objects.of(shops[0].tenant).count() == 1
    assert Signal.objects.count() == 4
    assert "tickets" in told
    assert AuditEntry.objects.filter(action="tenant.history_cleared").get().tenant.name == "Acme"
    call_command("verify_ledger", stdout=StringIO())
    # There is nothing left to do twice.
    assert "fills" in run("--tenant", "Acme", "--yes")


def test_all_tenants_are_cleared_with_their_signals(shops):
    run("--all", "--yes")
    assert counts(HISTORY) == {"Fill": 0, "Order": 0, "Ticket": 0}
    assert not Signal.objects.exists()
    assert Charge.objects.across_tenants().count() == 2
    call_command("verify_ledger", stdout=StringIO())
    call_command("verify_audit", stdout=StringIO())


def test_what_tells_of_the_history_does_not_hold_it(shops):
    """A decision and an alert stay, and name no ticket or signal any more; a copy goes."""
    ticket = Ticket.objects.of(shops[0].tenant).first()
    loss = Close.objects.of(shops[0].tenant).get(profit=-10).position
    trader = TraderFactory(venue_account=ticket.venue_account)
    item = ItemFactory(decision=DecisionFactory(trader=trader), ticket=ticket)
    alert = IncomingFactory(opened=ticket.signal)
    CopyFactory(
        subscription=CopierFactory(venue_account__member=loss.venue_account.member),
        leader_position=loss,
        ticket=ticket,
        status=Copy.Status.CLOSED,
    )
    run("--all", "--yes")
    assert counts(HISTORY) == {"Fill": 0, "Order": 0, "Ticket": 0}
    item.refresh_from_db()
    alert.refresh_from_db()
    assert (item.ticket, alert.opened) == (None, None)
    assert not Copy.objects.across_tenants().exists()


def test_a_dry_run_counts_and_removes_nothing(shops):
    before = counts([*HISTORY, Close, Position])
    told = run("--tenant", str(shops[0].tenant.pk), "--dry-run")
    assert counts([*HISTORY, Close, Position]) == before
    assert [line.split() for line in told.splitlines() if line.startswith("fills")] == [
        ["fills", "2", "0"]
    ]


def quote_of(shop):
    """A maker's order that has filled."""
    order = Order(
        tenant=shop.tenant,
        venue_account=Ticket.objects.of(shop.tenant).first().venue_account,
        kind=Order.Kind.MAKER,
        generation=1,
        symbol="BTC/USDT",
        side="buy",
        quantity=1,
        client_order_id=f"ib{shop.tenant.pk}",
        status=OrderStatus.FILLED,
    )
    order.save()
    FillFactory(order=order)


def test_what_makers_traded_goes_with_it(shops):
    quote_of(shops[0])
    quote_of(shops[1])
    run("--tenant", "Acme", "--yes")
    assert not Order.objects.of(shops[0].tenant).exists()
    assert Order.objects.of(shops[1].tenant).filter(kind=Order.Kind.MAKER).count() == 1


def run_a_maker(shop):
    ticket = Ticket.objects.of(shop.tenant).first()
    note_quoted(account=ticket.venue_account, symbol="BTC/USDT", is_quoted=True)


UNFINISHED = {
    "a maker that runs": run_a_maker,
    "a ticket under way": (lambda shop: Ticket.objects.of(shop.tenant).update(status="resting")),
    "an open position": (
        lambda shop: PositionFactory(
            subscription=Ticket.objects.of(shop.tenant).first().subscription, open_key=None
        )
    ),
    "an unsettled close": (lambda shop: Close.objects.of(shop.tenant).update(status="failed")),
}


@pytest.mark.parametrize("spoil", UNFINISHED.values(), ids=UNFINISHED)
def test_what_is_not_finished_stops_it(shops, spoil):
    spoil(shops[0])
    before = counts([*HISTORY, Close, Position])
    for whose in (["--tenant", "Acme"], ["--all"]):
        with pytest.raises(CommandError, match=r"there are [12] "):
            run(*whose, "--yes")
    assert counts([*HISTORY, Close, Position]) == before
    run("--tenant", "Globex", "--yes")


def test_whom_it_means_has_to_be_said():
    with pytest.raises(CommandError, match="one of the arguments"):
        run("--yes")
    with pytest.raises(CommandError, match="--tenant: there is no tenant Nobody"):
        run("--tenant", "Nobody", "--yes")
