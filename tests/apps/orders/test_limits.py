"""Whatever limit a person sets, a signal is planned against it: just within, and just beyond."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core.errors import Conflict
from apps.orders import services
from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.risk.services import set_rule
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from engine.limits import LIMITS
from engine.signal import Direction
from tests.apps.orders.desk import Desk
from tests.factories import CloseFactory, InstrumentFactory, PositionFactory, TicketFactory

pytestmark = pytest.mark.django_db
T = Ticket.Status
# The signals of the desk are worth 200 USDT: 0.004 at 50,000.
MONDAY = 0


def hold(desk, many):
    for number in range(many):
        PositionFactory(subscription=desk.subscriptions[0], symbol=f"S{number}/USDT")


def be_worth(desk, equity):
    VenueAccount.objects.across_tenants().update(equity=Decimal(equity), equity_at=desk.now)


def be_worth_nobody_knows_what(desk, _):
    VenueAccount.objects.across_tenants().update(equity=Decimal(10**6), equity_at=None)


def ask_for(desk, price):
    """A thousandth more of capital, so that as much is traded at a price a little higher."""
    Subscription.objects.across_tenants().update(capital=Decimal("1000.01"))
    Signal.objects.filter(pk=desk.signal.pk).update(price=Decimal(price))


def borrow(desk, leverage):
    Subscription.objects.across_tenants().update(leverage=leverage)


def open_ago(desk, spans):
    """Tickets that were done so long ago; and one that never was, which counts for nothing."""
    rows = Ticket.objects.across_tenants()
    for span in spans:
        ticket = TicketFactory(subscription=desk.subscriptions[0], status=T.DONE)
        rows.filter(pk=ticket.pk).update(created_at=desk.now - span)
    TicketFactory(subscription=desk.subscriptions[0], status=T.REFUSED)


def lose(desk, *profits):
    for profit in profits:
        position = PositionFactory(
            subscription=desk.subscriptions[0], status=Position.Status.CLOSED, open_key=None
        )
        CloseFactory(position=position, profit=Decimal(profit), fee=Decimal(1))


def lose_in_a_row(desk, told):
    """Positions with their results and how long ago each was closed."""
    for realized, minutes in told:
        PositionFactory(
            subscription=desk.subscriptions[0],
            status=Position.Status.CLOSED,
            open_key=None,
            realized=Decimal(realized),
            fees=Decimal(1),
            closed_at=desk.now - timedelta(minutes=minutes),
        )


def since_midnight(desk):
    return desk.now - desk.now.replace(hour=0, minute=0, second=0, microsecond=0)


def since_monday(desk):
    return since_midnight(desk) + timedelta(days=desk.now.weekday() - MONDAY)


MOMENT = timedelta(microseconds=1)
# The limit, its figures, what is just within, what is just beyond.
CASES = {
    "positions": (
        {"most": 2},
        lambda desk: hold(desk, 1),
        lambda desk: hold(desk, 2),
    ),
    "equity": (
        {"least_usdt": 500},
        lambda desk: be_worth(desk, "500"),
        lambda desk: be_worth(desk, "499.99999999"),
    ),
    "notional": (
        {"most_usdt": 200},
        lambda desk: ask_for(desk, "50000"),
        lambda desk: ask_for(desk, "50000.25"),
    ),
    "leverage": (
        {"most": 20},
        lambda desk: borrow(desk, 20),
        lambda desk: borrow(desk, 21),
    ),
    "day_trades": (
        {"most": 1},
        lambda desk: open_ago(desk, [since_midnight(desk) + MOMENT]),
        lambda desk: open_ago(desk, [since_midnight(desk)]),
    ),
    "week_trades": (
        {"most": 2},
        lambda desk: open_ago(desk, [since_monday(desk), since_monday(desk) + MOMENT]),
        lambda desk: open_ago(desk, [since_monday(desk), since_monday(desk) - MOMENT]),
    ),
    "day_loss": (
        {"most_usdt": 100},
        lambda desk: lose(desk, "-150", "52.00000001"),
        lambda desk: lose(desk, "-150", "52"),
    ),
    "losing_streak": (
        {"most": 3, "rest_minutes": 10},
        lambda desk: lose_in_a_row(desk, [("-9", 5), ("1", 4), ("0.5", 2), ("0", 1)]),
        lambda desk: lose_in_a_row(desk, [("-9", 9), ("0.5", 2), ("0", 1), ("5", 10)]),
    ),
    "pause": (
        {"least_seconds": 60},
        lambda desk: open_ago(desk, [timedelta(seconds=60)]),
        lambda desk: open_ago(desk, [timedelta(seconds=60) - MOMENT]),
    ),
    "allowed_symbols": (
        {"symbols": ["ETH/USDT", "BTC/USDT"]},
        lambda desk: None,
        lambda desk: Signal.objects.update(symbol="SOL/USDT"),
    ),
    "blocked_symbols": (
        {"symbols": ["SOL/USDT"]},
        lambda desk: None,
        lambda desk: Signal.objects.update(symbol="SOL/USDT"),
    ),
}


@pytest.fixture
def desk(hints):
    InstrumentFactory(symbol="SOL/USDT")
    # One place of the books is decided by `held` before any limit is asked.
    return Desk()


def refused(desk):
    desk.plan()
    rows = Ticket.objects.across_tenants().filter(signal=desk.signal)
    return [code for code, _, _ in (row.refused_because.partition(":") for row in rows)]


def test_every_limit_is_among_the_cases():
    assert set(CASES) == set(LIMITS)


@pytest.mark.parametrize("whose", ["platform", "tenant"])
@pytest.mark.parametrize("rule", CASES)
def test_a_signal_just_within_a_limit_is_sent(desk, rule, whose):
    figures, within, _beyond = CASES[rule]
    within(desk)
    tenant = desk.offered.tenant if whose == "tenant" else None
    set_rule(tenant=tenant, rule=rule, is_on=True, figures=figures)
    assert refused(desk) == [""]


@pytest.mark.parametrize("whose", ["platform", "tenant"])
@pytest.mark.parametrize("rule", CASES)
def test_a_signal_just_beyond_a_limit_is_refused_by_its_name(desk, rule, whose):
    figures, _within, beyond = CASES[rule]
    beyond(desk)
    tenant = desk.offered.tenant if whose == "tenant" else None
    set_rule(tenant=tenant, rule=rule, is_on=True, figures=figures)
    assert refused(desk) == [rule]


@pytest.mark.parametrize("rule", CASES)
def test_a_limit_that_is_off_refuses_nothing(desk, rule):
    figures, _within, beyond = CASES[rule]
    beyond(desk)
    set_rule(tenant=None, rule=rule, is_on=False, figures=figures)
    assert refused(desk) == [""]


def test_a_limit_of_another_tenant_is_not_ours(desk):
    globex = Tenant.objects.create(name="Globex")
    set_rule(tenant=globex, rule="leverage", is_on=True, figures={"most": 1})
    assert refused(desk) == [""]


def test_of_two_limits_both_hold(desk):
    set_rule(tenant=None, rule="leverage", is_on=True, figures={"most": 19})
    set_rule(tenant=desk.offered.tenant, rule="leverage", is_on=True, figures={"most": 100})
    assert refused(desk) == ["leverage"]


def test_without_anybodys_word_ten_positions_are_open_at_most(desk):
    hold(desk, 10)
    assert refused(desk) == ["positions"]


def test_an_account_of_which_nobody_knows_its_worth_is_refused(desk):
    be_worth_nobody_knows_what(desk, None)
    set_rule(tenant=None, rule="equity", is_on=True)
    assert refused(desk) == ["equity"]


def test_what_one_account_did_is_held_against_no_other(desk):
    open_ago(desk, [timedelta(seconds=1)])
    other = desk.follower()
    set_rule(tenant=None, rule="pause", is_on=True)
    assert desk.plan() == 1
    assert Ticket.objects.across_tenants().get(subscription=other).status == T.SENT


def test_limits_cost_as_many_queries_however_many_follow(hints, django_assert_max_num_queries):
    desk = Desk(followers=30)
    be_worth(desk, 1000)
    for rule, (figures, _within, _beyond) in CASES.items():
        if rule != "blocked_symbols":
            set_rule(tenant=None, rule=rule, is_on=True, figures=figures)
    with django_assert_max_num_queries(21):
        assert desk.plan() == 30


@pytest.mark.parametrize("rule", ["notional", "blocked_symbols", "day_trades"])
def test_what_a_person_asks_for_is_held_to_the_same_limits(desk, rule):
    figures = {
        "notional": {"most_usdt": 100},
        "blocked_symbols": {"symbols": ["BTC/USDT"]},
        "day_trades": {"most": 1},
    }[rule]
    account = desk.subscriptions[0].venue_account
    wish = services.Wish(
        symbol="BTC/USDT",
        direction=Direction.LONG,
        quantity=Decimal("0.002"),
        price=Decimal(50_000),
    )
    if rule != "notional":
        open_ago(desk, [timedelta(0)])
    set_rule(tenant=None, rule=rule, is_on=True, figures=figures)
    wish = replace(wish, quantity=Decimal("0.003")) if rule == "notional" else wish
    before = Ticket.objects.across_tenants().count()
    with pytest.raises(Conflict) as refusal:
        services.order_by_hand(account=account, wish=wish, now=desk.now)
    assert refusal.value.context["rule"] == rule
    assert Ticket.objects.across_tenants().count() == before


def test_what_is_held_is_closed_whatever_the_limits_say(desk):
    position = PositionFactory(subscription=desk.subscriptions[0])
    for rule, (figures, _within, beyond) in CASES.items():
        if rule not in ("allowed_symbols", "blocked_symbols"):
            beyond(desk)
        set_rule(tenant=None, rule=rule, is_on=True, figures=figures)
    set_rule(tenant=None, rule="blocked_symbols", figures={"symbols": ["BTC/USDT"]})
    assert services.close_position(position=position, now=desk.now).quantity == position.quantity
