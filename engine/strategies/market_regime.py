"""Market regime: three witnesses say whether the market trends or ranges, and the rule follows.

ADX, the width of the Bollinger band and the order of three averages vote; two votes make a
regime, otherwise nothing is done. A trend is followed. In a range `legs` opens both
directions; `decide`, which has one answer, takes the leg that faces the middle of the band.

Stop and target are shares of the margin: at a leverage of 20 a share of 0.5 is 2.5 % of the
price. A target of 0 is none, for who trails the stop instead.

The cool-down counts bars from the last stop of the rule's own entries, replayed over the bars
it is shown with its stops, targets and filters: so it needs no memory and holds live too.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.candle import Candles
from engine.indicators import bollinger, ema, macd, mean_range, rsi, sma, trend_of, volume_ratio
from engine.signal import Direction, Intent
from engine.strategies.base import (
    SAME,
    Params,
    Strategy,
    opening,
    settled,
    settled_wilder,
    sign,
)

Other = Annotated[
    Annotated[float, Meta(ge=0, le=20)] | None,
    Meta(description="target of this regime as a share of the margin, where it differs"),
]
OtherStop = Annotated[
    Annotated[float, Meta(ge=0.01, le=20)] | None,
    Meta(description="stop of this regime as a share of the margin, where it differs"),
]
# The width of the band beyond which it speaks of a trend, in squeeze thresholds.
WIDE = 2.0
# The replay of own entries starts this many bars before the cool-down.
REPLAYED = 100
UP, DOWN = 1, -1


class MarketRegime(Params, frozen=True, kw_only=True):
    adx_period: Annotated[int, Meta(ge=2, le=100, description="bars of the ADX")] = 14
    adx_trend: Annotated[
        float, Meta(ge=1, le=100, description="ADX from which it votes for a trend")
    ] = 25.0
    adx_range: Annotated[
        float, Meta(ge=0, le=99, description="ADX up to which it votes for a range")
    ] = 15.0
    bb_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    bb_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    bb_squeeze_threshold: Annotated[
        float,
        Meta(ge=0.001, le=0.5, description="width, as a share of the middle, of a narrow band"),
    ] = 0.02
    ma_periods: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=400)], ...],
        Meta(min_length=3, max_length=3, description="bars of the three averages, rising"),
    ] = (10, 20, 50)
    sl_tp_mode: Annotated[
        Literal["margin_pct", "atr"],
        Meta(description="stop and target as shares of the margin, or in usual ranges"),
    ] = "margin_pct"
    leverage: Annotated[
        int, Meta(ge=1, le=125, description="turns a share of the margin into one of the price")
    ] = 20
    tp_pct: Annotated[
        float, Meta(ge=0, le=20, description="target as a share of the margin; 0 for none")
    ] = 1.2
    sl_pct: Annotated[float, Meta(ge=0.01, le=20, description="stop as a share of the margin")] = (
        0.3
    )
    ranging_tp_pct: Other = None
    ranging_sl_pct: OtherStop = None
    trending_tp_pct: Other = None
    trending_sl_pct: OtherStop = None
    skip_ranging: Annotated[bool, Meta(description="trade trends only")] = False
    atr_period: Annotated[int, Meta(ge=2, le=200, description="bars of the usual range")] = 14
    atr_mult_sl: Annotated[
        float, Meta(ge=0.1, le=20, description="stop in usual ranges, in the atr mode")
    ] = 1.2
    atr_mult_tp: Annotated[
        float, Meta(ge=0, le=50, description="target in usual ranges, in the atr mode; 0 for none")
    ] = 4.5
    rsi_filter: Annotated[
        bool, Meta(description="no trend is followed into an overbought or oversold market")
    ] = False
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    rsi_overbought: Annotated[
        float, Meta(ge=50, le=100, description="RSI from which a rise is not followed")
    ] = 70.0
    rsi_oversold: Annotated[
        float, Meta(ge=0, le=50, description="RSI up to which a fall is not followed")
    ] = 30.0
    macd_filter: Annotated[
        bool, Meta(description="no trend is followed against the MACD histogram")
    ] = True
    volume_filter: Annotated[
        bool, Meta(description="a trend is followed on sufficient volume only")
    ] = True
    volume_min_ratio: Annotated[
        float, Meta(ge=0, le=20, description="volume over that of the 20 bars before")
    ] = 1.0
    min_confidence: Annotated[
        int, Meta(ge=0, le=100, description="strength below which nothing is done")
    ] = 0
    cooldown_bars: Annotated[
        int, Meta(ge=0, le=500, description="bars to stay out after a stop")
    ] = 12

    def __post_init__(self) -> None:
        if self.adx_range >= self.adx_trend:
            raise ValueError("adx_range must be below adx_trend")
        if not self.ma_periods[0] < self.ma_periods[1] < self.ma_periods[2]:
            raise ValueError("ma_periods must rise")
        losses = (self.sl_pct, self.ranging_sl_pct or 0.0, self.trending_sl_pct or 0.0)
        if max(losses) >= self.leverage:
            raise ValueError("sl_pct must be below leverage, or the stop is below zero")

    def shares(self, *, trends: bool) -> tuple[float, float]:
        """Stop and target of a regime, as shares of the price."""
        stop = self.trending_sl_pct if trends else self.ranging_sl_pct
        target = self.trending_tp_pct if trends else self.ranging_tp_pct
        stop = self.sl_pct if stop is None else stop
        target = self.tp_pct if target is None else target
        return stop / self.leverage, target / self.leverage


class Regimes(NamedTuple):
    """The regime of every bar: whether it trends or ranges, how strongly, and which way."""

    trends: NDArray[np.bool_]
    ranges: NDArray[np.bool_]
    strength: NDArray[np.int64]
    way: NDArray[np.int8]


def candles_needed(params: MarketRegime) -> int:
    indicators = max(
        settled_wilder(params.adx_period) + params.adx_period,
        params.bb_period,
        settled(params.ma_periods[2]),
        settled(26) + 9,
        settled_wilder(params.rsi_period) if params.rsi_filter else 0,
        params.atr_period + 1,
        21,
    )
    return indicators + (REPLAYED + params.cooldown_bars if params.cooldown_bars else 0)


def regimes(candles: Candles, params: MarketRegime) -> Regimes:
    """The vote of the three witnesses, bar by bar."""
    close = candles.close
    trend = trend_of(candles.high, candles.low, close, params.adx_period)
    both = trend.rising + trend.falling
    # The mean of the directional index is a plain one: it forgets faster than Wilder's.
    index = np.where(np.isnan(both), np.nan, 0.0)
    np.divide(100 * np.abs(trend.rising - trend.falling), both, out=index, where=both > SAME)
    adx = sma(index, params.adx_period)
    adx_score = np.full(len(close), 40.0)
    adx_trends, adx_ranges = adx >= params.adx_trend, adx <= params.adx_range
    adx_score[adx_trends] = np.minimum(100, 50 + 2 * (adx - params.adx_trend))[adx_trends]
    adx_score[adx_ranges] = np.minimum(100, 50 + 2.5 * (params.adx_range - adx))[adx_ranges]

    narrow, wide = params.bb_squeeze_threshold, WIDE * params.bb_squeeze_threshold
    width = bollinger(close, params.bb_period, params.bb_std).width
    width_trends, width_ranges = width > wide, width < narrow
    width_score = np.full(len(close), 50.0)
    width_score[width_trends] = np.minimum(100, 60 + 40 * (width / wide - 1))[width_trends]
    width_score[width_ranges] = np.minimum(100, 60 + 40 * (1 - width / narrow))[width_ranges]

    fast, middle, slow = (ema(close, period) for period in params.ma_periods)
    rises = (fast - middle > SAME * middle) & (middle - slow > SAME * slow)
    falls = (middle - fast > SAME * middle) & (slow - middle > SAME * slow)
    order_trends = rises | falls
    order_score = np.where(order_trends, 80.0, 70.0)

    for_trend = np.stack((adx_trends, width_trends, order_trends))
    for_range = np.stack((adx_ranges, width_ranges, ~order_trends & ~np.isnan(slow)))
    trends = for_trend.sum(axis=0) >= 2
    ranges = for_range.sum(axis=0) >= 2
    weights = np.array([[0.4], [0.3], [0.3]])
    scores = np.stack((adx_score, width_score, order_score))
    supporting = np.where(trends, for_trend, for_range) * weights
    total = supporting.sum(axis=0)
    strength = np.full(len(close), 40.0)
    np.divide((supporting * scores).sum(axis=0), total, out=strength, where=trends | ranges)
    above_mean = close - sma(close, 20) >= 0
    way = np.where(rises, UP, np.where(falls, DOWN, np.where(above_mean, UP, DOWN)))
    # A whole number less the dust of the weighing is that number.
    return Regimes(trends, ranges, np.floor(strength + SAME).astype(np.int64), way.astype(np.int8))


def entries(candles: Candles, told: Regimes, params: MarketRegime) -> NDArray[np.bool_]:
    """The bars on which the regime and the filters would have something opened."""
    close = candles.close
    passes = told.trends.copy()
    if params.rsi_filter:
        strength = rsi(close, params.rsi_period)
        passes &= np.where(
            told.way == UP, strength < params.rsi_overbought, strength > params.rsi_oversold
        )
    if params.macd_filter:
        # Dust on the histogram of a steady market opposes nothing.
        passes &= macd(close).histogram * told.way >= -SAME * close
    if params.volume_filter:
        passes &= volume_ratio(candles.volume, 20) >= params.volume_min_ratio
    if not params.skip_ranging:
        passes |= told.ranges
    return np.asarray(passes & (told.strength >= params.min_confidence), dtype=np.bool_)


def distances(
    candles: Candles, trends: NDArray[np.bool_], params: MarketRegime
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the stop and the target of each bar stand from its close; 0 is no target."""
    close = candles.close
    if params.sl_tp_mode == "atr":
        usual = mean_range(candles.high, candles.low, close, params.atr_period)
        return params.atr_mult_sl * usual, params.atr_mult_tp * usual
    in_trend, in_range = params.shares(trends=True), params.shares(trends=False)
    stop = np.where(trends, in_trend[0], in_range[0]) * close
    target = np.where(trends, in_trend[1], in_range[1]) * close
    return stop, target


