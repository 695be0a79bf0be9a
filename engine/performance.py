"""What an account's equity and closed trades come to, in the numbers that people compare.

Returns are in percent, of whole days, without what was paid in or out; a year has 365 days, and
there is no riskless rate. None is what cannot be told, as a deviation of a single day.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from math import floor, sqrt
from statistics import mean, stdev
from typing import NamedTuple

from engine.backtest.metrics import DAY, DAYS_A_YEAR, annualised, ratio
from engine.money import ZERO

# Fewer days say nothing of the worst one in twenty.
LEAST_FOR_RISK = 10
HOUR = timedelta(hours=1)


class Standing(NamedTuple):
    """An account at the end of a day; `deposited` is all that was ever paid in, less what left."""

    on: date
    account: int
    equity: Decimal
    deposited: Decimal


class Point(NamedTuple):
    """Accounts together at the end of a day."""

    on: date
    equity: Decimal
    earned: Decimal
    returned: float
    # What one unit, put in at the beginning, is worth.
    net_value: float
    # How far below the highest net value, in percent.
    drawdown: float


@dataclass(frozen=True, slots=True)
class Performance:
    equity: Decimal
    earned: Decimal
    returned: float
    annualised: float | None
    last_day: float
    this_month: float
    this_year: float
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: float
    # From the peak to the trough of the deepest drawdown.
    drawdown_days: int
    current_drawdown: float
    # The loss that one day in twenty, or in a hundred, goes beyond; and the mean of such days.
    var_95: float | None
    var_99: float | None
    cvar_95: float | None


def curve(standings: Iterable[Standing]) -> list[Point]:
    """Day by day, from the first to the last that is told.

    Between its first and its last day an account that was not heard of stands as it stood; what
    it holds when it comes or goes is neither won nor lost.
    """
    by_account: dict[int, dict[date, Standing]] = defaultdict(dict)
    for standing in standings:
        by_account[standing.account][standing.on] = standing
    seen = {on for days in by_account.values() for on in days}
    if not seen:
        return []
    first, last = min(seen), max(seen)
    equity: dict[date, Decimal] = defaultdict(lambda: ZERO)
    earned: dict[date, Decimal] = defaultdict(lambda: ZERO)
    base: dict[date, Decimal] = defaultdict(lambda: ZERO)
    for days in by_account.values():
        standing = days[min(days)]
        equity[standing.on] += standing.equity
        for on in days_between(min(days) + timedelta(days=1), max(days)):
            before, standing = standing, days.get(on, standing)
            brought = standing.deposited - before.deposited
            equity[on] += standing.equity
            earned[on] += standing.equity - before.equity - brought
            # What comes in during a day counts from its beginning.
            base[on] += before.equity + max(brought, ZERO)
    points, net_value, peak = [], 1.0, 1.0
    for on in days_between(first, last):
        returned = float(earned[on] / base[on]) if base[on] > 0 else 0.0
        net_value *= 1 + returned
        peak = max(peak, net_value)
        fallen = 100 * (peak - net_value) / peak
        points.append(Point(on, equity[on], earned[on], 100 * returned, net_value, fallen))
    return points


def days_between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=day) for day in range((last - first).days + 1))


def performance(points: Sequence[Point]) -> Performance:
    """The whole of a curve, which has at least one day."""
    returns = [point.returned for point in points[1:]]
    last = points[-1]
    growth = last.net_value / points[0].net_value
    a_year = annualised(growth, len(returns) * DAY)
    yearly = None if a_year is None else 100 * a_year
    spread = stdev(returns) * sqrt(DAYS_A_YEAR) if len(returns) > 1 else None
    losses = [each for each in returns if each < 0]
    downside = (
        sqrt(sum(each * each for each in losses) / (len(losses) - 1) * DAYS_A_YEAR)
        if len(losses) > 1
        else None
    )
    deepest = max(points, key=lambda point: point.drawdown)
    peak = max(
        (point for point in points if point.on <= deepest.on), key=lambda point: point.net_value
    )
    return Performance(
        equity=last.equity,
        earned=sum((point.earned for point in points), ZERO),
        returned=100 * (growth - 1),
        annualised=yearly,
        last_day=last.returned,
        this_month=together(p for p in points[1:] if (p.on.year, p.on.month) == month_of(last)),
        this_year=together(p for p in points[1:] if p.on.year == last.on.year),
        volatility=spread,
        sharpe=ratio(yearly, spread),
        sortino=ratio(yearly, downside),
        calmar=ratio(yearly, deepest.drawdown),
        drawdown=deepest.drawdown,
        drawdown_days=(deepest.on - peak.on).days,
        current_drawdown=last.drawdown,
        var_95=value_at_risk(returns, 0.05),
        var_99=value_at_risk(returns, 0.01),
        cvar_95=mean_beyond(returns, 0.05),
    )


def month_of(point: Point) -> tuple[int, int]:
    return point.on.year, point.on.month


def together(points: Iterable[Point]) -> float:
    """Returns one after the other, as one."""
    grown = 1.0
    for point in points:
        grown *= 1 + point.returned / 100
    return 100 * (grown - 1)


def value_at_risk(returns: Sequence[float], share: float) -> float | None:
    """As it was: the return that this share of the days fell short of."""
    if len(returns) < LEAST_FOR_RISK:
        return None
    return sorted(returns)[floor(share * len(returns))]


def mean_beyond(returns: Sequence[float], share: float) -> float | None:
    if len(returns) < LEAST_FOR_RISK:
        return None
    return mean(sorted(returns)[: floor(share * len(returns)) + 1])


class Trade(NamedTuple):
    """A position that was closed; `net` has fees and funding in it."""

    net: Decimal
    fees: Decimal
    held: timedelta


@dataclass(frozen=True, slots=True)
class Statistics:
    trades: int
    wins: int
    losses: int
    even: int
    win_rate: float | None
    won: Decimal
    lost: Decimal
    net: Decimal
    fees: Decimal
    average_win: Decimal | None
    average_loss: Decimal | None
    largest_win: Decimal | None
    largest_loss: Decimal | None
    # What an average winner brings, for each unit that an average loser costs.
    payoff: float | None
    profit_factor: float | None
    expectancy: Decimal | None
    average_hours: float | None
    longest_hours: float | None
    wins_in_a_row: int
    losses_in_a_row: int


def statistics(trades: Sequence[Trade]) -> Statistics:
    """Of trades in the order of their ends."""
    nets = [trade.net for trade in trades]
    wins, losses = [net for net in nets if net > 0], [-net for net in nets if net < 0]
    won, lost = sum(wins, ZERO), sum(losses, ZERO)
    hours = [trade.held / HOUR for trade in trades]
    signs = groupby(net.compare(ZERO) for net in nets)
    streaks = [(sign, len(list(row))) for sign, row in signs]
    average_win, average_loss = average(wins), average(losses)
    return Statistics(
        trades=len(nets),
        wins=len(wins),
        losses=len(losses),
        even=len(nets) - len(wins) - len(losses),
        win_rate=ratio(100 * len(wins), len(nets)),
        won=won,
        lost=lost,
        net=won - lost,
        fees=sum((trade.fees for trade in trades), ZERO),
        average_win=average_win,
        average_loss=average_loss,
        largest_win=max(wins, default=None),
        largest_loss=max(losses, default=None),
        payoff=float(average_win / average_loss) if average_win and average_loss else None,
        profit_factor=float(won / lost) if lost else None,
        expectancy=average(nets),
        average_hours=mean(hours) if hours else None,
        longest_hours=max(hours, default=None),
        wins_in_a_row=max((length for sign, length in streaks if sign > 0), default=0),
        losses_in_a_row=max((length for sign, length in streaks if sign < 0), default=0),
    )


def average(amounts: Sequence[Decimal]) -> Decimal | None:
    return sum(amounts, ZERO) / len(amounts) if amounts else None
