"""Bad answers and broken ones through whole turns: nothing outside the limits, every one kept.

A share of them at each run; as many as one likes by `BAD_ANSWERS` and `BROKEN_ANSWERS`, and others
by `ANSWERS_SEED`.
"""

import os
from collections import Counter
from decimal import Decimal
from random import Random

import pytest
from django.core.management import call_command

from apps.orders.models import Ticket
from apps.traders.models import Decision, Item
from apps.traders.selectors import journal_of
from apps.traders.services.acting import as_decided
from apps.venues.models import Instrument
from engine.deciding.journal import read
from engine.deciding.record import Decided
from engine.money import round_to_tick
from tests.apps.traders.desk import Desk, answer
from tests.engine.deciding.bad_answers import bad_answers, fuzzed, outside
from tests.engine.deciding.cases import CLOSE, SHORT
from tests.factories import AccountFactory, InstrumentFactory, NodeFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
# Three of each kind, and a few hundredths of the whole.
BAD = int(os.environ.get("BAD_ANSWERS", "54"))
BROKEN = int(os.environ.get("BROKEN_ANSWERS", "60"))
SEED = int(os.environ.get("ANSWERS_SEED", "6"))
PRICES = {"BTC/USDT": Decimal(111_000), "ETH/USDT": Decimal(4_000), "SOL/USDT": Decimal(193)}
# A short that the answers close, or may not add to.
SOL = SHORT | {
    "symbol": "SOL/USDT",
    "position_size_usd": 1_930,
    "entry_price": 193,
    "stop_loss": 198,
    "take_profit": 170,
}


class SteadyDesk(Desk):
    """One at a real venue, whose prices stay as the answers were made for."""

    def __init__(self):
        account = VenueAccountFactory(node=NodeFactory(), venue="binance")
        owner = account.member.owner
        AccountFactory(tenant=account.tenant, owner=owner, credits=Decimal(1000))
        for symbol, price in PRICES.items():
            InstrumentFactory(venue="binance", symbol=symbol, last_price=price)
        super().__init__(
            account=account,
            failure_percent=100,
            limits={"max_size": 5_000, "cooldown_seconds": 600},
            patience={"failures": 100},
            interval_seconds=5,
        )
        self.later(0)

    def later(self, seconds):
        super().later(seconds)
        Instrument.objects.filter(venue="binance").update(priced_at=self.now)

    def hears(self, raw):
        """The turn of an answer, and of its repair."""
        self.later(5)
        self.said.clear()
        return self.turn(raw, raw)

    def hold_sol(self):
        self.start()
        self.hears(answer(SOL | {"risk_usd": 50}))
        self.fill(Ticket.objects.across_tenants().get(), price=PRICES["SOL/USDT"])

    def tickets(self):
        return Ticket.objects.across_tenants().filter(trader=self.trader)


def reasons_of(decision):
    """By what an answer, or each of its decisions, was refused."""
    told = [one["rule"] for one in decision.answers if one["rule"]]
    items = Item.objects.across_tenants().filter(decision=decision)
    return told or [name for name in items.values_list("refused_by", flat=True) if name]


@pytest.fixture
def desk():
    desk = SteadyDesk()
    desk.hold_sol()
    return desk


def test_bad_answers_place_nothing_and_each_is_kept_with_its_reason(desk):
    before = desk.tickets().count()
    for kind, raw in bad_answers(Random(SEED), BAD):
        decision = desk.hears(raw)
        assert decision is not None, kind
        assert reasons_of(decision), (kind, raw[:300])
    assert desk.tickets().count() == before
    print(f"{BAD} bad answers: no order")
    kept_and_replayed(desk, BAD + 1)


def test_of_an_endless_answer_the_journal_has_all_and_the_row_a_part(desk):
    raw = "\x01" * 1_000_000
    decision = desk.hears(raw)
    decision.refresh_from_db()
    assert [len(one["raw"]) for one in decision.answers] == [Decision.MOST_KEPT] * 2
    records = [entry.record for entry in read(journal_of(desk.trader))]
    (told,) = [one for one in records if isinstance(one, Decided)][1:]
    assert [heard.raw for heard in told.outcome.heard] == [raw, raw]


def test_broken_answers_never_lead_outside_the_limits(desk):
    opened, ends = 0, Counter()
    for raw in fuzzed(Random(SEED), BROKEN):
        decision = desk.hears(raw)
        is_read = decision.status == Decision.Status.DONE
        assert is_read or reasons_of(decision), raw
        ends["read" if is_read else reasons_of(decision)[-1]] += 1
        items = Item.objects.across_tenants().filter(decision=decision).select_related("ticket")
        for item in items:
            assert item.ticket or item.refused_by or item.status == Item.Status.HELD, raw
            if item.ticket is None or item.signal == CLOSE["signal"]:
                continue
            told = outside(
                as_decided(item),
                prices=PRICES,
                taken=set(decision.before["held"]),
                equity=decision.before["equity"],
                used=decision.before["margin_used"],
            )
            assert not told, raw
            assert item.ticket.quantity * PRICES[item.symbol] <= item.size
            assert (item.ticket.stop, item.ticket.target) == on_tick(item)
            opened += 1
        # As if the venue had taken none of it: the next one may open the same.
        desk.tickets().filter(status__in=Ticket.IN_FLIGHT).update(status=Ticket.Status.EXPIRED)
    assert opened > BROKEN // 100
    assert ends["read"] < BROKEN
    print(f"{BROKEN} broken answers: {opened} openings within the limits, {dict(ends)}")
    kept_and_replayed(desk, BROKEN + 1)


def on_tick(item):
    """Stop and target as the venue takes them."""
    tick = Instrument.objects.get(venue="binance", symbol=item.symbol).tick
    return round_to_tick(item.stop, tick), round_to_tick(item.target, tick)


def kept_and_replayed(desk, count):
    """One record and one row for each, and a replay comes to the same."""
    assert Decision.objects.across_tenants().filter(trader=desk.trader).count() == count
    records = [entry.record for entry in read(journal_of(desk.trader))]
    assert sum(isinstance(one, Decided) for one in records) == count
    call_command("trader", "replay", desk.trader.code)
