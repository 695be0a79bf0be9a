"""What a venue holds against what our books say it should: told, and never traded away."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.money import ZERO
from engine.signal import Direction

Side = tuple[str, Direction]


@dataclass(frozen=True, slots=True)
class Difference:
    symbol: str
    direction: Direction
    at_venue: Decimal
    in_books: Decimal

    @property
    def amount(self) -> Decimal:
        """Positive where the venue holds more than the books say."""
        return self.at_venue - self.in_books


def differences(
    at_venue: Mapping[Side, Decimal], in_books: Mapping[Side, Decimal], *, is_netted: bool
) -> list[Difference]:
    """By symbol and direction; `is_netted` where the venue holds one position a symbol.

    There our long and our short of one symbol are one position at the venue, so that
    only what is left of the two can be compared.
    """
    if is_netted:
        at_venue, in_books = netted(at_venue), netted(in_books)
    told = (
        Difference(*side, at_venue.get(side, ZERO), in_books.get(side, ZERO))
        for side in sorted({*at_venue, *in_books})
    )
    return [difference for difference in told if difference.amount]


def netted(held: Mapping[Side, Decimal]) -> dict[Side, Decimal]:
    """Everything as a long; a short is less than nothing."""
    left: dict[Side, Decimal] = {}
    for (symbol, direction), quantity in held.items():
        side = symbol, Direction.LONG
        signed = quantity if direction is Direction.LONG else -quantity
        left[side] = left.get(side, ZERO) + signed
    return left
