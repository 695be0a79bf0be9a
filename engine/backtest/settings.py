"""What a backtest is told beside candles and intents: cash, costs, margin and sizing."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from engine.backtest import kernel
from engine.errors import BadParameters


class Margin(enum.StrEnum):
    """Isolated: each position stands for itself. Cross: all cash stands for all positions."""

    ISOLATED = "isolated"
    CROSS = "cross"


class Slippage(enum.IntEnum):
    """What `slip` is a share of: the price, the bar's range, or the price times the share of the
    bar's volume that the order takes."""

    FIXED = kernel.FIXED
    RANGE = kernel.RANGE
    VOLUME = kernel.VOLUME


class Sizing(enum.IntEnum):
    """What `size` is: base units; quote; or a share of the equity, put up as margin, lost at
    the stop, or lost when the price moves by the intent's volatility."""

    QUANTITY = kernel.QUANTITY
    NOTIONAL = kernel.NOTIONAL
    MARGIN = kernel.MARGIN
    RISK = kernel.RISK
    VOLATILITY = kernel.VOLATILITY


@dataclass(frozen=True, slots=True)
class Limits:
    """An instrument's step and minimums; zero is none."""

    step: float = 0.0
    least_quantity: float = 0.0
    least_notional: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Shares are fractions: 0.0005 is five basis points."""

    cash: float = 10_000.0
    sizing: Sizing = Sizing.MARGIN
    # Where the intent tells none of its own.
    size: float = 0.1
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    slippage: Slippage = Slippage.FIXED
    slip: float = 0.0
    # Slippage ends at the bar's high and low, where nobody traded beyond.
    slip_may_leave_bar: bool = False
    leverage: float = 1.0
    margin: Margin = Margin.ISOLATED
    # The share of the notional under which margin is liquidated; None liquidates nobody.
    maintenance: float | None = 0.005
    liquidation_fee: float = 0.005
    # Paid by longs and got by shorts at every multiple of `funding_seconds`, on what is held
    # at the bar's open, where `run` is given no rates.
    funding: float = 0.0
    funding_seconds: int = 8 * 3600
    # Both directions at once; otherwise an entry closes what is held against it.
    hedge: bool = False
    # Whether an entry adds to what is held in its direction; otherwise it is refused.
    adds: bool = False
    # Stops and targets are distances from the entry, as shares of it; otherwise prices.
    levels_from_entry: bool = False
    closes_at_end: bool = True
    limits: Mapping[str, Limits] = field(default_factory=dict)
    # Without the curve there is no drawdown and no Sharpe ratio, without records no trades.
    with_curve: bool = True
    with_records: bool = True

    def __post_init__(self) -> None:
        for name, least in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value < INFINITY:
                raise BadParameters(f"{name} must be at least {least}", field=name, value=value)
        if self.cash == 0 or self.size == 0:
            raise BadParameters("cash and size must be above zero", cash=self.cash, size=self.size)
        if self.maintenance is not None and self.maintenance >= 1:
            raise BadParameters("maintenance must be below 1", field="maintenance")
        if self.slip >= 1:
            raise BadParameters("slip must be below 1", field="slip", value=self.slip)
        for symbol, limits in self.limits.items():
            if any(not 0 <= getattr(limits, each.name) < INFINITY for each in fields(limits)):
                raise BadParameters("limits must not be below zero", symbol=symbol)


INFINITY = 1e300
BOUNDS: dict[str, float] = {
    "cash": 0,
    "size": 0,
    "maker_fee": -1,
    "taker_fee": -1,
    "slip": 0,
    "leverage": 1,
    "maintenance": 0,
    "liquidation_fee": 0,
    "funding": -1,
    "funding_seconds": 1,
}
