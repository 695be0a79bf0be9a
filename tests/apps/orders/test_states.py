"""Accounts read back: asked for in turn, answered by their node only, held against the books."""

import base64
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.orders import services
from apps.orders.models import Order, Ticket
from apps.positions.models import Close, Position
from apps.signals.models import Signal
from apps.tenants.services import set_policy
from apps.venues.models import EquitySnapshot, Instrument, Payment, VenueAccount
from apps.venues.services import accept_key, bind_account, clear_drift
from engine.envelope import sign
from engine.errors import MessageRefused
from engine.messages import (
    ROWS_PER_STATE,
    AccountFill,
    AccountState,
    Described,
    Fill,
    Held,
    Money,
    Paid,
    PaymentKind,
    Rights,
    StateAsk,
)
from engine.order import OrderStatus
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.at_once import at_once
from tests.factories import InstrumentFactory, NodeFactory, PositionFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
SYMBOL = "BTC/USDT"


class Reader:
    """One account at a real venue, its desk, and what its node says of it."""

    def __init__(self, **account):
        self.desk = Desk()
        # The desk's own account is unbound: nobody asks for it.
        VenueAccount.objects.across_tenants().update(key_hint="")
        InstrumentFactory(venue="okx")
        self.subscription = self.desk.follower(venue="okx", **account)
        self.account = self.subscription.venue_account

    @property
    def now(self):
        return self.desk.now

    def later(self, **span):
        self.desk.now += timedelta(**span)

    def begin_an_hour(self):
        """So that none of the readings that follow, a minute apart, falls into another one."""
        self.desk.now = self.now.replace(minute=0, second=0) + timedelta(hours=1)

    def ask(self):
        self.later(seconds=61)
        self.desk.node.__class__.objects.update(last_heartbeat_at=self.now)
        return services.ask_states(now=self.now)

    def state(self, **changes):
        self.account.refresh_from_db()
        told = {
            "account": str(self.account.pk),
            "asked_at_ms": int(self.account.asked_at.timestamp() * 1000),
            "money": Money(total="1000", free="900", unrealised="5.5"),
        }
        return AccountState(**told | changes)

    def hear(self, state=None, *, node=None, **changes):
        state = state or self.state(**changes)
        node = node or self.desk.node
        envelope = sign(state, sender=node.code, receiver="centre", key=node.sign_private)
        services.record_state(envelope=envelope, now=self.now)
        self.account.refresh_from_db()
        return self.account

    def read(self, **changes):
        self.ask()
        return self.hear(**changes)

    def trade(self):
        """Open a position through a signal; its one order."""
        self.desk.plan_and_send(self.desk.new_signal())
        order = Order.objects.across_tenants().get(venue_account=self.account)
        self.desk.hear(report(order))
        self.later(seconds=1)
        order.refresh_from_db()
        return order


@pytest.fixture
def reader(hints):
    return Reader()


@pytest.fixture
def unchecked(hints):
    """Its keys were bound a moment ago."""
    return Reader(checked_at=None)


def held(quantity, direction="long", symbol=SYMBOL):
    return Held(symbol=symbol, direction=direction, quantity=str(quantity), entry_price="50000")


def asks(hints):
    return hints.named("node.read_state")


# --- asking


def test_an_account_is_asked_for_when_its_turn_comes(reader, hints):
    assert services.ask_states(now=reader.now) == 1
    assert services.ask_states(now=reader.now) == 0
    assert len(asks(hints)) == 1
    assert reader.ask() == 1
    assert len(asks(hints)) == 2


def test_accounts_that_no_node_can_read_are_not_asked_for(hints):
    reader = Reader(key_hint="")
    VenueAccountFactory(venue="okx", node=NodeFactory(last_heartbeat_at=None))
    assert services.ask_states(now=reader.now) == 0
    assert asks(hints) == []


def test_an_account_is_asked_for_out_of_its_turn(reader, hints):
    services.ask_states(now=reader.now)
    services.ask_states(now=reader.now, account_ids=[reader.account.pk])
    assert len(asks(hints)) == 2


