"""A month of one-minute bars of a perpetual, where the shared data are there."""

import csv
import gzip
from datetime import UTC, datetime
from math import nan
from pathlib import Path

import numpy as np
import pytest

from engine.backtest import Do, Intents, Kind, Margin, Settings, Sizing, crossings, measure, run
from engine.candle import Candles
from engine.indicators import ema
from tests.engine.backtest.markets import BTC
from tests.engine.backtest.slow import Order, run_slowly

WHERE = Path("shared/data/market/btc-perp-1m.csv.gz")


@pytest.fixture(scope="module")
def market():
    found = next((up / WHERE for up in Path(__file__).parents if (up / WHERE).exists()), None)
    if found is None:
        pytest.skip(f"the recorded market is nowhere above: {WHERE}")
    with gzip.open(found, "rt") as lines:
        rows = list(csv.DictReader(lines))
    starts = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC) for row in rows]
    columns = [
        np.array([row[name] for row in rows], np.float64)
        for name in ("open", "high", "low", "close", "volume")
    ]
    opened_at = np.array([start.timestamp() for start in starts]).astype(np.int64)
    return Candles("1m", opened_at, *columns)


def cross(market):
    bars, rises = crossings(ema(market.close, 12), ema(market.close, 26))
    return bars, rises, Intents.of(bars, direction=~rises, stop=0.005, target=0.01)


@pytest.mark.parametrize("margin", Margin)
def test_a_cross_comes_to_what_the_slow_one_says(market, margin):
    settings = Settings(
        sizing=Sizing.MARGIN,
        size=0.2,
        leverage=10,
        margin=margin,
        slip=0.0001,
        funding=0.0001,
        levels_from_entry=True,
    )
    bars, rises, intents = cross(market)
    told = run({BTC: market}, {BTC: intents}, settings)
    rates = np.where(market.opened_at % (8 * 3600) == 0, 0.0001, 0.0).tolist()
    slow = run_slowly({BTC: market}, list(orders(bars, rises)), settings, {BTC: rates})
    assert told.equity == pytest.approx(slow.worth(), rel=1e-9)
    assert told.trade_count == len(slow.trades) > 1000
    assert told.curve == pytest.approx(np.array(slow.curve), rel=1e-9)
    assert measure(told).liquidations == 0


def orders(bars, rises):
    for number, (bar, rises_now) in enumerate(zip(bars.tolist(), rises.tolist(), strict=True)):
        yield Order(
            number=number,
            bar=bar,
            symbol=BTC,
            action=Do.OPEN,
            sign=1 if rises_now else -1,
            kind=Kind.MARKET,
            price=nan,
            stop=0.005,
            target=0.01,
            target_part=nan,
            trail=nan,
            trail_from=nan,
            size=nan,
            volatility=nan,
            bars=0,
        )
