"""Markets that trend and range without doubt, and what the regime makes of them.

A market that rises by one half of a percent per bar has an ADX of 100, averages in order and a
band more than twice as wide as wide: 0.4 * 100 + 0.3 * 100 + 0.3 * 80 = 94. One that goes to and
fro between 100 and 100.2 has a band of 0.4 % and an ADX near zero.
"""

import numpy as np
import pytest

from engine.signal import Action, Direction
from engine.strategies import strategy_named
from engine.strategies.market_regime import regimes
from tests.engine.strategies.markets import series, wandering

REGIME = strategy_named("market_regime")
BARS = 480
RISE = 100 * 1.005 ** np.arange(BARS)
FALL = np.linspace(1000, 300, BARS)
SAW = np.resize([100.0, 100.2], BARS)


def decide(candles, **values):
    return REGIME.decide(candles, REGIME.read_params(values))


def legs(candles, **values):
    return REGIME.legs(candles, REGIME.read_params(values))


def test_a_rise_is_followed():
    intent = decide(series(RISE))
    assert (intent.action, intent.direction) == (Action.OPEN, Direction.LONG)
    assert intent.confidence == 94
    # 0.3 and 1.2 of the margin at a leverage of 20.
    assert float(intent.stop) == pytest.approx(RISE[-1] * 0.985)
    assert float(intent.target) == pytest.approx(RISE[-1] * 1.06)
    assert legs(series(RISE)) == (intent,)


def test_a_fall_is_followed():
    intent = decide(series(FALL))
    assert (intent.action, intent.direction) == (Action.OPEN, Direction.SHORT)
    assert float(intent.stop) == pytest.approx(FALL[-1] * 1.015)
    assert float(intent.target) == pytest.approx(FALL[-1] * 0.94)


def test_in_a_range_the_leg_that_faces_the_middle_is_taken_or_both():
    over, under = series(SAW), series(SAW[:-1])
    assert over.close[-1] == 100.2
    assert decide(over).direction is Direction.SHORT
    assert decide(under).direction is Direction.LONG
    first, other = legs(over)
    assert first == decide(over)
    assert (first.direction, other.direction) == (Direction.SHORT, Direction.LONG)
    assert float(first.stop) == pytest.approx(100.2 * 1.015)
    assert float(first.target) == pytest.approx(100.2 * 0.94)
    assert float(other.stop) == pytest.approx(100.2 * 0.985)
    assert float(other.target) == pytest.approx(100.2 * 1.06)


def test_ranges_are_skipped_where_only_trends_are_wanted():
    assert decide(series(SAW), skip_ranging=True) is None
    assert legs(series(SAW), skip_ranging=True) == ()
    assert decide(series(RISE), skip_ranging=True) is not None


def test_each_regime_has_its_own_stop_and_target():
    values = {
        "ranging_sl_pct": 0.5,
        "ranging_tp_pct": 0.7,
        "trending_sl_pct": 0.8,
        "trending_tp_pct": 0.0,
    }
    ranging, trending = decide(series(SAW), **values), decide(series(RISE), **values)
    assert float(ranging.stop) == pytest.approx(100.2 * 1.025)
    assert float(ranging.target) == pytest.approx(100.2 * 0.965)
    assert float(trending.stop) == pytest.approx(RISE[-1] * 0.96)
    assert trending.target is None


def test_leverage_turns_margin_into_price():
    intent = decide(series(RISE), leverage=10, tp_pct=1.0, sl_pct=0.5)
    assert float(intent.stop) == pytest.approx(RISE[-1] * 0.95)
    assert float(intent.target) == pytest.approx(RISE[-1] * 1.10)


def test_usual_ranges_in_place_of_the_margin():
    # Every bar of the saw spans 0.2.
    intent = decide(series(SAW), sl_tp_mode="atr")
    assert float(intent.stop) == pytest.approx(100.2 + 1.2 * 0.2)
    assert float(intent.target) == pytest.approx(100.2 - 4.5 * 0.2)
    assert decide(series(SAW), sl_tp_mode="atr", atr_mult_tp=0).target is None


def test_a_cheap_coin_keeps_its_stop():
    intent = decide(series(RISE * 1e-8))
    assert float(intent.stop) == pytest.approx(RISE[-1] * 1e-8 * 0.985)


SLOWED = np.concatenate((np.linspace(500, 1200, BARS), 1200 + 0.3 * np.arange(1, 9)))
THIN = [1.0] * (BARS - 1) + [0.5]
FILTERS = {
    "the histogram opposes": (series(SLOWED), {}, "macd_filter"),
    "the volume is thin": (series(RISE, volumes=THIN), {}, "volume_filter"),
    "the market is overbought": (series(RISE), {"rsi_filter": True}, "rsi_filter"),
}


@pytest.mark.parametrize(("candles", "values", "name"), FILTERS.values(), ids=FILTERS)
def test_a_filter_keeps_out_of_a_trend(candles, values, name):
    assert decide(candles, **values) is None
    assert decide(candles, **{**values, name: False}).direction is Direction.LONG


def test_filters_do_not_look_at_ranges():
    assert decide(series(SAW, volumes=THIN)) is not None


def test_a_weak_regime_is_left_alone():
    assert decide(series(RISE), min_confidence=94) is not None
    assert decide(series(RISE), min_confidence=95) is None


def after_a_stop(bars):
    """The rise, and so many bars ago one whose wick reached 8 % below the close before it.

    An entry of the last twelve bars has its stop at 92.6 % of that close or above.
    """
    closes = 100 * 1.005 ** np.arange(BARS + bars)
    lows = np.concatenate((closes[:1], closes[:-1]))
    lows[BARS - 1] *= 0.92
    return series(closes, lows=lows)


@pytest.mark.parametrize(("preset", "rest"), [("1h", 12), ("15m", 20)])
def test_after_a_stop_it_stays_out_for_the_cool_down(preset, rest):
    params = REGIME.preset(preset)
    assert params.cooldown_bars == rest
    told = [REGIME.decide(after_a_stop(bars), params) for bars in range(rest + 1)]
    assert told[:rest] == [None] * rest
    assert told[rest].direction is Direction.LONG
    assert decide(after_a_stop(1), cooldown_bars=0) is not None


def test_presets_are_what_they_are_called():
    one, quarter = REGIME.preset("1h"), REGIME.preset("15m")
    assert (one.tp_pct, one.sl_pct, one.cooldown_bars) == (1.2, 0.3, 12)
    assert (quarter.tp_pct, quarter.sl_pct, quarter.cooldown_bars) == (0.6, 0.4, 20)
    assert REGIME.preset("trends_only").skip_ranging


@pytest.mark.parametrize("seed", range(6))
def test_without_two_votes_nothing_is_done(seed):
    params = REGIME.read_params({})
    needed = REGIME.candles_needed(params)
    whole = wandering(seed, needed + 200, speed=0.003)
    undecided = 0
    for bars in range(needed, needed + 200, 5):
        shown = slice(bars - needed, bars)
        seen = series(whole.close[shown], volumes=whole.volume[shown])
        told = regimes(seen, params)
        assert not (told.trends & told.ranges).any()
        assert (told.strength[~told.trends & ~told.ranges] == 40).all()
        assert (told.strength[told.trends | told.ranges] >= 50).all()
        if not told.trends[-1] and not told.ranges[-1]:
            undecided += 1
            assert REGIME.decide(seen, params) is None
    assert undecided