def asked_last(hints):
    """The last ask, as its node reads it."""
    payload = asks(hints)[-1]["envelope"].partition(".")[0]
    body = msgspec.json.decode(base64.b64decode(payload))["body"]
    return msgspec.json.decode(body, type=StateAsk)


def test_an_ask_names_what_is_traded_and_from_when_on(unchecked, hints):
    unchecked.ask()
    first = asked_last(hints)
    assert first.with_rights
    assert [row.symbol for row in first.fills] == [SYMBOL]
    day = timedelta(days=1) + timedelta(minutes=10)
    assert first.fills[0].since_ms == int((unchecked.now - day).timestamp() * 1000)
    assert unchecked.account.credentials not in first.sealed_credentials
    instrument = Described(
        symbol=SYMBOL, tick="0.1", step="0.001", min_quantity="0.001", min_notional="5"
    )
    unchecked.hear(instruments=[instrument], rights=Rights(can_trade=True, can_withdraw=False))
    read_at = unchecked.now
    unchecked.ask()
    again = asked_last(hints)
    assert not again.with_rights
    overlapping = int((read_at - timedelta(minutes=10)).timestamp() * 1000)
    assert again.fills[0].since_ms == again.payments_since_ms == overlapping


@pytest.mark.django_db(transaction=True)
@pytest.mark.mariadb
def test_two_that_ask_at_once_ask_once(hints):
    reader = Reader()
    told = at_once(2, lambda: services.ask_states(now=reader.now))
    assert sum(told) == 1


# --- what is written down


def test_an_answer_says_what_the_account_is_worth(reader):
    account = reader.read()
    assert (account.equity, account.balance) == (Decimal("1005.5"), Decimal(1000))
    assert account.asked_at - account.read_at < timedelta(milliseconds=1)
    assert account.read_error == ""
    snapshot = EquitySnapshot.objects.of(account.tenant).get()
    assert (snapshot.equity, snapshot.free) == (Decimal("1005.5"), Decimal(900))


def test_one_snapshot_an_hour(reader):
    for _ in range(3):
        reader.read()
    first = EquitySnapshot.objects.of(reader.account.tenant).count()
    reader.later(hours=1)
    reader.read()
    assert EquitySnapshot.objects.of(reader.account.tenant).count() == first + 1


def test_the_same_answer_twice_and_an_older_one_change_nothing(reader):
    reader.ask()
    old = reader.state(money=Money(total="1", free="1", unrealised="0"))
    reader.ask()
    new = reader.state()
    for state in (new, new, old):
        reader.hear(state)
        assert reader.account.balance == Decimal(1000)


def test_a_venue_that_could_not_be_read_says_nothing(reader):
    reader.read(holdings=[held(2)])
    account = reader.read(error="rate limit", money=None, holdings=[])
    assert account.read_error == "rate limit"
    assert (account.balance, bool(account.drift)) == (Decimal(1000), True)
    assert reader.read().read_error == ""


def test_payments_count_once_and_are_told_from_profit(reader):
    paid = [
        Paid(venue_payment_id="d1", kind=PaymentKind.DEPOSIT, amount="500", paid_at_ms=1),
        Paid(venue_payment_id="f1", kind=PaymentKind.FUNDING, amount="-0.25", paid_at_ms=2),
    ]
    reader.read(payments=paid)
    reader.read(payments=paid)
    rows = Payment.objects.of(reader.account.tenant).order_by("paid_at")
    assert [(row.kind, row.amount) for row in rows] == [
        ("deposit", Decimal(500)),
        ("funding", Decimal("-0.25")),
    ]


def funding(amount, at, name="f", symbol=SYMBOL):
    return Paid(
        venue_payment_id=name,
        kind=PaymentKind.FUNDING,
        symbol=symbol,
        amount=amount,
        paid_at_ms=int(at.timestamp() * 1000),
    )


