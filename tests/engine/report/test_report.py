"""A report is plain data that can be kept; what cannot be told is null, and never NaN."""

import csv
import io
import json
from math import sqrt

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import Intents, Settings, Sizing, measure, run
from engine.backtest.metrics import day_returns
from engine.candle import Candles
from engine.errors import BadParameters
from engine.report import from_json, report_of, to_json, trades_csv, trades_parquet
from engine.report.bootstrap import OF_DAYS, OF_TRADES, Interval, drawn, intervals, places
from engine.report.report import Report
from engine.report.thin import kept_places, merged
from tests.engine.backtest.markets import BTC, plain, walk
from tests.engine.backtest.test_metrics import result

HOUR = 3600


def hours(bars, seed=4):
    made = walk(seed, bars, tick=0.01)
    return Candles("1h", made.opened_at * 60, *(getattr(made, name) for name in made.__slots__[2:]))


def reported(candles, *, bars=(), settings=None, **changes):
    """The report of a run that opens and closes in turn on these bars."""
    settings = settings or Settings(sizing=Sizing.NOTIONAL, size=500)
    turns = Intents.of(list(bars), action=[place % 2 for place in range(len(bars))])
    done = run({BTC: candles}, {BTC: turns}, settings)
    told = {"strategy": "turns", "params": {"fast": 3}, "candles": {BTC: candles}}
    return report_of(done, settings=settings, **told | changes)


REPORT = reported(hours(900), bars=range(5, 880, 9))


def test_the_same_figures_as_are_measured():
    assert REPORT.figures["trades"] == len(REPORT.trades["net"]) > 40
    assert sum(REPORT.trades["net"]) / 10_000 == pytest.approx(REPORT.figures["returned"])
    assert sum(each.net for each in REPORT.by_month) == pytest.approx(sum(REPORT.trades["net"]))
    grown = np.prod([1 + each.returned for each in REPORT.by_month])
    assert grown - 1 == pytest.approx(REPORT.figures["returned"])
    assert REPORT.curve["equity"][-1] == pytest.approx(10_000 * grown)
    assert max(REPORT.curve["drawdown"]) == pytest.approx(REPORT.figures["drawdown"])
    assert REPORT.settings["sizing"] == "notional"


FLAT = Candles("1h", np.arange(50) * HOUR, *np.full((4, 50), 100.0), np.ones(50))
FALLING = np.linspace(200, 100, 400)
LOSING = Candles("1h", np.arange(400) * HOUR, *[FALLING] * 4, np.ones(400))


@pytest.mark.parametrize(
    ("case", "report"),
    [
        ("no trades", reported(hours(300))),
        ("one bar", reported(hours(1))),
        ("one trade", reported(hours(300), bars=[5, 9])),
        ("all losses", reported(LOSING, bars=range(2, 390, 8))),
        ("zero variance", reported(FLAT, bars=[2, 5], settings=plain())),
        ("no curve", reported(hours(300), bars=[5, 9], settings=plain(with_curve=False))),
        ("everything lost", reported(LOSING, bars=[1], settings=Settings(size=1, leverage=50))),
        ("much", REPORT),
    ],
)
def test_any_report_can_be_kept_and_read_back(case, report):
    def refuse(word):
        raise AssertionError(f"{word} in JSON")

    told = json.loads(to_json(report), parse_constant=refuse)
    assert told["figures"] == pytest.approx(report.figures)
    assert from_json(to_json(report)) == report
    for values in (report.figures, *report.trades.values(), *report.curve.values()):
        numbers = values.values() if isinstance(values, dict) else values
        assert all(each is None or isinstance(each, str) or np.isfinite(each) for each in numbers)


def test_what_cannot_be_told():
    nothing = reported(hours(300)).figures
    assert [nothing[name] for name in ("win_rate", "profit_factor", "sharpe")] == [None] * 3
    losses = reported(LOSING, bars=range(2, 390, 8))
    assert (losses.figures["win_rate"], losses.figures["profit_factor"]) == (0, 0)
    assert losses.streaks.losses == losses.figures["trades"] > 10


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"strategy": 3}'])
def test_what_is_no_report(text):
    with pytest.raises(BadParameters, match="no report"):
        from_json(text)