def facing(candles: Candles, told: Regimes, params: MarketRegime) -> NDArray[np.int8]:
    """The direction of one answer: with the trend, and in a range towards the middle."""
    middle = bollinger(candles.close, params.bb_period, params.bb_std).middle
    inward = np.where(candles.close - middle > SAME * middle, DOWN, UP)
    return np.where(told.trends, told.way, inward).astype(np.int8)


def is_resting(candles: Candles, told: Regimes, params: MarketRegime) -> bool:
    """Whether an entry of the rule's own was stopped within the cool-down.

    One entry at a time is followed from its close, a stop and a target in one bar being a stop.
    """
    if not params.cooldown_bars:
        return False
    last = len(candles) - 1
    first = last - params.cooldown_bars - REPLAYED + 1
    may_enter = entries(candles, told, params).tolist()
    ways = facing(candles, told, params).tolist()
    stops, targets = (column.tolist() for column in distances(candles, told.trends, params))
    highs, lows, closes = candles.high.tolist(), candles.low.tolist(), candles.close.tolist()
    stopped_at = first - params.cooldown_bars - 1
    way, stop, target = 0, 0.0, 0.0
    for bar in range(first, last + 1):
        if way:
            worst, best = (lows[bar], highs[bar]) if way == UP else (highs[bar], lows[bar])
            if way * (worst - stop) <= 0:
                way, stopped_at = 0, bar
            elif target and way * (best - target) >= 0:
                way = 0
        if not way and may_enter[bar] and bar - stopped_at >= params.cooldown_bars:
            way = ways[bar]
            stop = closes[bar] - way * stops[bar]
            target = closes[bar] + way * targets[bar] if targets[bar] else 0.0
    return last - stopped_at < params.cooldown_bars