def test_funding_is_the_position_s_and_only_a_net_basis_knows_it(reader):
    order = reader.trade()
    position = Position.objects.across_tenants().get(venue_account=reader.account)
    now = position.created_at
    paid = [
        funding("-0.3", now, "one"),
        funding("0.1", now + timedelta(hours=8), "two"),
        funding("-9", now - timedelta(hours=1), "before it was held"),
        funding("-9", now, "of another", "ETH/USDT"),
    ]
    reader.later(hours=9)
    for _ in range(2):
        reader.read(payments=paid, holdings=[held(order.filled)])
    position.refresh_from_db()
    assert (position.funding, position.funding_left) == (Decimal("-0.2"), Decimal("-0.2"))
    assert position.realized == 0
    reader.desk.plan_and_send(reader.desk.new_signal(action=Action.CLOSE))
    closing = Order.objects.across_tenants().get(venue_account=reader.account, side="sell")
    half = [fill(closing, quantity=closing.quantity / 2, price="51000", name=name) for name in "ab"]
    reader.desk.hear(report(closing, OrderStatus.OPEN, fills=half[:1]))
    reader.desk.hear(report(closing, fills=half))
    closes = Close.objects.across_tenants().filter(position=position)
    assert [close.funding for close in closes] == [Decimal("-0.1")] * 2
    assert closes[0].net == closes[0].profit - closes[0].fee - closes[0].entry_fee - Decimal("0.1")
    # Told after the last close it is the position's, and in no charge.
    reader.read(payments=[funding("-0.05", now + timedelta(hours=8), "late")])
    position.refresh_from_db()
    assert (position.funding, position.funding_left) == (Decimal("-0.25"), 0)


def test_funding_of_two_directions_at_once_is_nobody_s(reader):
    for direction in ("long", "short"):
        PositionFactory(
            venue_account=reader.account,
            tenant=reader.account.tenant,
            subscription=reader.subscription,
            symbol=SYMBOL,
            direction=direction,
            quantity=Decimal(1),
        )
    reader.read(payments=[funding("-0.3", reader.now)])
    assert {row.funding for row in Position.objects.across_tenants().all()} == {0}
    assert Payment.objects.across_tenants().get().symbol == SYMBOL


def test_what_was_brought_is_told_from_what_was_earned(reader):
    def money(total):
        return Money(total=total, free=total, unrealised="0")

    def moved(kind, amount, name):
        at_ms = int(reader.now.timestamp() * 1000)
        return Paid(venue_payment_id=name, kind=kind, amount=amount, paid_at_ms=at_ms)

    reader.begin_an_hour()
    reader.read(money=money("1000"), payments=[moved(PaymentKind.DEPOSIT, "1000", "d")])
    reader.later(hours=1)
    taken = [
        moved(PaymentKind.WITHDRAWAL, "-300", "w"),
        moved(PaymentKind.TRANSFER, "50", "t"),
        funding("-1", reader.now),
    ]
    for _ in range(2):
        reader.read(money=money("760"), payments=taken)
    first, second = EquitySnapshot.objects.across_tenants().order_by("hour")
    assert (first.deposited, second.deposited) == (Decimal(1000), Decimal(750))
    earned = (second.equity - second.deposited) - (first.equity - first.deposited)
    assert earned == 10
    assert reader.account.deposited == 750


def test_a_deposit_that_is_told_late_was_no_profit_of_the_hours_before(reader):
    """The curve of what was earned is the same as if it had been told at once."""

    def money(total):
        return Money(total=total, free=total, unrealised="0")

    def after(moment):
        return int(moment.timestamp() * 1000) + 60_000

    reader.begin_an_hour()
    totals = ["1000", "1010", "1510", "1520", "1320"]
    moments = []
    for total in totals:
        reader.later(hours=1)
        reader.read(money=money(total))
        moments.append(reader.account.read_at)
    told = [
        Paid(
            venue_payment_id="d",
            kind=PaymentKind.DEPOSIT,
            amount="500",
            paid_at_ms=after(moments[1]),
        ),
        Paid(
            venue_payment_id="w",
            kind=PaymentKind.WITHDRAWAL,
            amount="-200",
            paid_at_ms=after(moments[3]),
        ),
    ]
    for _ in range(2):
        reader.read(money=money("1320"), payments=told)
    curve = [row.equity - row.deposited for row in snapshots_of(reader)]
    assert [row.deposited for row in snapshots_of(reader)] == [0, 0, 500, 500, 300]
    assert curve == [1000, 1010, 1010, 1020, 1020]
    assert reader.account.deposited == 300


