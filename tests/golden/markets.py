"""Two markets: one that is made, and a month of a perpetual, where the recording is there."""

from functools import cache
from pathlib import Path

from engine.candle import Candles
from engine.market import read_csv, resample
from engine.strategies.found import market

MADE, RECORDED = "made", "btc-perp"
TIMEFRAMES = {MADE: ["1m"], RECORDED: ["1m", "5m", "15m", "1h"]}
BARS = 45_031
WHERE = Path("shared/data/market/btc-perp-1m.csv.gz")


def recording() -> Path | None:
    """Where the month of one-minute bars is: beside the repository, as far up as it takes."""
    return next((up / WHERE for up in Path(__file__).parents if (up / WHERE).exists()), None)


@cache
def minutes(name: str) -> Candles:
    if name == MADE:
        return market(7, 1000)
    candles = read_csv(recording(), "1m").candles
    assert len(candles) == BARS
    return candles


@cache
def candles_of(name: str, timeframe: str) -> Candles:
    whole = minutes(name)
    return whole if timeframe == "1m" else resample(whole, timeframe).candles
