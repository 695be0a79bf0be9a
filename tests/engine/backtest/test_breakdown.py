"""Trades in parts, worked out by hand and beside a slow reference."""

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import Reason
from engine.backtest.breakdown import Streaks, by_direction, by_month, by_reason, longest, streaks
from tests.engine.backtest.test_metrics import DAY, result

CLOSED = [
    (0, 1, 11, 1, Reason.SIGNAL),  # 10
    (1, 3, -3, 1, Reason.STOP),  # -4
    (2, 3, 15, 1, Reason.STOP),  # 14
    (3, 3, 1, 1, Reason.TARGET),  # 0
]


def test_by_reason():
    told = by_reason(result([100, 100, 100, 120], trades=CLOSED).trades)
    assert list(told) == ["signal", "stop", "target"]
    stop = told["stop"]
    assert (stop.trades, stop.win_rate, stop.net, stop.profit_factor) == (2, 0.5, 10, 3.5)
    assert (stop.expectancy, stop.bars) == (5, 1.5)
    # Nothing was lost, and nothing won.
    assert told["signal"].profit_factor is None
    assert (told["target"].win_rate, told["target"].profit_factor) == (0, None)


def test_by_direction_of_nothing():
    told = by_direction(result([100.0]).trades)
    assert [each.trades for each in told.values()] == [0, 0]
    assert told["long"].win_rate is None
    assert by_reason(result([100.0]).trades) == {}


def test_by_direction():
    short = result([100, 100, 100, 120], trades=CLOSED)
    short.trade_table[1, 0] = 1
    told = by_direction(short.trades)
    assert (told["long"].trades, told["long"].net) == (3, 24)
    assert (told["short"].trades, told["short"].net) == (1, -4)


def test_months():
    # Days from the 30th of January 1970 on: two bars in January, three in February.
    days = result([110, 99, 99, 120, 118.8], trades=[(0, 1, 5, 0, 0), (1, 2, -2, 0, 0)])
    days.opened_at[:] += 29 * DAY
    january, february = by_month(days)
    assert (january.month, january.trades, january.net) == ("1970-01", 1, 5)
    assert january.returned == 99 / 100 - 1
    assert (february.month, february.trades, february.net) == ("1970-02", 1, -2)
    assert february.returned == 118.8 / 99 - 1


def test_a_month_after_all_is_lost():
    lost = result([50, 0, 0.0])
    lost.opened_at[:] += 29 * DAY
    assert [each.returned for each in by_month(lost)] == [-1, None]


def test_streaks():
    won = [(0, 1, each, 0, Reason.SIGNAL) for each in (1, 2, 0, 3, -1, -1, -1, 4, 5)]
    assert streaks(result([100] * 2, trades=won).trades) == Streaks(wins=2, losses=3)
    assert streaks(result([100.0]).trades) == Streaks(0, 0)


@given(st.lists(st.booleans(), max_size=40))
def test_the_longest_row(flags):
    runs = [len(list(run)) for flag, run in groupby(flags) if flag]
    assert longest(np.array(flags, bool)) == max(runs, default=0)
