"""What is sent arrives a latency later, at the prices of then."""

from decimal import Decimal

import pytest

from engine.paper.delayed import DelayedExchange
from engine.paper.errors import Reason
from tests.engine.paper.floors import BTC, ask, floor, opened


@pytest.fixture
def exchange():
    made = floor()
    opened(made)
    return made


def test_an_order_meets_the_prices_of_its_arrival(exchange):
    delayed = DelayedExchange(exchange, latency_ms=100)
    start = exchange.now_ms
    sent = delayed.place("alice", ask("buy", "0.01"))
    delayed.tick(start + 50, {BTC: Decimal(61_000)})
    assert not sent.has_arrived
    delayed.tick(start + 200, {BTC: Decimal(62_000)})
    assert sent.made.average == Decimal("61006.1")
    assert sent.made.placed_at_ms == start + 100


def test_a_cancel_may_come_too_late(exchange):
    delayed = DelayedExchange(exchange, latency_ms=100)
    start = exchange.now_ms
    order = exchange.place("alice", ask("buy", "0.01", 59_000))
    sent = delayed.cancel("alice", order.number)
    delayed.tick(start + 50, {BTC: Decimal(58_000)})
    delayed.tick(start + 100, {BTC: Decimal(58_000)})
    assert sent.refusal.reason is Reason.NOT_OPEN
    assert order.filled == Decimal("0.01")
