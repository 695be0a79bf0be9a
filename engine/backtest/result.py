"""What a backtest came to: its fills, its trades and the account's worth at each close."""

import enum
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.backtest import kernel

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class Reason(enum.IntEnum):
    SIGNAL = kernel.BY_SIGNAL
    STOP = kernel.BY_STOP
    TRAIL = kernel.BY_TRAIL
    TARGET = kernel.BY_TARGET
    REVERSAL = kernel.BY_REVERSAL
    LIQUIDATION = kernel.BY_LIQUIDATION
    END = kernel.BY_END


class Refusal(enum.IntEnum):
    """Why an order was not done."""

    HELD = kernel.HELD
    NOTHING_HELD = kernel.NOTHING_HELD
    TOO_SMALL = kernel.TOO_SMALL
    NO_MARGIN = kernel.NO_MARGIN
    UNSIZED = kernel.UNSIZED


@dataclass(frozen=True, slots=True)
class Fills:
    """Every fill in order; `symbol` is the place among the result's symbols."""

    bar: Whole
    symbol: Whole
    direction: Whole
    action: Whole
    price: Floats
    quantity: Floats
    fee: Floats
    reason: Whole

    def __len__(self) -> int:
        return len(self.bar)


@dataclass(frozen=True, slots=True)
class Trades:
    """Every close in order, a partial one too: `profit` is of the price alone, `fees` and
    `funding` are its share of what was paid since the entry."""

    symbol: Whole
    direction: Whole
    entry_bar: Whole
    exit_bar: Whole
    quantity: Floats
    entry_price: Floats
    exit_price: Floats
    profit: Floats
    fees: Floats
    funding: Floats
    reason: Whole

    def __len__(self) -> int:
        return len(self.exit_bar)

    @property
    def net(self) -> Floats:
        """What each trade brought, costs taken off."""
        return self.profit - self.fees - self.funding

    @property
    def returned(self) -> Floats:
        """That, as a share of what was bought or sold at its entry."""
        return self.net / (self.quantity * self.entry_price)


@dataclass(frozen=True, slots=True)
class Held:
    """What of a symbol is held at the end, where it was not closed."""

    symbol: str
    direction: int
    quantity: float
    entry_price: float
    entry_bar: int


@dataclass(frozen=True)
class Result:
    symbols: tuple[str, ...]
    # The start of each bar, in epoch seconds, and how long one is.
    opened_at: Whole
    bar_seconds: int
    start: float
    # Cash and what is held, at the last close.
    equity: float
    cash: float
    # What liquidations cost more than there was, and nobody is asked for.
    forgiven: float
    fill_count: int
    trade_count: int
    # As the kernel wrote them; `fills` and `trades` are what to read.
    fill_table: NDArray[np.float64] = field(repr=False)
    trade_table: NDArray[np.float64] = field(repr=False)
    # The account's worth at the close of each bar; empty if it was not asked for.
    curve: Floats
    held: tuple[Held, ...]
    refused: dict[Refusal, int]

    @cached_property
    def fills(self) -> Fills:
        return fills_of(self.fill_table)

    @cached_property
    def trades(self) -> Trades:
        return trades_of(self.trade_table)


def fills_of(columns: NDArray[np.float64]) -> Fills:
    whole = columns[:, [0, 1, 2, 6]].astype(np.int64)
    return Fills(
        bar=whole[:, 0],
        symbol=whole[:, 1] // 2,
        direction=whole[:, 1] % 2,
        action=whole[:, 2],
        price=columns[:, 3],
        quantity=columns[:, 4],
        fee=columns[:, 5],
        reason=whole[:, 3],
    )


def trades_of(columns: NDArray[np.float64]) -> Trades:
    whole = columns[:, [0, 1, 2, 9]].astype(np.int64)
    named = dict(zip(kernel.TRADE_FIELDS[3:9], columns.T[3:9], strict=True))
    return Trades(
        symbol=whole[:, 0] // 2,
        direction=whole[:, 0] % 2,
        entry_bar=whole[:, 1],
        exit_bar=whole[:, 2],
        reason=whole[:, 3],
        **named,
    )