def hedge(candles: Candles, params: MarketRegime) -> tuple[Intent, ...]:
    """Every leg to open on the last bar: one with a trend, both in a range."""
    told = regimes(candles, params)
    if not entries(candles, told, params)[-1] or is_resting(candles, told, params):
        return ()
    trends = bool(told.trends[-1])
    first = Direction.LONG if facing(candles, told, params)[-1] == UP else Direction.SHORT
    other = Direction.SHORT if first is Direction.LONG else Direction.LONG
    stop, target = (float(column[-1]) for column in distances(candles, told.trends, params))
    close = float(candles.close[-1])
    opened = [
        opening(
            candles,
            direction,
            stop=close - sign(direction) * stop,
            target=close + sign(direction) * target if target else None,
            confidence=int(told.strength[-1]),
            reason=f"the market {'trends' if trends else 'ranges'}",
        )
        for direction in ([first] if trends else [first, other])
    ]
    sound = tuple(intent for intent in opened if intent is not None)
    # Half a hedge is a bet that nobody asked for.
    return sound if len(sound) == len(opened) else ()


def decide(candles: Candles, params: MarketRegime) -> Intent | None:
    legs = hedge(candles, params)
    return legs[0] if legs else None


PRESETS: dict[str, dict[str, object]] = {
    "1h": {"tp_pct": 1.2, "sl_pct": 0.3, "cooldown_bars": 12},
    "15m": {"tp_pct": 0.6, "sl_pct": 0.4, "adx_trend": 25.0, "cooldown_bars": 20},
    "wide_target": {"tp_pct": 1.0, "sl_pct": 0.5},
    "trends_only": {"tp_pct": 1.0, "sl_pct": 0.5, "skip_ranging": True},
}
STRATEGY = Strategy("market_regime", MarketRegime, candles_needed, decide, PRESETS, hedge)
