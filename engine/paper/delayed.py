"""Requests that take their time to reach the exchange, for whoever plays the time by hand.

What is sent at one moment arrives a latency later, at the prices of then, and
its sender learns of it only after that.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.paper.errors import Refused
from engine.paper.exchange import Exchange
from engine.paper.market import Prices
from engine.paper.orders import Ask, Order, Trigger, TriggerAsk


@dataclass(slots=True, eq=False)
class Sent:
    """A request on its way; once it has arrived, what came of it."""

    arrives_at_ms: int
    does: Callable[[], Order | Trigger]
    made: Order | Trigger | None = None
    refusal: Refused | None = None

    @property
    def has_arrived(self) -> bool:
        return self.made is not None or self.refusal is not None

    def arrive(self) -> None:
        try:
            self.made = self.does()
        except Refused as refusal:
            self.refusal = refusal


class DelayedExchange:
    def __init__(self, exchange: Exchange, latency_ms: int) -> None:
        self.exchange = exchange
        self.latency_ms = latency_ms
        self._on_the_way: deque[Sent] = deque()

    def tick(self, at_ms: int, prices: Prices) -> None:
        """Until this tick the old prices held: what arrives before it meets those."""
        while self._on_the_way and self._on_the_way[0].arrives_at_ms < at_ms:
            sent = self._on_the_way.popleft()
            self.exchange.tick(sent.arrives_at_ms, {})
            sent.arrive()
        self.exchange.tick(at_ms, prices)
        while self._on_the_way and self._on_the_way[0].arrives_at_ms <= at_ms:
            self._on_the_way.popleft().arrive()

    def place(self, account: str, ask: Ask) -> Sent:
        return self._send(lambda: self.exchange.place(account, ask))

    def cancel(self, account: str, number: int) -> Sent:
        return self._send(lambda: self.exchange.cancel(account, number))

    def arm(self, account: str, ask: TriggerAsk, also: TriggerAsk | None = None) -> Sent:
        return self._send(lambda: self.exchange.arm(account, ask, also))

    def disarm(self, account: str, number: int) -> Sent:
        return self._send(lambda: self.exchange.disarm(account, number))

    def _send(self, does: Callable[[], Order | Trigger]) -> Sent:
        sent = Sent(self.exchange.now_ms + self.latency_ms, does)
        self._on_the_way.append(sent)
        return sent
