"""What travels through the paper exchange: orders, fills, conditional orders, payments."""

import enum
from dataclasses import dataclass, field
from decimal import Decimal

from engine.messages import Margin, Style
from engine.money import ZERO
from engine.signal import Direction, Side


class Status(enum.StrEnum):
    """How far an order has come; `WAITING` and `FIRED` are for conditional orders only."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    WAITING = "waiting"
    FIRED = "fired"
    FAILED = "failed"  # fired, and the exchange refused what it then was


class Origin(enum.StrEnum):
    """Who asked for an order."""

    OWNER = "owner"
    TRIGGER = "trigger"
    LIQUIDATION = "liquidation"


class Ending(enum.StrEnum):
    """Why an order ended before it was filled."""

    OWNER = "its owner canceled it"
    UNFILLED = "nobody was there for the rest"
    WOULD_TAKE = "it would have filled at once"
    GAVE_WAY = "its owner's other order met it, or nothing is left to reduce"
    LIQUIDATION = "its owner was liquidated"
    SILENCE = "its owner was not heard of"
    SIBLING = "the other one of its group fired"
    CLOSED = "the position is closed"


@dataclass(frozen=True, slots=True)
class Ask:
    """An order as its owner asks for it. No price is a market order; quantities are coins."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    style: Style = Style.PLAIN
    # Which of both positions in hedge mode; nothing in one-way mode.
    direction: Direction | None = None
    is_reduce_only: bool = False
    client_id: str = ""
    margin: Margin | None = None  # where the dialect says it with each order
    tag: str = ""  # what its owner calls a group of them


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order. The house's quotes have the number 0 and are kept nowhere else."""

    number: int
    account: str
    ask: Ask
    placed_at_ms: int
    origin: Origin = Origin.OWNER
    status: Status = Status.OPEN
    filled: Decimal = ZERO
    value: Decimal = ZERO  # of what has filled: quantity times price
    fees: Decimal = ZERO
    realized: Decimal = ZERO
    changed_at_ms: int = 0
    why_ended: str = ""
    fills: list["Execution"] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        return self.ask.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return self.status is Status.OPEN

    @property
    def average(self) -> Decimal:
        return self.value / self.filled if self.filled else ZERO

    @property
    def closes(self) -> Direction | None:
        """The position that this order can only make smaller; none where it may open."""
        ask = self.ask
        if ask.direction is not None:
            return ask.direction if ask.side is closing_side(ask.direction) else None
        return reduced_by(ask.side) if ask.is_reduce_only else None


@dataclass(frozen=True, slots=True)
class Execution:
    """One account's half of a trade."""

    number: int
    order: int
    account: str
    symbol: str
    side: Side
    direction: Direction | None
    price: Decimal
    quantity: Decimal
    fee: Decimal
    is_maker: bool
    realized: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as everybody sees it."""

    number: int
    side: Side  # the taker's
    price: Decimal
    quantity: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class TriggerAsk:
    """Place this order once the price has come to `level`."""

    order: Ask
    level: Decimal
    rises: bool  # fires at or above the level, otherwise at or below it
    whole: bool = False  # closes the whole position, however large it is by then
    client_id: str = ""
    # Of the triggers of one group, the first that fires ends the others.
    group: str = ""

    def is_due(self, price: Decimal) -> bool:
        return price >= self.level if self.rises else price <= self.level


@dataclass(slots=True, eq=False)
class Trigger:
    number: int
    account: str
    ask: TriggerAsk
    placed_at_ms: int
    status: Status = Status.WAITING
    changed_at_ms: int = 0
    order: int = 0  # what it became
    why_ended: str = ""

    @property
    def is_waiting(self) -> bool:
        return self.status is Status.WAITING


class Money(enum.StrEnum):
    """Why cash moved without a trade."""

    DEPOSIT = "deposit"
    FUNDING = "funding"
    INSURANCE = "insurance"  # the house pays what a liquidation left unpaid


@dataclass(frozen=True, slots=True)
class Moved:
    """Cash that moved without a trade; positive is received."""

    number: int
    account: str
    kind: Money
    symbol: str
    amount: Decimal
    at_ms: int


def closing_side(direction: Direction) -> Side:
    return Side.SELL if direction is Direction.LONG else Side.BUY


def reduced_by(side: Side) -> Direction:
    """The direction that this side makes smaller in one-way mode."""
    return Direction.LONG if side is Side.SELL else Direction.SHORT