def snapshots_of(reader):
    rows = EquitySnapshot.objects.across_tenants().filter(venue_account=reader.account)
    return list(rows.order_by("hour"))


def test_instruments_are_as_the_venue_tells_them(reader):
    told = Described(
        symbol="ETH/USDT", tick="0.01", step="0.01", min_quantity="0.01", min_notional="0"
    )
    reader.read(instruments=[told])
    assert Instrument.objects.get(venue="okx", symbol="ETH/USDT").step == Decimal("0.01")


STRANGERS = [
    ("an account nobody knows", {"account": "999999"}, "nobody knows"),
    ("no account at all", {"account": "alice"}, "nobody knows"),
    ("an answer before the question", {"asked_at_ms": 1 << 50}, "nobody asked"),
]


@pytest.mark.parametrize(("case", "changes", "reason"), STRANGERS)
def test_what_nobody_asked_for_is_refused(reader, case, changes, reason):
    reader.ask()
    with pytest.raises(MessageRefused, match=reason):
        reader.hear(**changes)
    assert reader.account.read_at is None
    assert not EquitySnapshot.objects.of(reader.account.tenant).exists()


UNSOUND = [
    ("more than anybody has", {"money": Money(total="9" * 18, free="0", unrealised="0")}),
    ("a loss of all the world", {"money": Money(total="0", free="0", unrealised="-" + "9" * 18)}),
    (
        "a payment of another age",
        {"payments": [Paid(venue_payment_id="1", kind="deposit", amount="1", paid_at_ms=1 << 53)]},
    ),
]


@pytest.mark.parametrize(("case", "changes"), UNSOUND)
def test_what_no_venue_says_is_refused_whole(reader, case, changes):
    reader.ask()
    with pytest.raises(MessageRefused):
        reader.hear(**{"holdings": [held(1)], **changes})
    reader.account.refresh_from_db()
    assert (reader.account.read_at, reader.account.drift) == (None, {})
    assert not Payment.objects.of(reader.account.tenant).exists()


def test_a_fill_of_a_symbol_that_nobody_asked_for_stops_nothing(reader):
    order = reader.trade()
    strange = account_fill(order, symbol="XYZ/USDT")
    strange = msgspec.structs.replace(
        strange, fill=msgspec.structs.replace(strange.fill, filled_at_ms=1)
    )
    assert reader.read(holdings=[held(order.filled)], fills=[strange]).read_error == ""


def test_another_node_s_answer_is_refused(reader):
    reader.ask()
    with pytest.raises(MessageRefused, match="not in this node's hands"):
        reader.hear(node=NodeFactory(), holdings=[held(5)])
    reader.account.refresh_from_db()
    assert (reader.account.read_at, reader.account.drift) == (None, {})


# --- drift


def test_books_and_venue_that_agree_do_not_drift(reader):
    order = reader.trade()
    account = reader.read(holdings=[held(order.filled)])
    assert (account.drift, account.is_drifting) == ({}, False)


def test_what_the_books_do_not_know_is_shown_and_stops_the_account_from_opening(reader):
    account = reader.read(holdings=[held("0.5", "short")])
    assert account.drift == {"BTC/USDT short": ["0.5", "0"]}
    assert account.is_drifting
    signal = reader.desk.new_signal()
    Signal.objects.update(created_at=reader.now)
    reader.desk.plan(signal)
    ticket = Ticket.objects.across_tenants().get(signal=signal, venue_account=account)
    assert (ticket.status, ticket.refused_because[:5]) == (Ticket.Status.REFUSED, "drift")
    # Nothing was done about it at the venue.
    assert not Order.objects.across_tenants().filter(venue_account=account).exists()
    assert AuditEntry.objects.filter(action="venue_account.drifted").count() == 1


