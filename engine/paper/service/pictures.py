"""The book of each symbol as the service tells it: numbered, so that changes can be told.

Whoever tells a book takes its picture here. A picture that differs from the one before has a
higher number, and which prices changed is remembered: a client that has a picture, and every
change after it, has the newest one.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from engine.paper.book import Book
from engine.signal import Side

LEVELS = 500
# So many changes are remembered: a client that slept for longer has to begin anew.
REMEMBERED = 2_000

Sizes = dict[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Picture:
    """Sizes by price, best first."""

    number: int
    at_ms: int
    bids: Sizes
    asks: Sizes

    def side(self, side: Side) -> Sizes:
        return self.bids if side is Side.BUY else self.asks

    def best(self, side: Side, levels: int) -> list[tuple[Decimal, Decimal]]:
        return list(self.side(side).items())[:levels]


@dataclass(frozen=True, slots=True)
class Change:
    """Which prices are told otherwise since the picture of the number before."""

    before: int
    number: int
    prices: dict[Side, set[Decimal]]


@dataclass(slots=True)
class Album:
    """The pictures of one symbol: the newest one, and what changed lately."""

    last: Picture = field(default_factory=lambda: Picture(0, 0, {}, {}))
    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def take(self, book: Book, at_ms: int) -> Picture:
        told = {side: dict(book.depth(side, LEVELS)) for side in Side}
        before = self.last
        prices = {
            side: {price for price, _ in before.side(side).items() ^ told[side].items()}
            for side in Side
        }
        number = before.number
        if any(prices.values()):
            # Above what a service told that stood here before, too.
            number = max(number + 1, at_ms)
            self.changes.append(Change(before.number, number, prices))
        self.last = Picture(number, at_ms, told[Side.BUY], told[Side.SELL])
        return self.last

    def since(self, number: int) -> dict[Side, Sizes] | None:
        """What to put over the picture of that number to have the newest; a size of zero takes a
        price away. None where nobody remembers as far."""
        found: dict[Side, Sizes] = {side: {} for side in Side}
        if number == self.last.number:
            return found
        for change in reversed(self.changes):
            for side, prices in change.prices.items():
                now = self.last.side(side)
                found[side] |= {price: now.get(price, Decimal(0)) for price in prices}
            if change.before == number:
                return found
        return None


class Pictures:
    def __init__(self) -> None:
        self._albums: dict[str, Album] = {}

    def of(self, symbol: str) -> Album:
        return self._albums.setdefault(symbol, Album())
