"""A turn of a trader: what it comes to, what it leaves behind, and what passes it over."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.orders.models import Order, Ticket
from apps.orders.services import order_by_hand
from apps.orders.services.manual import Wish
from apps.positions.models import Position
from apps.traders.models import Decision, Item, Trader
from apps.traders.selectors import books_of, closed_trades, due, said, woken
from engine.deciding.errors import ModelUnclear
from engine.deciding.record import Decided, Resulted, replay
from engine.signal import Direction
from tests.apps.traders.desk import Desk, answer, close

pytestmark = pytest.mark.django_db


def test_an_answer_becomes_a_record_and_then_a_ticket_with_stop_and_target():
    desk = Desk().start()
    decision = desk.turn(answer(desk.long(), close("ETH/USDT", "hold")))
    assert decision.status == Decision.Status.DONE
    assert decision.mind == "one"
    ticket = Ticket.objects.across_tenants().get()
    assert (ticket.trader, ticket.symbol, ticket.direction) == (desk.trader, "BTC/USDT", "long")
    assert ticket.price is None
    assert ticket.stop < desk.price() < ticket.target
    assert ticket.quantity * desk.price() <= 250
    assert Order.objects.across_tenants().filter(ticket=ticket).count() == 1
    hold, opening = sorted(desk.items(), key=lambda item: item.signal, reverse=True)
    assert (opening.status, opening.ticket) == (Item.Status.ORDERED, ticket)
    assert hold.status == Item.Status.HELD
    made, became = desk.journal()
    assert isinstance(made, Decided)
    assert replay(made) == []
    assert isinstance(became, Resulted)
    assert [one.ticket for one in became.tickets] == [str(ticket.pk)]
    trader = desk.fresh()
    assert (trader.head_number, trader.decided, trader.lease) == (2, 1, "")
    assert trader.next_at == desk.now + timedelta(seconds=180)


def test_what_is_held_is_told_and_closed_and_counted():
    desk = Desk().start()
    desk.turn(answer(desk.long()))
    desk.fill(Ticket.objects.across_tenants().get(), price=Decimal(60_000))
    position = Position.objects.across_tenants().get()
    assert position.trader == desk.trader
    decision = desk.next(answer(close()))
    assert '"symbol":"BTC/USDT"' in decision.user
    assert decision.before["held"] == {"BTC/USDT": "long"}
    closing = Ticket.objects.across_tenants().get(action="close")
    desk.fill(closing, price=Decimal(60_600))
    (trade,) = closed_trades(desk.fresh())
    assert trade.gross == trade.quantity * 600
    assert trade.net == trade.gross - Decimal("0.2")
    assert (trade.leverage, trade.equity) == (5, 10_000)
    books = books_of([desk.trader], now=desk.now)[desk.trader.pk]
    assert books.equity == 10_000 + trade.net
    assert books.closed_at.keys() == {"BTC/USDT"}
    assert [one.signal for one in said([desk.trader])[desk.trader.pk]] == ["buy_to_enter", "close"]
    held = [one.held for one in woken([desk.trader])[desk.trader.pk]]
    assert held == [{}, {"BTC/USDT": Direction.LONG}]


def test_a_refused_answer_places_nothing_and_is_kept_with_its_reason():
    desk = Desk().start()
    bad = desk.long(take_profit=float(desk.price() * Decimal("1.005")))
    decision = desk.turn(answer(bad))
    assert decision.status == Decision.Status.DONE
    (item,) = desk.items()
    assert (item.status, item.refused_by) == (Item.Status.REFUSED, "risk_reward")
    failed = desk.next("no", "still no")
    assert failed.status == Decision.Status.FAILED
    assert [one["rule"] for one in failed.answers] == ["json", "json"]
    assert not Ticket.objects.across_tenants().exists()
    assert len(desk.journal()) == 2


def test_a_model_that_is_away_gives_way_to_the_next_and_is_accounted_for():
    desk = Desk(minds=("first", "second")).start()
    decision = desk.turn(ModelUnclear("gone"), answer(desk.long()))
    assert decision.mind == "second"
    calls = decision.calls.order_by("pk").values_list("mind", "result")
    assert list(calls) == [("first", "unclear"), ("second", "answered")]
    assert desk.fresh().standings["first"]["failures"] == 1


@pytest.mark.parametrize(
    ("case", "spoil"),
    [
        ("the account is paused", lambda d: change(d.account, status="paused")),
        ("the member is disabled", lambda d: change(d.account.member, status="disabled")),
        ("the tenant is suspended", lambda d: change(d.account.tenant, status="suspended")),
        (
            "the node is silent",
            lambda d: change(d.node, last_heartbeat_at=d.now.replace(year=2020)),
        ),
        ("the day's budget is spent", lambda d: spend(d)),
        ("a symbol has no price", lambda d: unknown_symbol(d)),
        ("its prompt is none", lambda d: change_prompt(d)),
        ("its limits are none", lambda d: change(d.trader, limits={"max_size": -1})),
    ],
)
def test_it_is_passed_over_where(case, spoil):
    desk = Desk(budget={"daily_cost": 1}).start()
    spoil(desk)
    assert desk.turn(answer(desk.long())) is None
    trader = desk.fresh()
    assert trader.skipped_because
    assert (trader.skipped, trader.lease) == (1, "")
    assert trader.next_at > desk.now
    assert desk.asked == []
    assert not Decision.objects.across_tenants().exists()


def change(row, **values):
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def spend(desk):
    desk.trader.spendings.create(tenant=desk.account.tenant, day=desk.now.date(), cost=1)


def unknown_symbol(desk):
    change(desk.trader, symbols=["BTC/USDT", "XRP/USDT"])


def change_prompt(desk):
    from tests.factories import TemplateFactory

    template = TemplateFactory(tenant=desk.account.tenant, name="bad", text="nothing")
    change(desk.trader, template=template)


def test_the_other_traders_side_is_refused_by_name():
    first = Desk().start()
    first.turn(answer(first.long()))
    second = Desk(account=first.account, minds=("two",), code="second")
    second.now = first.now
    second.start()
    second.turn(answer(second.long(), second.short("ETH/USDT")))
    by_symbol = {item.symbol: item for item in second.items()}
    assert by_symbol["BTC/USDT"].refused_by == "owned"
    assert "the trader trader has BTC/USDT long there" in by_symbol["BTC/USDT"].reason
    assert by_symbol["ETH/USDT"].status == Item.Status.ORDERED


def test_a_persons_side_is_refused_too():
    desk = Desk().start()
    wish = Wish(symbol="BTC/USDT", direction=Direction.LONG, notional=Decimal(100))
    order_by_hand(account=desk.account, wish=wish, now=desk.now)
    desk.turn(answer(desk.long()))
    assert desk.items()[0].reason == "somebody else has BTC/USDT long there"


def test_a_limit_stands_as_far_as_it_may_slip():
    desk = Desk(style="limit", slippage_bps=10).start()
    desk.turn(answer(desk.short()))
    ticket = Ticket.objects.across_tenants().get()
    price = desk.price()
    assert price * Decimal("0.998") < ticket.price < price


def test_only_a_running_trader_is_due_and_only_at_its_time():
    desk = Desk()
    assert due(desk.now) == []
    assert desk.turn() is None
    desk.start()
    assert due(desk.now) == [desk.trader.pk]
    desk.turn()
    assert due(desk.now) == []
    assert desk.turn() is None
    desk.later(180)
    assert due(desk.now) == [desk.trader.pk]


def test_two_workers_never_have_one_trader_and_a_dead_ones_lease_runs_out():
    from apps.traders.services.leasing import claim

    desk = Desk().start()
    assert claim(trader_id=desk.trader.pk, now=desk.now)
    assert desk.turn(answer(desk.long())) is None
    desk.later(19)
    assert desk.turn() is None
    desk.later(2)
    assert desk.turn() is not None
    assert desk.fresh().status == Trader.Status.RUNNING


def test_the_shadow_trades_nothing_and_tells_what_it_would_have_had():
    from apps.traders.services import look

    desk = Desk(is_shadow=True).start()
    desk.turn(answer(desk.long()))
    assert not Ticket.objects.across_tenants().exists()
    shade = desk.trader.shades.get()
    books = books_of([desk.fresh()], now=desk.now)[desk.trader.pk]
    assert books.equity == 10_000 - shade.entry_fee + books.unrealised
    change(shade, target=shade.entry_price * Decimal("0.999"))
    look(now=desk.now)
    shade.refresh_from_db()
    assert (shade.closed_by, shade.exit_price) == ("target", shade.entry_price * Decimal("0.999"))
    (trade,) = closed_trades(desk.trader)
    assert trade.net == books_of([desk.trader], now=desk.now)[desk.trader.pk].realised
    assert desk.trader.samples.get().minute == 0