def test_a_drifting_account_may_close(reader):
    order = reader.trade()
    account = reader.read(holdings=[held(order.filled), held(1, symbol="ETH/USDT")])
    assert account.is_drifting
    signal = reader.desk.new_signal(action=Action.CLOSE)
    reader.desk.plan(signal)
    ticket = Ticket.objects.across_tenants().get(signal=signal, venue_account=account)
    assert ticket.status == Ticket.Status.SENT


def test_a_drift_that_is_gone_stops_nothing(reader):
    reader.read(holdings=[held(1)])
    account = reader.read()
    assert (account.drift, account.is_drifting) == ({}, False)


def test_a_person_clears_a_drift_and_another_one_stops_the_account_anew(reader):
    account = reader.read(holdings=[held(1)])
    clear_drift(account=account)
    assert not account.is_drifting
    with pytest.raises(Conflict):
        clear_drift(account=account)
    assert not reader.read(holdings=[held(1)]).is_drifting
    assert reader.read(holdings=[held(2)]).is_drifting
    clear_drift(account=reader.account)
    # Gone and come back, it is another one.
    reader.read()
    assert reader.read(holdings=[held(2)]).is_drifting


def test_a_symbol_with_an_order_under_way_is_not_judged(reader):
    reader.desk.plan_and_send(reader.desk.new_signal())
    account = reader.read(holdings=[held("0.004"), held(1, symbol="ETH/USDT")])
    assert set(account.drift) == {"ETH/USDT long"}
    order = Order.objects.across_tenants().get(venue_account=account)
    reader.ask()
    # The fill is told between the question and its answer.
    reader.desk.hear(report(order))
    assert "BTC/USDT long" not in reader.hear().drift
    reader.later(seconds=1)
    assert reader.read(holdings=[held("0.004")]).drift == {}


def test_a_venue_with_one_position_a_symbol_is_compared_by_what_is_left(hints):
    reader = Reader()
    VenueAccount.objects.across_tenants().filter(pk=reader.account.pk).update(venue="hyperliquid")
    for direction, quantity in (("long", 3), ("short", 1)):
        PositionFactory(
            venue_account=reader.account,
            tenant=reader.account.tenant,
            subscription=reader.subscription,
            symbol=SYMBOL,
            direction=direction,
            quantity=Decimal(quantity),
        )
    assert not reader.read(holdings=[held(2)]).is_drifting
    assert reader.read(holdings=[held(3)]).drift == {"BTC/USDT long": ["3", "2"]}


# --- fills that nobody reported


def account_fill(order, name="late", **changes):
    told = {
        "symbol": order.symbol,
        "client_order_id": order.client_order_id,
        "venue_order_id": "",
        "side": order.side,
        "fill": msgspec.structs.replace(fill(order, quantity="0.001", name=name), filled_at_ms=1),
    }
    return AccountFill(**told | changes)


def test_a_fill_that_nobody_reported_has_its_order_looked_up(reader, hints):
    order = reader.trade()
    before = len(hints.named("node.execute"))
    reader.read(holdings=[held(order.filled)], fills=[account_fill(order)])
    assert len(hints.named("node.execute")) == before + 1
    # Until it is known, it is asked for again.
    assert reader.account.cursors[SYMBOL] == 1
    known = account_fill(order, fill=msgspec.structs.replace(fill(order), filled_at_ms=2))
    strange = account_fill(order, client_order_id="web_1", venue_order_id="v77", name="other")
    reader.read(holdings=[held(order.filled)], fills=[known, strange])
    assert len(hints.named("node.execute")) == before + 1


# --- cursors


