"""Metrics worked out by hand, on curves and trades small enough to do so."""

from dataclasses import fields
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import Do, Intents, Reason, Result, measure, run
from engine.backtest.kernel import T_WIDTH, TRADE_FIELDS
from engine.backtest.metrics import deepest
from engine.errors import BadParameters
from tests.engine.backtest.markets import BTC, candles, plain, trade

DAY = 86_400


def result(curve, *, start=100.0, bar_seconds=DAY, trades=()):
    """A result with this curve, and trades as (entry bar, exit bar, profit, fees, reason)."""
    table = np.zeros((len(trades), T_WIDTH))
    for row, (entry, exit, profit, fees, reason) in zip(table, trades, strict=True):
        told = {"entry_bar": entry, "exit_bar": exit, "profit": profit, "fees": fees}
        told |= {"quantity": 2, "entry_price": 50, "reason": reason}
        for name, value in told.items():
            row[TRADE_FIELDS.index(name)] = value
    return Result(
        symbols=(BTC,),
        opened_at=np.arange(len(curve), dtype=np.int64) * bar_seconds,
        bar_seconds=bar_seconds,
        start=start,
        equity=curve[-1],
        cash=curve[-1],
        forgiven=0.0,
        fill_count=2 * len(trades),
        trade_count=len(trades),
        fill_table=np.zeros((0, 7)),
        trade_table=table,
        curve=np.array(curve, np.float64),
        held=(),
        refused={},
    )


def test_returns_of_days():
    # 100 -> 110 -> 99 -> 108.9: +10 %, -10 %, +10 %.
    told = measure(result([110, 99, 108.9]))
    mean, spread = 0.1 / 3, sqrt(((0.1 - 0.1 / 3) ** 2 * 2 + (0.1 + 0.1 / 3) ** 2) / 2)
    assert told.returned == pytest.approx(0.089)
    assert told.sharpe == pytest.approx(mean / spread * sqrt(365))
    assert told.volatility == pytest.approx(spread * sqrt(365))
    # Of three days one lost 10 %: sqrt(0.01 / 3).
    assert told.sortino == pytest.approx(mean / sqrt(0.01 / 3) * sqrt(365))
    # From 110 to 99, and 110 is not reached again in two bars.
    assert (told.drawdown, told.drawdown_bars) == (pytest.approx(0.1), 2)
    yearly = 1.089 ** (365 / 3) - 1
    assert told.annualised == pytest.approx(yearly)
    assert told.calmar == pytest.approx(yearly / 0.1)


def test_a_day_ends_with_its_last_bar():
    # Bars of half a day: the ends are 104 and 99, the rest is only seen by the drawdown.
    told = measure(result([120, 104, 80, 99], bar_seconds=DAY // 2))
    days = np.array([0.04, 99 / 104 - 1])
    assert told.sharpe == pytest.approx(days.mean() / days.std(ddof=1) * sqrt(365))
    assert told.drawdown == pytest.approx(40 / 120)
    assert told.drawdown_bars == 3


def test_a_first_fall_is_counted_from_the_start():
    told = measure(result([90, 95, 100, 101]))
    assert (told.drawdown, told.drawdown_bars) == (pytest.approx(0.1), 2)


def test_trades():
    told = measure(
        result(
            [100, 100, 100, 117],
            trades=[
                (0, 1, 11, 1, Reason.SIGNAL),  # 10
                (1, 2, -3, 1, Reason.STOP),  # -4
                (2, 3, 15, 1, Reason.TARGET),  # 14
                (3, 3, -2, 1, Reason.LIQUIDATION),  # -3
            ],
        )
    )
    assert (told.trades, told.win_rate, told.liquidations) == (4, 0.5, 1)
    assert told.profit_factor == pytest.approx(24 / 7)
    assert told.expectancy == pytest.approx(17 / 4)
    # Each was entered with 2 * 50.
    assert told.expectancy_share == pytest.approx(0.17 / 4)
    assert (told.average_win, told.average_loss) == (12, -3.5)
    assert (told.profit, told.fees) == (21, 4)
    assert told.exposure == 1


@pytest.mark.parametrize(
    ("case", "trades", "share"),
    [
        ("out at the open of bar 3", [(1, 3, 1, 0, Reason.SIGNAL)], 2 / 8),
        ("two at once count once", [(1, 4, 1, 0, Reason.STOP), (2, 3, 1, 0, Reason.STOP)], 3 / 8),
        ("in and out in one bar", [(5, 5, 1, 0, Reason.STOP)], 1 / 8),
        ("to the last close", [(6, 7, 1, 0, Reason.END)], 2 / 8),
        ("never", [], 0),
    ],
)
def test_exposure(case, trades, share):
    assert measure(result([100] * 8, trades=trades)).exposure == share


def test_what_cannot_be_told_is_none():
    told = measure(result([100.0], bar_seconds=60))
    unknown = {each.name for each in fields(told) if getattr(told, each.name) is None}
    assert unknown == {
        *("annualised", "volatility", "sharpe", "sortino", "calmar", "win_rate"),
        *("profit_factor", "expectancy", "expectancy_share", "average_win", "average_loss"),
    }
    assert measure(result([50, 0.0])).annualised == -1


def test_growth_that_no_year_could_hold_is_not_annualised():
    assert measure(result([1000.0])).annualised is None


def test_of_a_run():
    bars = [(100, 101, 99, 100), (100, 106, 99, 105), (105, 112, 104, 110), (110, 111, 109, 110)]
    settings = plain(taker_fee=0.001, funding=0.001, funding_seconds=120)
    told = measure(trade(bars, settings, bar=[0, 2], action=[Do.OPEN, Do.CLOSE]))
    # Bought at 100, funding of 0.105 at the second minute, sold at 110.
    assert (told.profit, told.fees) == (pytest.approx(10), pytest.approx(0.21))
    assert told.funding == pytest.approx(0.105)
    assert told.returned == pytest.approx((10 - 0.21 - 0.105) / 10_000)
    assert told.exposure == 0.5


def test_what_is_still_held_is_exposed():
    flat = (100, 101, 99, 100)
    told = measure(trade([flat] * 4, plain(closes_at_end=False), bar=[1]))
    assert (told.trades, told.exposure) == (0, 0.5)


def test_without_a_curve_the_rest_is_known():
    market = {BTC: candles((100, 101, 99, 100), (100, 106, 99, 105))}
    told = measure(run(market, {BTC: Intents.of([0])}, plain(with_curve=False)))
    assert (told.drawdown, told.sharpe) == (None, None)
    assert told.returned == pytest.approx(5 / 10_000)


def test_without_records_nothing_is_measured():
    flat = (100, 101, 99, 100)
    told = trade([flat] * 4, plain(with_records=False), bar=[1])
    assert (told.trade_count, len(told.trades)) == (1, 0)
    with pytest.raises(BadParameters):
        measure(told)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=300), st.integers(1, 30))
def test_the_deepest_fall_and_the_longest_time_below_a_peak(curve, start):
    peak, depth, below, longest = start, 0.0, 0, 0
    for worth in curve:
        peak, below = (worth, 0) if worth >= peak else (peak, below + 1)
        depth, longest = max(depth, (peak - worth) / peak), max(longest, below)
    told = deepest(np.array(curve, np.float64), np.float64(start))
    assert told == (pytest.approx(depth), longest)
