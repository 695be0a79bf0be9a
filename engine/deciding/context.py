"""What a trader knows when it decides: plain values, the same in prompt, record and replay.

Amounts and prices are exact; indicators are floats, which only look at the market.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.money import ZERO
from engine.signal import Direction

Series = Mapping[str, tuple[float, ...]]


class Plain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values that can be written down and read back."""


class Account(Plain, frozen=True):
    """The trader's own slice, and never the venue account that several traders share."""

    equity: Decimal
    available: Decimal
    margin_used: Decimal
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO


class Position(Plain, frozen=True):
    symbol: str
    direction: Direction
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    leverage: int
    margin: Decimal
    unrealised: Decimal
    opened_at_ms: int
    liquidation: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    invalidation: str = ""


class Market(Plain, frozen=True):
    """One symbol; its indicators by timeframe, oldest first."""

    symbol: str
    price: Decimal
    seen_at_ms: int
    max_leverage: int
    open_interest: Decimal | None = None  # base units
    funding: Decimal | None = None
    indicators: Mapping[str, Series] = {}

    @property
    def depth(self) -> Decimal | None:
        return None if self.open_interest is None else self.open_interest * self.price


class Recent(Plain, frozen=True):
    """An earlier decision, and what became of it."""

    at_ms: int
    symbol: str
    signal: str
    outcome: str


class Performance(Plain, frozen=True):
    trades: int
    win_rate: float | None = None
    sharpe: float | None = None


class Context(Plain, frozen=True):
    now_ms: int
    began_at_ms: int
    account: Account
    positions: tuple[Position, ...] = ()
    markets: tuple[Market, ...] = ()
    recent: tuple[Recent, ...] = ()
    performance: Performance | None = None
    # When a symbol's last position was closed.
    closed_at_ms: Mapping[str, int] = {}
