"""What is said of a backtest in numbers.

Shares are fractions; None is what cannot be told, as a profit factor without losses.
Returns are those of whole UTC days, a year has 365 of them, and there is no riskless rate.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from engine.backtest.result import Reason, Result, Trades
from engine.compiled import compiled
from engine.errors import BadParameters
from engine.parts import Floats, Whole

DAY = 86_400
DAYS_A_YEAR = 365
# The natural logarithm of growth beyond which a year's return is no number to tell.
MOST_GROWTH = 100.0
STRETCH = 64


@dataclass(frozen=True, slots=True)
class Metrics:
    returned: float
    # The same growth over a year.
    annualised: float | None
    # Of the days' returns, over a year.
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    # The annualised return, for each unit of the deepest drawdown.
    calmar: float | None
    # The deepest fall from a peak, as a share of that peak.
    drawdown: float | None
    # The longest that a peak was not reached again, in bars.
    drawdown_bars: int | None
    trades: int
    win_rate: float | None
    # What winners brought, for each unit that losers cost.
    profit_factor: float | None
    # What a trade brings on average; the same as a share of its entry's notional.
    expectancy: float | None
    expectancy_share: float | None
    average_win: float | None
    average_loss: float | None
    # The share of bars in which something was held.
    exposure: float
    profit: float
    fees: float
    funding: float
    liquidations: int


def measure(result: Result) -> Metrics:
    """The metrics of a result with records; without a curve those of the curve are unknown."""
    trades = result.trades
    if len(trades) != result.trade_count:
        raise BadParameters("metrics need a run with records", trades=result.trade_count)
    net = trades.net
    wins, losses = net[net > 0], net[net < 0]
    growth = result.equity / result.start
    yearly = annualised(growth, len(result.opened_at) * result.bar_seconds)
    depth, longest = drawdown_of(result)
    mean, spread, downside = days_of(result)
    return Metrics(
        returned=growth - 1,
        annualised=yearly,
        volatility=None if spread is None else spread * sqrt(DAYS_A_YEAR),
        sharpe=ratio(mean, spread, sqrt(DAYS_A_YEAR)),
        sortino=ratio(mean, downside, sqrt(DAYS_A_YEAR)),
        calmar=ratio(yearly, depth),
        drawdown=depth,
        drawdown_bars=longest,
        trades=len(trades),
        win_rate=ratio(len(wins), len(net)),
        profit_factor=ratio(total(wins), -total(losses)),
        expectancy=ratio(total(net), len(net)),
        expectancy_share=ratio(total(trades.returned), len(net)),
        average_win=ratio(total(wins), len(wins)),
        average_loss=ratio(total(losses), len(losses)),
        exposure=exposure(result),
        profit=total(trades.profit),
        fees=total(trades.fees),
        funding=total(trades.funding),
        liquidations=liquidations(trades),
    )


def total(values: NDArray[np.float64]) -> float:
    summed: float = values.sum().item()
    return summed


def ratio(above: float | None, below: float | None, factor: float = 1.0) -> float | None:
    """None where there is nothing to divide, or by nothing."""
    if above is None or not below:
        return None
    return above / below * factor


def liquidations(trades: Trades) -> int:
    return int((trades.reason == Reason.LIQUIDATION).sum())


def annualised(growth: float, seconds: int) -> float | None:
    """None for less than a day, of which a year says nothing."""
    if growth <= 0:
        return -1.0
    if seconds < DAY:
        return None
    exponent = log(growth) * DAYS_A_YEAR * DAY / seconds
    return np.expm1(exponent).item() if exponent < MOST_GROWTH else None


def drawdown_of(result: Result) -> tuple[float | None, int | None]:
    if not len(result.curve):
        return None, None
    return deepest(result.curve, result.start)


def deepest(curve: Floats, start: float) -> tuple[float, int]:
    """The deepest fall as a share of its peak, and the most bars below a peak."""
    longest = np.zeros(1, np.int64)
    return write_deepest(curve, start, longest), longest.item()


@compiled(fastmath={"nnan", "nsz"})
def write_deepest(curve: Floats, start: float, told: Whole) -> float:
    """Stretches without a new peak are looked at as wholes."""
    peak, trough, depth, peak_bar, longest = start, start, 0.0, -1, 0
    for first in range(0, len(curve), STRETCH):
        stretch = curve[first : first + STRETCH]
        high, low = -np.inf, np.inf
        for worth in stretch:
            high, low = max(high, worth), min(low, worth)
        if high < peak:
            trough = min(trough, low)
            continue
        for place in range(len(stretch)):
            worth = stretch[place]
            if worth >= peak:
                depth = max(depth, (peak - trough) / peak)
                longest = max(longest, first + place - peak_bar - 1)
                peak, trough, peak_bar = worth, worth, first + place
            else:
                trough = min(trough, worth)
    told[0] = max(longest, len(curve) - peak_bar - 1)
    return max(depth, (peak - trough) / peak)


def days_of(result: Result) -> tuple[float | None, float | None, float | None]:
    """Mean and deviation of the days' returns, and the deviation of the losing ones from zero."""
    returns = day_returns(result)
    if len(returns) < 2:
        return None, None, None
    downside = sqrt((np.minimum(returns, 0) ** 2).mean().item())
    return returns.mean().item(), returns.std(ddof=1).item(), downside


def day_returns(result: Result) -> NDArray[np.float64]:
    """The return of each UTC day; none where there is no curve, or where nothing was left."""
    if not len(result.curve):
        return np.zeros(0)
    day = result.opened_at // DAY
    ends = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    worth = np.concatenate([[result.start], result.curve[ends]])
    return np.zeros(0) if (worth[:-1] <= 0).any() else worth[1:] / worth[:-1] - 1


def exposure(result: Result) -> float:
    """An exit at a bar's open leaves that bar free; one inside the entry's own bar does not."""
    bars, trades = len(result.opened_at), result.trades
    starts = np.concatenate([trades.entry_bar, [each.entry_bar for each in result.held]])
    at_end = trades.reason == Reason.END
    ends = np.maximum(trades.exit_bar + at_end, trades.entry_bar + 1)
    ends = np.concatenate([ends, np.full(len(result.held), bars)])
    steps = np.zeros(bars + 1, np.int64)
    np.add.at(steps, starts.astype(np.int64), 1)
    np.add.at(steps, ends.astype(np.int64), -1)
    share: float = (np.cumsum(steps)[:bars] > 0).mean().item()
    return share
