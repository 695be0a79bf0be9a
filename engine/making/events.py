"""What a maker is told. Prices are whole ticks and quantities whole steps; times are those of the
host that the maker runs on. What a venue stamps by its own clock (`placed_at_ms`, `traded_at_ms`)
is told less the offset of that clock.

Whoever drives a maker turns what a venue answers into these, in the order in which it came: a
refusal is `OrderTold` with REJECTED, an answer that never came is `Failed` with the order's name.
"""

import enum
from decimal import Decimal

import msgspec

from engine.making.params import MakerParams
from engine.signal import Side

Levels = tuple[tuple[int, int], ...]


class Told(enum.StrEnum):
    """What a venue knows of an order."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    ABSENT = "absent"  # there is none of that name, and none will be


class BookSeen(msgspec.Struct, frozen=True, tag=True):
    """The best prices, best first."""

    at_ms: int
    bids: Levels
    asks: Levels


class TradeSeen(msgspec.Struct, frozen=True, tag=True):
    at_ms: int
    is_buy: bool  # whoever came to the book bought
    price: int
    quantity: int


class OrderTold(msgspec.Struct, frozen=True, tag=True):
    at_ms: int
    client_id: str
    status: Told
    side: Side
    price: int
    quantity: int
    filled: int = 0
    reason: str = ""
    # Refused only because it would not have rested: nothing is wrong with it, or with the venue.
    would_take: bool = False
    # The venue's own time of it; 0 where it does not tell.
    placed_at_ms: int = 0


class Filled(msgspec.Struct, frozen=True, tag=True):
    """`fee` is what was paid, below zero what was given back; `traded_at_ms` is the venue's."""

    at_ms: int
    client_id: str
    fill_id: str
    side: Side
    price: int
    quantity: int
    fee: Decimal
    is_maker: bool
    traded_at_ms: int


class OpenTold(msgspec.Struct, frozen=True, tag=True):
    """All open orders of the symbol, as they were at or after the moment of asking."""

    at_ms: int
    asked_at_ms: int
    orders: tuple[OrderTold, ...]


class AccountTold(msgspec.Struct, frozen=True, tag=True):
    """`equity` counts what positions have gained or lost; `position` is signed."""

    at_ms: int
    asked_at_ms: int
    position: int
    equity: Decimal
    free: Decimal


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A request had no answer, or one that says nothing of what was done."""

    at_ms: int
    what: str
    reason: str
    client_id: str = ""


class TimeCame(msgspec.Struct, frozen=True, tag=True):
    at_ms: int


class Looked(msgspec.Struct, frozen=True, tag=True):
    """A look was taken by the maker's eye, and something is to be done."""

    at_ms: int


class Start(msgspec.Struct, frozen=True, tag=True):
    at_ms: int
    # The most equity that there was in earlier lives of the session.
    peak: Decimal = Decimal(0)


class Stop(msgspec.Struct, frozen=True, tag=True):
    at_ms: int


class Halt(msgspec.Struct, frozen=True, tag=True):
    at_ms: int
    reason: str


class Release(msgspec.Struct, frozen=True, tag=True):
    """A person has looked at what halted."""

    at_ms: int
    reason: str


class Retune(msgspec.Struct, frozen=True, tag=True):
    at_ms: int
    params: MakerParams


Event = (
    BookSeen
    | TradeSeen
    | OrderTold
    | Filled
    | OpenTold
    | AccountTold
    | Failed
    | TimeCame
    | Looked
    | Start
    | Stop
    | Halt
    | Release
    | Retune
)
