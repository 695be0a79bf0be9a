"""The paper market: the same price for everybody, at any moment, always on the tick."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.candle import TIMEFRAMES, seconds
from engine.errors import BadCandles, UnknownInstrument
from engine.venues.paper_market import STEP_MS, SYMBOLS, PaperMarket

MARKET = PaperMarket()
symbols = st.sampled_from(sorted(SYMBOLS))
moments = st.floats(0, 4_102_444_800)
NOW = 1_800_000_000.0


@settings(max_examples=200, deadline=None)
@given(symbols, moments)
def test_any_moment_has_a_price_on_the_tick(symbol, at):
    price = MARKET.price(symbol, at)
    shape = SYMBOLS[symbol]
    assert price % shape.instrument.tick == 0
    most = sum(height for _, height in shape.waves) + shape.noise
    assert abs(float(price) / shape.level - 1) <= most + 1e-3


@settings(max_examples=150, deadline=None)
@given(symbols, st.sampled_from(sorted(TIMEFRAMES)), moments.filter(lambda at: at > 200 * 86_400))
def test_a_candle_opens_and_closes_at_the_price_of_that_moment(symbol, timeframe, now):
    length, tick = seconds(timeframe), SYMBOLS[symbol].instrument.tick
    candles = MARKET.candles(symbol, timeframe, 3, now)
    assert len(candles) == 3
    assert candles.closed_at <= now < candles.closed_at + length
    for bar in range(3):
        opened = int(candles.opened_at[bar])
        last = opened + length - STEP_MS / 1000
        for column, at in ((candles.open, opened), (candles.close, last)):
            assert abs(Decimal(float(column[bar])) - MARKET.price(symbol, at)) < tick / 100


def test_a_later_look_tells_the_same_past():
    early = MARKET.candles("BTC/USDT", "1m", 50, NOW)
    late = MARKET.candles("BTC/USDT", "1m", 60, NOW + 600)
    assert (early.close == late.close[:50]).all()
    assert (early.opened_at == late.opened_at[:50]).all()


def test_a_short_candle_holds_every_price_of_its_time():
    candles = MARKET.candles("ETH/USDT", "5s", 4, NOW)
    for bar, opened in enumerate(candles.opened_at):
        inside = [
            float(MARKET.price("ETH/USDT", int(opened) + step * STEP_MS / 1000))
            for step in range(5000 // STEP_MS)
        ]
        assert candles.high[bar] == pytest.approx(max(inside))
        assert candles.low[bar] == pytest.approx(min(inside))


def test_the_market_moves():
    closes = MARKET.candles("SOL/USDT", "5s", 100, NOW).close
    assert len(set(closes)) > 50


ASK = """
from engine.venues.paper_market import PaperMarket, SYMBOLS
market = PaperMarket()
for symbol in sorted(SYMBOLS):
    print(market.price(symbol, 1_800_000_000.5))
    print(market.candles(symbol, "1m", 20, 1_800_000_000.0).close.tobytes().hex())
"""


def test_every_process_computes_the_same_market():
    told = {
        subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(told) == 1
    first = told.pop().split()[0].decode()
    assert Decimal(first) == MARKET.price(sorted(SYMBOLS)[0], 1_800_000_000.5)


def test_an_unknown_symbol_or_timeframe_is_named():
    with pytest.raises(UnknownInstrument):
        MARKET.price("DOGE/USDT", NOW)
    with pytest.raises(BadCandles, match="unknown timeframe"):
        MARKET.candles("BTC/USDT", "7m", 3, NOW)
