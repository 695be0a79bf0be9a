"""A limit order book: best price first, and at one price whoever came first.

The book knows orders and prices only. Who may trade how much is asked of
`allowed` before every match, because a reduce-only order shrinks with the
position it reduces; what an order may no longer trade falls out of the book.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from engine.money import ZERO
from engine.paper.orders import Order
from engine.signal import Side

Allowed = Callable[[Order], Decimal]


@dataclass(frozen=True, slots=True)
class Match:
    """Taker and maker agree; a quantity of zero says that the maker is out of the book."""

    maker: Order
    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class Ladder:
    """One side of the book; `sign` turns prices so that the best is the smallest."""

    sign: int
    prices: list[Decimal] = field(default_factory=list)
    queues: dict[Decimal, deque[Order]] = field(default_factory=dict)

    def add(self, order: Order, price: Decimal) -> None:
        if price not in self.queues:
            insort(self.prices, price * self.sign)
            self.queues[price] = deque()
        self.queues[price].append(order)

    def remove(self, order: Order, price: Decimal) -> bool:
        """Whether it was there."""
        queue = self.queues.get(price)
        if queue is None or order not in queue:
            return False
        queue.remove(order)
        self._drop_if_empty(price)
        return True

    def first(self) -> Order | None:
        return self.queues[self.prices[0] * self.sign][0] if self.prices else None

    def best(self) -> Decimal | None:
        return self.prices[0] * self.sign if self.prices else None

    def orders(self) -> Iterator[Order]:
        """Best first."""
        for price in list(self.prices):
            yield from list(self.queues[price * self.sign])

    def _drop_if_empty(self, price: Decimal) -> None:
        if not self.queues[price]:
            del self.queues[price]
            del self.prices[bisect_left(self.prices, price * self.sign)]


class Book:
    def __init__(self) -> None:
        self.bids = Ladder(sign=-1)
        self.asks = Ladder(sign=1)
        # How many orders rest here that are not the house's.
        self.guests = 0

    def side(self, side: Side) -> Ladder:
        return self.bids if side is Side.BUY else self.asks

    def rest(self, order: Order) -> None:
        self.side(order.ask.side).add(order, price_of(order))
        self.guests += order.number != 0

    def remove(self, order: Order) -> None:
        price = order.ask.price
        if price is not None and self.side(order.ask.side).remove(order, price):
            self.guests -= order.number != 0

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether an order at this price would fill at once."""
        best = self.side(other(side)).best()
        return best is not None and is_within(side, best, price)

    def match(self, taker: Order, limit: Decimal, allowed: Allowed) -> Iterator[Match]:
        """What fills the taker now, one maker at a time; whoever iterates books each match."""
        ladder = self.side(other(taker.ask.side))
        while True:
            maker = ladder.first()
            if maker is None or not is_within(taker.ask.side, price_of(maker), limit):
                return
            wanted, offered = allowed(taker), allowed(maker)
            if not wanted:
                return
            # Nobody trades with themselves: the order that came first gives way.
            quantity = ZERO if maker.account == taker.account else min(wanted, offered)
            if quantity == ZERO or quantity == maker.left:
                self.remove(maker)
            yield Match(maker, price_of(maker), quantity)

    def sweep(self, taker: Order, limit: Decimal) -> tuple[Decimal, Decimal]:
        """How much of an order would fill now, and what that is worth."""
        side, quantity = taker.ask.side, taker.left
        filled = value = ZERO
        for maker in self.side(other(side)).orders():
            if filled == quantity or not is_within(side, price_of(maker), limit):
                break
            if maker.account == taker.account:
                continue
            taken = min(quantity - filled, maker.left)
            filled += taken
            value += taken * price_of(maker)
        return filled, value

    def depth(self, side: Side, levels: int) -> list[tuple[Decimal, Decimal]]:
        """(price, quantity) of the best levels."""
        ladder = self.side(side)
        best = [price * ladder.sign for price in ladder.prices[:levels]]
        return [
            (price, sum((order.left for order in ladder.queues[price]), ZERO)) for price in best
        ]

    def is_crossed(self) -> bool:
        bid, ask = self.bids.best(), self.asks.best()
        return bid is not None and ask is not None and bid >= ask


def other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def is_within(side: Side, price: Decimal, limit: Decimal) -> bool:
    """Whether a taker of this side may trade at `price`."""
    return price <= limit if side is Side.BUY else price >= limit


def price_of(order: Order) -> Decimal:
    """The price of a resting order, which always has one."""
    price = order.ask.price
    if price is None:
        raise AssertionError("a market order never rests")
    return price
