"""Longer bars made of shorter ones."""

from typing import NamedTuple

from engine.candle import Candles, seconds
from engine.errors import BadCandles


class Resampled(NamedTuple):
    """The longer bars, and how many shorter ones at each edge fill none of them."""

    candles: Candles
    left_out_before: int
    left_out_after: int


def resample(candles: Candles, timeframe: str) -> Resampled:
    """Bars of a longer timeframe, each made of all its shorter ones; the unfilled are dropped."""
    short, long = seconds(candles.timeframe), seconds(timeframe)
    if long % short:
        raise BadCandles(
            "bars are joined only to a multiple of their timeframe",
            timeframe=candles.timeframe,
            wanted=timeframe,
        )
    if int(candles.opened_at[0]) % short:
        raise BadCandles("bars do not begin on their timeframe", row=0)
    in_one = long // short
    before = -int(candles.opened_at[0]) % long // short
    count = (len(candles) - before) // in_one
    if count < 1:
        raise BadCandles("the bars fill no bar of this timeframe", wanted=timeframe)
    whole = slice(before, before + count * in_one)
    grid = (count, in_one)
    joined = Candles(
        timeframe=timeframe,
        opened_at=candles.opened_at[whole][::in_one].copy(),
        open=candles.open[whole][::in_one].copy(),
        high=candles.high[whole].reshape(grid).max(axis=1),
        low=candles.low[whole].reshape(grid).min(axis=1),
        close=candles.close[whole][in_one - 1 :: in_one].copy(),
        volume=candles.volume[whole].reshape(grid).sum(axis=1),
    )
    return Resampled(joined, before, len(candles) - whole.stop)