def test_trades_as_csv():
    rows = list(csv.DictReader(io.StringIO(trades_csv(REPORT))))
    assert len(rows) == len(REPORT.trades["net"])
    assert [float(row["net"]) for row in rows] == REPORT.trades["net"]
    assert (rows[0]["symbol"], rows[0]["reason"]) == (BTC, "signal")
    assert rows[0]["entered_at"] == "1970-01-01T06:00:00+00:00"
    assert trades_csv(reported(hours(30))).splitlines() == [",".join(REPORT.trades)]


def test_trades_as_parquet():
    told = pyarrow.parquet.read_table(io.BytesIO(trades_parquet(REPORT)))
    assert told.column_names == list(REPORT.trades)
    assert told["net"].to_pylist() == REPORT.trades["net"]
    assert told["entered_at"][0].as_py().isoformat() == "1970-01-01T06:00:00+00:00"
    nothing = pyarrow.parquet.read_table(io.BytesIO(trades_parquet(reported(hours(30)))))
    assert (nothing.num_rows, nothing.schema) == (0, told.schema)


def test_the_same_seed_tells_the_same_intervals():
    done = result([100 + day % 7 for day in range(60)])
    assert intervals(done, seed=1) == intervals(done, seed=1) != intervals(done, seed=2)


def test_intervals_hold_the_figure_and_narrow_with_more_days():
    chance = np.random.default_rng(5)
    days = chance.normal(0.001, 0.01, 2000)
    widths = []
    for count in (100, 2000):
        told = drawn(days[:count], OF_DAYS, 1, np.random.default_rng(0), 400)["sharpe"]
        assert told.low < OF_DAYS["sharpe"](days[:count]) < told.high
        widths.append(told.high - told.low)
    # The deviation of a mean falls with the root of the days.
    assert widths[0] / widths[1] == pytest.approx(sqrt(20), rel=0.3)


def test_how_often_an_interval_holds_the_truth():
    chance, held = np.random.default_rng(6), 0
    for _ in range(100):
        net = chance.normal(1, 5, 80)
        told = drawn(net, {"expectancy": OF_TRADES["expectancy"]}, 1, chance, 200)["expectancy"]
        held += told.low <= 1 <= told.high
    assert 88 <= held <= 99


def test_too_little_to_draw_from():
    assert intervals(result([100.0, 101, 102])) == {}
    always = drawn(np.ones(20), OF_TRADES, 1, np.random.default_rng(0), 50)
    assert always == {"win_rate": Interval(1, 1), "expectancy": Interval(1, 1)}


def test_figures_of_days_are_those_that_are_measured():
    done = result([100, 103, 99, 104, 101, 107, 103.0])
    told, days = measure(done), day_returns(done)
    for name, figure in OF_DAYS.items():
        assert figure(days) == pytest.approx(getattr(told, name))


@given(st.integers(1, 50), st.integers(1, 9), st.integers(0, 99))
def test_blocks_of_places(count, block, seed):
    told = places(count, block, np.random.default_rng(seed))
    assert len(told) == count
    assert ((told >= 0) & (told < count)).all()
    inside = np.arange(1, count) % block != 0
    assert ((np.diff(told) % count == 1 % count) | ~inside).all()


@given(st.lists(st.integers(-99, 99), min_size=1, max_size=300), st.integers(4, 40))
def test_thin_curves_keep_their_ends_and_extremes(values, points):
    column = np.array(values, np.float64)
    kept = kept_places([column], points)
    assert (kept[0], kept[-1]) == (0, len(column) - 1)
    assert (np.diff(kept) > 0).all()
    assert (column[kept].min(), column[kept].max()) == (column.min(), column.max())
    assert len(kept) <= max(points, min(points, len(column))) + 2


@given(st.integers(1, 200), st.integers(1, 50))
def test_merged_candles_are_those_of_their_neighbours(bars, most):
    candles = walk(2, bars)
    told = merged(candles, most)
    assert len(told["open"]) <= most
    assert max(told["high"]) == candles.high.max()
    assert min(told["low"]) == candles.low.min()
    assert (told["open"][0], told["close"][-1]) == (candles.open[0], candles.close[-1])
    assert told["close"][:-1] == [
        candles.close[np.searchsorted(candles.opened_at, at) - 1] for at in told["opened_at"][1:]
    ]


def test_a_report_is_the_same_however_often_it_is_made():
    again = reported(hours(900), bars=range(5, 880, 9))
    assert isinstance(again, Report)
    assert to_json(again) == to_json(REPORT)
