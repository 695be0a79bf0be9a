"""What a strategy wants, before anybody has decided to do it."""

import enum
from decimal import Decimal

import msgspec


class Side(enum.StrEnum):
    BUY = "buy"
    SELL = "sell"


class Direction(enum.StrEnum):
    LONG = "long"
    SHORT = "short"


class Action(enum.StrEnum):
    OPEN = "open"
    CLOSE = "close"
    PROTECT = "protect"  # set stop and target of what is held; no strategy wants it by itself


def side_of(action: Action, direction: Direction) -> Side:
    """Opening a long and closing a short buy; the other two sell. Protecting ends in a close."""
    buys = (action is Action.OPEN) == (direction is Direction.LONG)
    return Side.BUY if buys else Side.SELL


def closed_by(side: Side) -> Direction:
    return Direction.LONG if side is Side.SELL else Direction.SHORT


class Intent(msgspec.Struct, frozen=True):
    """One wish about one symbol; `stop` and `target` are prices, `confidence` 0 to 100."""

    action: Action
    direction: Direction
    price: Decimal
    confidence: int
    reason: str
    stop: Decimal | None = None
    target: Decimal | None = None
