"""At a real venue: prices are asked for before a decision and before its order, and waited for."""

from decimal import Decimal

import pytest

from apps.orders.models import Ticket
from apps.orders.services import record_state
from apps.traders import services
from engine.envelope import sign
from engine.messages import AccountState, Described, Money
from tests.apps.traders.desk import answer
from tests.apps.traders.test_bad_answers import PRICES, SteadyDesk
from tests.engine.deciding.cases import LONG

pytestmark = pytest.mark.django_db


class DistantDesk(SteadyDesk):
    """Its node answers while it is waited for, or does not."""

    answers, interest = True, "2500"

    def __init__(self, **limits):
        super().__init__()
        self.waited = 0
        told = {"max_size": 5_000, **limits}
        services.change_trader(trader=self.trader, limits=told, now=self.now)
        self.start()

    def later(self, seconds):
        super(SteadyDesk, self).later(seconds)

    def turn(self, *said):
        self.said += said
        return services.take_turn(
            trader_id=self.trader.pk, clock=lambda: self.now, post=self.think, sleep=self.sleep
        )

    def think(self, url, **told):
        self.later(19)
        return self.post(url, **told)

    def sleep(self, seconds):
        self.waited += 1
        if self.answers and self.waited % 4 == 3:
            self.tell()
        self.later(seconds)

    def tell(self):
        self.account.refresh_from_db()
        instruments = [
            Described(
                symbol=symbol,
                tick="0.1",
                step="0.001",
                min_quantity="0.001",
                min_notional="5",
                price=str(price),
                open_interest=self.interest,
                funding="0.0001",
            )
            for symbol, price in PRICES.items()
        ]
        state = AccountState(
            account=str(self.account.pk),
            asked_at_ms=int(self.account.asked_at.timestamp() * 1000),
            money=Money(total="1000", free="1000", unrealised="0"),
            instruments=instruments,
        )
        keys = {"sender": self.node.code, "receiver": "centre", "key": self.node.sign_private}
        record_state(envelope=sign(state, **keys), now=self.now)


def test_prices_are_asked_for_before_it_decides_and_again_before_it_orders(hints):
    desk = DistantDesk(stale_seconds=10.0)
    desk.later(60)
    decision = desk.turn(answer(LONG))
    assert [item.status for item in desk.items(decision)] == ["ordered"]
    assert '"funding":0.0001' in decision.user
    assert '"open_interest":2500' in decision.user
    assert [name for name, _told in hints].count("node.read_state") == 2


def test_who_waits_in_vain_decides_nothing():
    desk = DistantDesk(stale_seconds=10.0)
    desk.answers = False
    desk.later(60)
    assert desk.turn(answer(LONG)) is None
    assert desk.fresh().skipped_because == "no price of BTC/USDT is known"
    assert desk.waited == 32
    assert desk.asked == []


def test_a_price_that_grew_old_while_the_model_thought_opens_nothing():
    desk = DistantDesk(stale_seconds=10.0)
    desk.later(60)
    think = desk.think

    def and_then_silence(url, **told):
        desk.answers = False
        return think(url, **told)

    desk.think = and_then_silence
    decision = desk.turn(answer(LONG))
    assert [item.refused_by for item in desk.items(decision)] == ["stale"]
    assert not Ticket.objects.across_tenants().exists()


@pytest.mark.parametrize(("interest", "refused"), [("2500", ""), ("2499", "liquidity")])
def test_a_limit_of_depth_works_where_the_venue_tells_it(interest, refused):
    desk = DistantDesk(least_depth=10_000_000.0)
    desk.interest = interest
    desk.later(60)
    decision = desk.turn(answer(LONG))
    assert desk.items(decision)[0].refused_by == refused
    assert Decimal(interest) * PRICES["ETH/USDT"] >= 10_000_000 or refused