class Window:
    """What a venue has, told a window at a time as a node would."""

    def __init__(self, reader, hints, moments):
        self.reader, self.hints = reader, hints
        order = reader.trade()
        self.fills = [
            account_fill(
                order,
                client_order_id="web",
                fill=msgspec.structs.replace(fill(order, name=f"w{n}"), filled_at_ms=at),
            )
            for n, at in enumerate(moments)
        ]
        self.seen = []

    def read(self):
        """One reading; whether it was cut."""
        self.reader.ask()
        ask = asked_last(self.hints)
        since = {row.symbol: row.since_ms for row in ask.fills}[SYMBOL]
        found = [row for row in self.fills if row.fill.filled_at_ms >= since]
        self.seen += [row.fill.venue_fill_id for row in found[:ROWS_PER_STATE]]
        instrument = Described(
            symbol=SYMBOL, tick="0.1", step="0.001", min_quantity="0.001", min_notional="5"
        )
        is_cut = len(found) > ROWS_PER_STATE
        self.reader.hear(
            fills=found[:ROWS_PER_STATE], instruments=[instrument], is_cut=is_cut, holdings=[]
        )
        return is_cut


def in_milliseconds(at):
    return int(at.timestamp() * 1000)


def test_more_than_one_answer_holds_is_read_to_its_end(reader, hints):
    began = in_milliseconds(reader.now)
    window = Window(reader, hints, [began + n for n in range(3 * ROWS_PER_STATE)])
    reader.later(minutes=30)
    readings = 1
    while window.read():
        readings += 1
    assert readings <= 4
    assert set(window.seen) == {row.fill.venue_fill_id for row in window.fills}


def test_more_of_one_moment_than_one_answer_holds_stops_nothing(reader, hints):
    began = in_milliseconds(reader.now)
    moments = [began] * (2 * ROWS_PER_STATE) + [began + 1, began + 5]
    window = Window(reader, hints, moments)
    reader.later(minutes=30)
    for _ in range(4):
        window.read()
    assert window.fills[-1].fill.venue_fill_id in window.seen
    assert not window.read()


@pytest.mark.parametrize("off_seconds", [-60, 0, 60])
def test_a_fill_on_the_cursor_is_told_again_whatever_the_venue_s_clock_says(
    reader, hints, off_seconds
):
    window = Window(reader, hints, [])
    window.read()
    on_the_cursor = reader.account.cursors[SYMBOL]
    window.fills = [
        account_fill(
            Order.objects.across_tenants().get(venue_account=reader.account),
            client_order_id="web",
            fill=Fill(
                venue_fill_id="on-the-cursor",
                quantity="0.001",
                price="50000",
                fee="0",
                filled_at_ms=on_the_cursor + off_seconds * 1000,
            ),
        )
    ]
    for _ in range(3):
        window.read()
    assert window.seen == ["on-the-cursor"] * 3
    # Until it is known for certain that nothing of that time is missing.
    for _ in range(12):
        window.read()
    assert len(window.seen) < 15


# --- keys


@pytest.mark.parametrize("account", [999_999, -1, 10**30])
def test_a_hint_of_an_account_that_nobody_knows_is_refused(unchecked, hints, account):
    hints.clear()
    with pytest.raises(MessageRefused, match="an account nobody knows"):
        services.ask_state(account_id=account, now=unchecked.now)
    assert not hints.named("node.read_state")
    services.ask_state(account_id=unchecked.account.pk, now=unchecked.now)
    assert len(hints.named("node.read_state")) == 1


def test_binding_asks_the_node_what_the_key_may(unchecked, hints):
    member = unchecked.account.member
    unchecked.read(rights=Rights(can_trade=True, can_withdraw=True, is_hedged=True))
    assert (unchecked.account.can_trade, unchecked.account.can_withdraw) == (True, True)
    assert unchecked.account.checked_at == unchecked.now
    unchecked.ask()
    old = unchecked.state(rights=Rights(can_trade=True, can_withdraw=True))
    keys = {"api_key": "another-key", "api_secret": "s", "passphrase": "p"}
    bind_account(member=member, venue="okx", label=unchecked.account.label, **keys)
    assert hints.named("orders.ask_state") == [{"account_id": unchecked.account.pk}]
    unchecked.account.refresh_from_db()
    assert (unchecked.account.can_trade, unchecked.account.checked_at) == (None, None)
    # What the old keys could is no answer.
    unchecked.later(minutes=10)
    unchecked.ask()
    VenueAccount.objects.across_tenants().filter(pk=unchecked.account.pk).update(
        bound_at=unchecked.now - timedelta(seconds=1)
    )
    unchecked.hear(old)
    assert unchecked.account.checked_at is None
    account = unchecked.hear(rights=Rights(can_trade=True, can_withdraw=False))
    assert (account.can_withdraw, account.is_hedged) == (False, None)


