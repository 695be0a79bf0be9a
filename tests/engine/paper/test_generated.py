"""The paper market: the same price for everybody, at any moment, always on the tick."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.candle import TIMEFRAMES, seconds
from engine.errors import BadCandles, UnknownInstrument
from engine.paper.generated import MOST_STEPS, STEP_MS, SYMBOLS, GeneratedMarket
from engine.paper.market import Tick

MARKET = GeneratedMarket()
DAY_MS = 86_400_000
symbols = st.sampled_from(sorted(SYMBOLS))
moments = st.integers(0, 4_102_444_800_000)
NOW = 1_800_000_000_000


@settings(max_examples=200, deadline=None)
@given(symbols, moments)
def test_any_moment_has_a_price_on_the_tick(symbol, at):
    price = MARKET.price(symbol, at)
    shape = SYMBOLS[symbol]
    assert price % shape.instrument.tick == 0
    most = sum(height for _, height in shape.waves) + shape.noise
    assert abs(float(price) / shape.level - 1) <= most + 1e-3


@settings(max_examples=150, deadline=None)
@given(symbols, st.sampled_from(sorted(TIMEFRAMES)), st.integers(200 * DAY_MS, 1 << 42))
def test_a_candle_opens_and_closes_at_the_price_of_that_moment(symbol, timeframe, now):
    length, tick = seconds(timeframe), SYMBOLS[symbol].instrument.tick
    candles = MARKET.candles(symbol, timeframe, 3, now)
    assert len(candles) == 3
    assert candles.closed_at * 1000 <= now < (candles.closed_at + length) * 1000
    for bar in range(3):
        opened = int(candles.opened_at[bar]) * 1000
        last = opened + length * 1000 - STEP_MS
        for column, at in ((candles.open, opened), (candles.close, last)):
            assert abs(Decimal(float(column[bar])) - MARKET.price(symbol, at)) < tick / 100


def test_a_later_look_tells_the_same_past():
    early = MARKET.candles("BTC/USDT", "1m", 50, NOW)
    late = MARKET.candles("BTC/USDT", "1m", 60, NOW + 600_000)
    assert (early.close == late.close[:50]).all()
    assert (early.opened_at == late.opened_at[:50]).all()


def test_a_short_candle_holds_every_price_of_its_time():
    candles = MARKET.candles("ETH/USDT", "5s", 4, NOW)
    for bar, opened in enumerate(candles.opened_at):
        inside = [
            float(MARKET.price("ETH/USDT", int(opened) * 1000 + step * STEP_MS))
            for step in range(5000 // STEP_MS)
        ]
        assert candles.high[bar] == pytest.approx(max(inside))
        assert candles.low[bar] == pytest.approx(min(inside))


def test_a_path_goes_through_every_price_in_between():
    path = list(MARKET.path(["BTC/USDT", "SOL/USDT"], NOW, NOW + 10_000))
    assert [tick.at_ms for tick in path] == list(range(NOW + STEP_MS, NOW + 10_001, STEP_MS))
    assert all(
        tick.prices[symbol] == MARKET.price(symbol, tick.at_ms)
        for tick in path
        for symbol in ("BTC/USDT", "SOL/USDT")
    )
    assert list(MARKET.path(["BTC/USDT"], NOW, NOW + STEP_MS - 1)) == []


def test_a_path_through_days_ends_where_it_should_and_is_no_longer_than_an_hours():
    path = list(MARKET.path(["BTC/USDT"], NOW, NOW + 5 * DAY_MS))
    assert len(path) <= MOST_STEPS == 3_600_000 // STEP_MS
    assert path[-1] == Tick(NOW + 5 * DAY_MS, MARKET.prices(NOW + 5 * DAY_MS, ["BTC/USDT"]))


def test_the_market_moves():
    closes = MARKET.candles("SOL/USDT", "5s", 100, NOW).close
    assert len(set(closes)) > 50


ASK = """
from engine.paper.generated import GeneratedMarket, SYMBOLS
market = GeneratedMarket()
for symbol in sorted(SYMBOLS):
    print(market.price(symbol, 1_800_000_000_500))
    print(market.candles(symbol, "1m", 20, 1_800_000_000_000).close.tobytes().hex())
"""


def test_every_process_computes_the_same_market():
    told = {
        subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(told) == 1
    first = told.pop().split()[0].decode()
    assert Decimal(first) == MARKET.price(sorted(SYMBOLS)[0], 1_800_000_000_500)


def test_an_unknown_symbol_or_timeframe_is_named():
    with pytest.raises(UnknownInstrument):
        MARKET.price("DOGE/USDT", NOW)
    with pytest.raises(BadCandles, match="unknown timeframe"):
        MARKET.candles("BTC/USDT", "7m", 3, NOW)
