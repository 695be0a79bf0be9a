"""A backtest's report: plain data, of which the page and the files are made, now or later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.backtest import Result, Settings, measure
from engine.backtest.breakdown import (
    Month,
    Part,
    Streaks,
    by_direction,
    by_month,
    by_reason,
    streaks,
)
from engine.backtest.intents import LONG
from engine.backtest.result import Reason
from engine.candle import Candles
from engine.report.bootstrap import Interval, intervals
from engine.report.thin import kept_places, merged

Floats = NDArray[np.float64]
Columns = dict[str, list[Any]]

# How many points of a curve, and candles of a symbol, are kept to be drawn.
DRAWN = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Instants are epoch seconds, shares are fractions, None is what cannot be told."""

    strategy: str
    params: dict[str, Any]
    settings: dict[str, Any]
    symbols: list[str]
    timeframe: str
    bars: int
    started_at: int
    ended_at: int
    # As `engine.backtest.Metrics` names them.
    figures: dict[str, float | int | None]
    # 95 of 100, for those figures of which chance can be told.
    intervals: dict[str, Interval]
    streaks: Streaks
    by_direction: dict[str, Part]
    by_reason: dict[str, Part]
    by_month: list[Month]
    # Why orders were not done, counted.
    refused: dict[str, int]
    # `at`, `equity`, `drawdown`: thinned, peaks and troughs kept.
    curve: Columns
    # For each symbol `opened_at`, `open`, `high`, `low`, `close`: neighbours merged.
    candles: dict[str, Columns]
    # One row a close, column by column; see `TRADES`.
    trades: Columns


def report_of(
    result: Result,
    *,
    candles: Mapping[str, Candles],
    strategy: str,
    params: Mapping[str, Any],
    settings: Settings,
    seed: int = 0,
    drawn: int = DRAWN,
) -> Report:
    """The report of a run with records; `seed` is of the intervals, `drawn` of the pictures."""
    first = next(iter(candles.values()))
    return Report(
        strategy=strategy,
        params=msgspec.to_builtins(dict(params)),
        settings=settings_told(settings),
        symbols=list(result.symbols),
        timeframe=first.timeframe,
        bars=len(first),
        started_at=int(first.opened_at[0]),
        ended_at=first.closed_at,
        figures=asdict(measure(result)),
        intervals=intervals(result, seed=seed),
        streaks=streaks(result.trades),
        by_direction=by_direction(result.trades),
        by_reason=by_reason(result.trades),
        by_month=by_month(result),
        refused={why.name.lower(): count for why, count in result.refused.items()},
        curve=curve_of(result, drawn),
        candles={symbol: merged(each, drawn) for symbol, each in candles.items()},
        trades=trades_of(result),
    )


def settings_told(settings: Settings) -> dict[str, Any]:
    """Settings as they are read: choices by their names."""
    named = {each.name: getattr(settings, each.name) for each in fields(settings)}
    return {
        name: value.name.lower() if isinstance(value, Enum) else msgspec.to_builtins(value)
        for name, value in named.items()
    }


def curve_of(result: Result, points: int) -> Columns:
    if not len(result.curve):
        return {"at": [], "equity": [], "drawdown": []}
    peaks = np.maximum.accumulate(np.maximum(result.curve, result.start))
    fallen = 1 - result.curve / peaks
    kept = kept_places([result.curve, fallen], points)
    return {
        "at": (result.opened_at[kept] + result.bar_seconds).tolist(),
        "equity": result.curve[kept].tolist(),
        "drawdown": fallen[kept].tolist(),
    }


def trades_of(result: Result) -> Columns:
    trades = result.trades
    return {
        "symbol": [result.symbols[place] for place in trades.symbol.tolist()],
        "direction": ["long" if code == LONG else "short" for code in trades.direction.tolist()],
        "entered_at": result.opened_at[trades.entry_bar].tolist(),
        "left_at": result.opened_at[trades.exit_bar].tolist(),
        "bars": (trades.exit_bar - trades.entry_bar).tolist(),
        "quantity": trades.quantity.tolist(),
        "entry_price": trades.entry_price.tolist(),
        "exit_price": trades.exit_price.tolist(),
        "profit": trades.profit.tolist(),
        "fees": trades.fees.tolist(),
        "funding": trades.funding.tolist(),
        "net": trades.net.tolist(),
        "returned": trades.returned.tolist(),
        "reason": [Reason(code).name.lower() for code in trades.reason.tolist()],
    }