def test_a_key_that_could_not_be_checked_says_why(unchecked):
    account = unchecked.read(rights=Rights(error="no such path"))
    assert (account.can_trade, account.check_error) == (None, "no such path")
    assert account.key_refusal == "the key is unchecked: no such path"
    # It is asked until it answers; what was known then outlives an error.
    account = unchecked.read(rights=Rights(can_trade=True))
    assert (account.key_refusal, account.check_error) == ("", "")
    account = unchecked.read(rights=Rights(error="busy"))
    assert (account.key_refusal, account.check_error) == ("", "busy")


KEYS = {
    "trades, and does not withdraw": (Rights(can_trade=True, can_withdraw=False), ""),
    "nothing told": (Rights(), ""),
    "cannot trade": (Rights(can_trade=False), "key: the key cannot trade"),
    "withdraws": (
        Rights(can_trade=True, can_withdraw=True),
        "key: the key can withdraw, and nobody has accepted that",
    ),
}


@pytest.mark.parametrize(("rights", "refusal"), KEYS.values(), ids=KEYS)
def test_an_account_opens_only_with_a_key_that_fits(unchecked, rights, refusal):
    def planned():
        services.plan(signal_id=unchecked.desk.new_signal().pk, now=timezone.now())
        return Ticket.objects.across_tenants().filter(venue_account=unchecked.account).first()

    assert planned().refused_because.startswith("key: the key is unchecked")
    unchecked.read(rights=rights)
    assert planned().refused_because == refusal


@pytest.mark.parametrize(
    ("rule", "before", "accepted"),
    [
        ("refuse", "key: the key can withdraw, and the tenant takes no such key", None),
        ("ask", "key: the key can withdraw, and nobody has accepted that", ""),
        ("allow", "", ""),
    ],
)
def test_what_becomes_of_a_key_that_can_withdraw_is_the_tenants_rule(
    unchecked, rule, before, accepted
):
    def refusal():
        signal = unchecked.desk.new_signal()
        services.plan(signal_id=signal.pk, now=timezone.now())
        ticket = Ticket.objects.across_tenants().get(signal=signal, venue_account=account)
        told = ticket.refused_because
        Ticket.objects.across_tenants().filter(pk=ticket.pk).update(status="expired")
        return told

    account = unchecked.read(rights=Rights(can_trade=True, can_withdraw=True))
    set_policy(tenant=account.tenant, withdrawing_keys=rule)
    # The page of the account says what planning says.
    assert f"key: {account.key_refusal}" == (before or "key: ")
    assert refusal() == before
    if accepted is None:
        with pytest.raises(Conflict, match="takes no key"):
            accept_key(account=account)
        assert VenueAccount.objects.across_tenants().get(pk=account.pk).key_accepted_at is None
    else:
        accept_key(account=account)
        assert refusal() == accepted


def test_a_key_that_can_withdraw_is_accepted_by_a_person_until_it_is_another(unchecked):
    with pytest.raises(Conflict, match="not known to be able to withdraw"):
        accept_key(account=unchecked.account)
    account = unchecked.read(rights=Rights(can_trade=True, can_withdraw=True))
    accept_key(account=account)
    assert account.key_refusal == ""
    assert AuditEntry.objects.filter(action="venue_account.key_accepted").count() == 1
    with pytest.raises(Conflict):
        accept_key(account=account)
    keys = {"api_key": "another-key", "api_secret": "s", "passphrase": "p"}
    again = bind_account(member=account.member, venue="okx", label=account.label, **keys)
    assert again.key_refusal.startswith("the key is unchecked")
