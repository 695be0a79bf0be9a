"""The same trades looked at in parts: by direction, by reason of exit, by month, in a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.backtest.intents import LONG, SHORT
from engine.backtest.metrics import ratio, total
from engine.backtest.result import Reason, Result, Trades

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """What some of the trades came to; None is what cannot be told."""

    trades: int
    win_rate: float | None
    net: float
    profit_factor: float | None
    expectancy: float | None
    # How long they were held on average.
    bars: float | None


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC: what the account gained in it, and what was closed in it."""

    month: str
    returned: float | None
    trades: int
    net: float


@dataclass(frozen=True, slots=True)
class Streaks:
    """The most trades in a row that won, and that lost; one that brought nothing ends both."""

    wins: int
    losses: int


def by_direction(trades: Trades) -> dict[str, Part]:
    named = {"long": LONG, "short": SHORT}
    return {name: part_of(trades, trades.direction == code) for name, code in named.items()}


def by_reason(trades: Trades) -> dict[str, Part]:
    """The reasons for which something was closed."""
    return {
        reason.name.lower(): part_of(trades, trades.reason == reason)
        for reason in Reason
        if (trades.reason == reason).any()
    }


def part_of(trades: Trades, chosen: Flags) -> Part:
    net = trades.net[chosen]
    held = (trades.exit_bar - trades.entry_bar)[chosen]
    return Part(
        trades=len(net),
        win_rate=ratio((net > 0).sum().item(), len(net)),
        net=total(net),
        profit_factor=ratio(total(net[net > 0]), -total(net[net < 0])),
        expectancy=ratio(total(net), len(net)),
        bars=ratio(held.sum().item(), len(net)),
    )


def by_month(result: Result) -> list[Month]:
    """Every month that the bars stand in; its return is unknown without a curve."""
    months = result.opened_at.astype("datetime64[s]").astype("datetime64[M]")
    ends = np.append(np.flatnonzero(np.diff(months)), len(months) - 1)
    closed, net = months[result.trades.exit_bar], result.trades.net
    worth = [result.start, *result.curve[ends].tolist()] if len(result.curve) else []
    told = []
    for place, month in enumerate(months[ends]):
        mine = closed == month
        grown = ratio(worth[place + 1], max(worth[place], 0)) if worth else None
        returned = None if grown is None else grown - 1
        told.append(Month(str(month), returned, mine.sum().item(), total(net[mine])))
    return told


def streaks(trades: Trades) -> Streaks:
    return Streaks(longest(trades.net > 0), longest(trades.net < 0))


def longest(flags: Flags) -> int:
    """The most flags in a row that are set."""
    most = row = 0
    for flag in flags.tolist():
        row = row + 1 if flag else 0
        most = max(most, row)
    return most
