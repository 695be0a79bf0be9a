"""What every venue can do for us, whatever it calls it.

An adapter is made per account. It never retries by itself; it raises the error
whose name says what happens next: VenueBusy (nothing was done), VenueRefused
(it never will be), TooLate, OutcomeUnknown (ask by client order id).
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from engine.instrument import Instrument
from engine.messages import Fill, Margin, PaymentKind, Ticket
from engine.order import OrderStatus
from engine.signal import Direction, Side


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue tells it, with every fill so far."""

    client_order_id: str
    venue_order_id: str
    status: OrderStatus
    filled: Decimal
    fills: list[Fill] = field(default_factory=list)
    reason: str = ""
    side: Side | None = None  # where the venue told it
    unprotected: str = ""  # why stop and target were not set on what it opened
    # Where the venue told them; its own time of it.
    price: Decimal | None = None
    quantity: Decimal | None = None
    placed_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's money in its settlement currency."""

    total: Decimal  # cash, without what open positions have gained or lost
    free: Decimal
    unrealised: Decimal


@dataclass(frozen=True, slots=True)
class Holding:
    """One side of one symbol that the account holds; in base units (coins)."""

    symbol: str
    direction: Direction
    quantity: Decimal
    entry_price: Decimal
    leverage: int
    margin: Margin
    unrealised: Decimal
    liquidation_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OwnedFill:
    """A fill as the account's history tells it, with the order it belongs to."""

    symbol: str
    client_order_id: str  # empty where the venue does not say, or the order is not ours
    venue_order_id: str
    side: Side
    fill: Fill


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that moved without a trade; positive is received."""

    venue_payment_id: str
    kind: PaymentKind
    symbol: str
    amount: Decimal
    paid_at_ms: int


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """What the venue says of the key and the account; None where it does not tell."""

    can_trade: bool | None
    can_withdraw: bool | None
    is_hedged: bool
    clock_offset_ms: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar as the venue tells it; its volume in base units (coins)."""

    opened_at_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class BarSource(Protocol):
    # The most bars that one question is answered with.
    bars_at_once: int

    def bars(self, symbol: str, timeframe: str, *, since_ms: int, until_ms: int) -> list[Bar]:
        """Those that open from `since_ms` on and before `until_ms`, oldest first, as far as the
        venue has them. The last one may not have closed."""


class Venue(Protocol):
    # How long an order that was accepted may stay invisible to look-ups.
    lookup_lag_seconds: float

    def instrument(self, symbol: str) -> Instrument: ...

    def place(self, ticket: Ticket) -> VenueOrder:
        """Send the order once; the venue is told not to accept it after `not_after_ms`."""

    def find(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        """The order by our id; None only where the venue clearly answers that it has none."""

    def find_by_number(self, *, symbol: str, venue_order_id: str) -> VenueOrder | None:
        """The order by the venue's own name for it."""

    def is_absent(self, ticket: Ticket) -> bool:
        """Whether there is no such order, asked more than once and in more than one way.

        Asked after the ticket's time, before another order may be sent in its place.
        """

    def protected(self, ticket: Ticket, order: VenueOrder) -> VenueOrder:
        """An order that was found, with the ticket's stop and target set on what it opened."""

    def cancel(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Cancel by our id, and tell the order as it is then; None where the venue has none."""

    def protect(
        self, *, symbol: str, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        """Stop and target of the whole position, in place of those before; None takes one away."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The best (price, quantity) of both sides, best first."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    told_at_ms: int = 0  # the venue's own time of it, where it tells


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """A trade of anybody's, as its venue streams it."""

    at_ms: int
    is_buy: bool  # whoever came to the book bought
    price: Decimal
    quantity: Decimal


class MarketStream(Protocol):
    """A symbol's market as it comes, without being asked for."""

    # Whether its trades come, too.
    has_trades: bool

    def listen(
        self, hear: Callable[[Depth], None], hear_trades: Callable[[list[MarketTrade]], None]
    ) -> None:
        """Until it is closed; VenueError when it is lost, after which one may listen again."""

    def close(self) -> None:
        """From another thread, and for good."""


@dataclass(frozen=True, slots=True)
class Interest:
    """How much of a symbol is held open, in coins, and what holding it costs or earns."""

    open: Decimal
    # The rate of the present period, as a share: positive is paid by who is long.
    funding: Decimal


class Request(enum.StrEnum):
    """What a maker asks its venue for, again and again."""

    PLACE = "place"
    CANCEL = "cancel"
    LOOK_UP = "look_up"
    OPEN_ORDERS = "open_orders"
    ACCOUNT = "account"
    DEPTH = "depth"
    FILLS = "fills"
    DEAD_MAN = "dead_man"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a venue lets an account ask of it: units a second, what a request costs (one, where
    nothing else is told), and orders a second."""

    units: float = 1_000.0
    orders: float = 1_000.0
    costs: Mapping[Request, float] = field(default_factory=dict)
    # Whether it counts what comes from one address, whichever account it is for, and over how long.
    is_by_address: bool = False
    window_seconds: float = 10.0

    def cost(self, request: Request) -> float:
        return self.costs.get(request, 1.0)


class Quoting(Protocol):
    """What a maker needs beside: on an account that holds long or short, and never both."""

    limits: Limits

    def depth(self, symbol: str) -> Depth: ...

    def stream(self, symbol: str, *, trades: bool) -> MarketStream | None:
        """None where there is nothing but to ask."""

    def clock_offset_ms(self) -> int:
        """How far the venue's clock is ahead of this host's."""

    def make_ready(self, ticket: Ticket) -> None:
        """Bring the account to one side and to the ticket's leverage, before anything is quoted."""

    def quote(self, ticket: Ticket) -> VenueOrder:
        """Send an order once, whatever is held: it may make that smaller, or turn it round."""

    def end_unless_heard(self, symbol: str, seconds: int) -> bool:
        """Have the venue take all orders of the symbol away unless this is said again before; 0
        ends that. Whether the venue can."""


class Exchange(Venue, BarSource, Quoting, Protocol):
    """What a whole adapter does beyond its orders: the account and its money."""

    def price(self, symbol: str) -> Decimal:
        """The last price."""

    def interest(self, symbol: str) -> Interest: ...

    def balance(self) -> Balance: ...

    def holdings(self) -> list[Holding]: ...

    def open_orders(self, symbol: str | None = None) -> list[VenueOrder]: ...

    def fills_since(self, symbol: str, since_ms: int) -> list[OwnedFill]:
        """Oldest first, all pages."""

    def fired_since(self, symbol: str, since_ms: int) -> set[str]:
        """Which orders the stops and targets became that were set on positions since then."""

    def payments_since(self, since_ms: int) -> list[Payment]: ...

    def check(self) -> AccountCheck: ...

    def close(self) -> None:
        """Let go of the line and the keys; nothing is asked of it any more."""
