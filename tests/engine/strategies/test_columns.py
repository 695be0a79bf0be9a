"""A rule over whole columns says of each bar what it says when it is asked about that bar alone."""

import warnings
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.candle import bars_of
from engine.errors import BadParameters
from engine.indicators import atr, deviation, ema, macd, rsi, sma, supertrend, true_range
from engine.indicators.windows import (
    deviations,
    exponential,
    histograms,
    means,
    strengths,
    trends,
    wilder,
)
from engine.strategies import LIBRARY, space
from engine.strategies.found import market
from engine.strategies.wishes import price_of, rounded
from tests.golden.markets import RECORDED, candles_of, recording

COLUMNAR = sorted(code for code, strategy in LIBRARY.items() if strategy.columns is not None)
# As many bars as are decided on one by one, on each market.
ASKED = 120


def test_most_of_the_library_tells_whole_columns():
    bar_by_bar = {"market_regime", "mtf", "smc", "smc_fibo", "smc_fibo_flex"}
    assert set(COLUMNAR) == set(LIBRARY) - bar_by_bar


def markets():
    yield market(3, 3000)
    if recording() is None:
        warnings.warn("the recorded market is not here: columns are not tried on it", stacklevel=1)
        return
    yield from (candles_of(RECORDED, timeframe) for timeframe in ("1m", "15m"))


def tried(strategy):
    """The defaults, and parameters from all over the bounds."""
    yield strategy.read_params({})
    chance = np.random.default_rng(5)
    for _ in range(3):
        with suppress(BadParameters):
            drawn = {name: draw(chance, span) for name, span in space(strategy).items()}
            yield strategy.read_params(drawn)


def draw(chance, span):
    if span.choices:
        return span.choices[chance.integers(len(span.choices))]
    if span.kind == "int":
        return int(chance.integers(span.least, min(span.most, 60) + 1))
    return float(np.exp(chance.uniform(np.log(span.least + 1e-3), np.log(span.most))))


@pytest.mark.parametrize("code", COLUMNAR)
def test_columns_are_what_is_decided_bar_by_bar(code):
    strategy, spoke = LIBRARY[code], 0
    for whole in markets():
        for params in tried(strategy):
            needed = strategy.candles_needed(params)
            seen = bars_of(whole, 0, min(len(whole), needed + 2 * ASKED))
            told = strategy.columns(seen, params)
            assert len(told.way) == len(seen) - needed + 1
            speaking = np.flatnonzero(told.way)
            some_bars = {*speaking[:ASKED].tolist(), *range(0, len(told.way), 5)}
            for at in sorted(some_bars):
                alone = strategy.decide(bars_of(seen, at, at + needed, copied=True), params)
                assert told.intent(at) == alone, (params, at)
            spoke += len(speaking)
    assert spoke > 0


WHOLE = market(11, 700)
CLOSE = WHOLE.close


@pytest.mark.parametrize("shown", [60, 61, 300])
def test_windows_are_what_indicators_tell_of_each_window_alone(shown):
    high, low = WHOLE.high, WHOLE.low
    ranges = true_range(high, low, CLOSE)
    averages, strong = exponential(CLOSE, shown, 12), strengths(CLOSE, shown, 14)
    apart, usual = histograms(CLOSE, shown, 12, 26, 9), wilder(ranges, shown, 10)
    before, now, line = trends((high + low) / 2, CLOSE, ranges, shown=shown, period=10, ranges=3.0)
    for first in range(len(CLOSE) - shown + 1):
        part = slice(first, first + shown)
        close, bars = CLOSE[part], (high[part], low[part], CLOSE[part])
        followed = supertrend(*bars, period=10, ranges=3.0)
        for told, column in [
            (averages, ema(close, 12)),
            (strong, rsi(close, 14)),
            (apart, macd(close).histogram),
            (usual, atr(*bars, 10)),
        ]:
            assert np.allclose([told[0][first], told[1][first]], column[-2:], 1e-9, 1e-9)
        assert [before[first] > 0, now[first] > 0] == followed.is_up[-2:].tolist()
        assert np.isclose(line[first], followed.line[-1], 1e-12, 0)


def test_means_and_deviations_are_those_of_talib():
    assert np.allclose(means(CLOSE, 20), sma(CLOSE, 20)[19:], 1e-12, 0)
    assert np.allclose(deviations(CLOSE, 20), deviation(CLOSE, 20)[19:], 1e-9, 1e-12)


@given(
    some.floats(1e-9, 1e15)
    | some.integers(10**9, 10**10).map(lambda whole: (whole + 0.5) / 1e5)
    | some.integers(-9, 15).map(lambda power: 10.0**power)
)
def test_levels_are_rounded_as_prices_are(level):
    told = rounded(np.array([level, np.nan]))
    assert Decimal(repr(told[0].item())) == price_of(level)
    assert np.isnan(told[1])
