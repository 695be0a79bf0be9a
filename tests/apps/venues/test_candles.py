"""Candles of the paper venue are those of its market."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from apps.venues.selectors import candles, instrument, instruments
from engine.errors import UnknownInstrument
from engine.paper.generated import GeneratedMarket
from tests.factories import InstrumentFactory

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_paper_candles_are_the_markets_own_and_closed():
    series = candles(venue="paper", symbol="BTC/USDT", timeframe="2s", bars=11, now=NOW)
    market = GeneratedMarket().candles("BTC/USDT", "2s", 11, int(NOW.timestamp() * 1000))
    assert len(series) == 11
    assert series.closed_at <= NOW.timestamp()
    assert np.array_equal(series.close, market.close)


def test_a_symbol_nobody_trades_is_refused():
    with pytest.raises(UnknownInstrument):
        candles(venue="paper", symbol="MOON/USDT", timeframe="2s", bars=11, now=NOW)


@pytest.mark.django_db
def test_instruments_are_each_venues_own():
    InstrumentFactory(venue="okx", tick=Decimal("0.5"))
    InstrumentFactory(venue="paper", symbol="ETH/USDT")
    assert set(instruments("okx")) == {"BTC/USDT"}
    assert instrument(venue="okx", symbol="BTC/USDT").tick == Decimal("0.5")
    with pytest.raises(UnknownInstrument, match="paper has not described BTC/USDT"):
        instrument(venue="paper", symbol="BTC/USDT")
