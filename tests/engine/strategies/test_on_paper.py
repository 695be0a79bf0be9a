"""Small markets whose answers can be worked out on paper, for every simple strategy.

Bars open where the one before closed and have no wicks. A market `from_flat` has stood at 100:
its averages are 100 and its ranges 0. A market `from_saw` has gone from 100 to 101 and back for
long, so that Wilder's averages over two bars are 2/3 and 1/3: its RSI is 100/3 after a fall and
200/3 after a rise.
"""

import pytest

from engine.errors import BadParameters
from engine.signal import Action, Direction
from engine.strategies import LIBRARY, strategy_named
from tests.engine.strategies.markets import series

FLAT, SAW = 440, 440
TWO = {"atr_period": 2}
LONG, SHORT = ("open", "long"), ("open", "short")
ENDS_LONG, ENDS_SHORT = ("close", "long"), ("close", "short")


def from_flat(*closes, bars=FLAT):
    return series([100.0] * bars + list(closes))


def after_fall(*closes):
    return series([101.0, 100.0] * (SAW // 2) + list(closes))


def after_rise(*closes):
    return series([100.0, 101.0] * (SAW // 2) + list(closes))


def climbing():
    """Up three, down two, over and over; the last bar fell."""
    closes = [100.0]
    while len(closes) < 160:
        closes += [closes[-1] + 3, closes[-1] + 1]
    return closes[:-1] if len(closes) % 2 == 0 else closes


def sinking():
    return [1000.0 - close for close in climbing()]


EMA = {"fast_ema": 2, "slow_ema": 4, "signal_ema": 3, **TWO}
MACD = {"macd_fast": 2, "macd_slow": 4, "macd_signal": 2, **TWO}
RSI = {"rsi_period": 2, **TWO}
BAND = {"boll_period": 4}
TREND = {"ema_fast": 2, "ema_slow": 4, **TWO}
STRAY = {"period": 4, "std_mult": 1.5, **TWO}
KELT = {"ema_period": 2, "atr_period": 2, "atr_mult": 0.5}
LINE = {"period": 2, "multiplier": 1.0}
DENSE = {"ma_periods": [2, 4], **TWO}
LEVEL = {"lookback": 12}
FISH = {"entry_period": 3, "exit_period": 2, **TWO}
REVERSE = {"boll_period": 4, "boll_std": 1.0, **RSI}
NO = (None, None, None)

# code, parameters, candles, what is wanted, stop, target
CASES = {
    "a fast average rises through": ("ema_cross", EMA, from_flat(104), LONG, 100, 110),
    "a fast average falls through": ("ema_cross", EMA, from_flat(96), SHORT, 100, 90),
    "it is through already": ("ema_cross", EMA, from_flat(104, 106), *NO),
    "it falls through from above": (
        "ema_cross",
        EMA,
        # Averages 308/3 and 101.6 come to 98.22 and 98.96; ranges of 4 and 8.
        from_flat(104, 96),
        SHORT,
        108,
        78,
    ),
    "a line begins above its signal": ("macd", MACD, from_flat(104), LONG, 100, 110),
    "a line begins below its signal": ("macd", MACD, from_flat(96), SHORT, 100, 90),
    "a line stays above its signal": ("macd", MACD, from_flat(104, 110), *NO),
    # A fall of 2: (2/3 + 2) / 2 lost against (1/3) / 2 won is an RSI of 11.1; ranges of 1 and 2.
    "far into oversold": ("rsi", RSI, after_fall(98), LONG, 95, 102.5),
    "far into overbought": ("rsi", RSI, after_rise(103), SHORT, 106, 98.5),
    "out of oversold": ("rsi", {**RSI, "extreme": 0}, after_fall(98, 100), LONG, 96, 106),
    "out of overbought": ("rsi", {**RSI, "extreme": 0}, after_rise(103, 101), SHORT, 105, 95),
    "between the bounds": ("rsi", RSI, after_fall(), *NO),
    # The last four are 100, 101, 100 and 98: a mean of 99.75, a deviation of 1.08972.
    "oversold at the edge": (
        "rsi_boll",
        {**BAND, "rsi_period": 2},
        after_fall(98),
        LONG,
        (99.75 - 2.17945) * 0.98,
        99.75,
    ),
    "overbought at the edge": (
        "rsi_boll",
        {**BAND, "rsi_period": 2},
        after_rise(103),
        SHORT,
        (101.25 + 2.17945) * 1.02,
        101.25,
    ),
    "at the edge without an extreme": (
        "rsi_boll",
        {**BAND, "rsi_period": 2, "oversold": 11.0},
        after_fall(98),
        *NO,
    ),
    # The last four are 100, 100, 100 and 100.4: a mean of 100.1, a deviation of 0.173205.
    "narrow and above": (
        "boll_squeeze",
        {**BAND, **TWO},
        from_flat(100.4),
        LONG,
        100.1,
        100.1 + 0.346410 + 0.6,
    ),
    "narrow and below": (
        "boll_squeeze",
        {**BAND, **TWO},
        from_flat(99.6),
        SHORT,
        99.9,
        99.9 - 0.346410 - 0.6,
    ),
    "wide": ("boll_squeeze", {**BAND, **TWO}, from_flat(110), *NO),
    "above three bars": ("breakout", {"lookback": 3}, from_flat(103), LONG, 100, 106),
    "below three bars": ("breakout", {"lookback": 3}, from_flat(97), SHORT, 100, 94),
    "within three bars": ("breakout", {"lookback": 3}, from_flat(103, 102), *NO),
    "six percent up": ("momentum", {"momentum_period": 2, **TWO}, from_flat(106), LONG, 101.5, 118),
    "six percent down": ("momentum", {"momentum_period": 2, **TWO}, from_flat(94), SHORT, 98.5, 82),
    "five percent are too few": ("momentum", {"momentum_period": 2, **TWO}, from_flat(105), *NO),
    "it has begun before": ("momentum", {"momentum_period": 2, **TWO}, from_flat(106, 112), *NO),
    # Averages of 100.25 and 100.375 come to 100.75 and 100.625, and back; ranges of 1.
    "averages cross with room": ("trend_aggressive", TREND, after_rise(), LONG, 99.5, 104),
    "they cross back with room": ("trend_aggressive", TREND, after_fall(), SHORT, 101.5, 97),
    "they cross without room": ("trend_aggressive", {**TREND, "rsi_room": 50.0}, after_rise(), *NO),
    "a rise pulls back": (
        "trend_add",
        {"ema_period": 2, "slope_pct": 0.3},
        series(climbing()),
        LONG,
        None,
        (climbing()[-1] + 2) * 1.02,
    ),
    "a rise goes on": (
        "trend_add",
        {"ema_period": 2, "slope_pct": 0.3},
        series([*climbing(), climbing()[-1] + 3]),
        *NO,
    ),
    "a fall pulls back": (
        "trend_add",
        {"ema_period": 2, "slope_pct": 0.05, "pullback_pct": 0.2},
        series(sinking()),
        SHORT,
        None,
        (sinking()[-1] - 2) * 0.98,
    ),
    "through the average from below": (
        "swing",
        {"ma_period": 3, **TWO},
        from_flat(103),
        LONG,
        100,
        108.15,
    ),
    "through the average from above": (
        "swing",
        {"ma_period": 3, **TWO},
        # From 103 to 98 the mean goes from 101 to 100 1/3; ranges of 3 and 5.
        from_flat(103, 98),
        SHORT,
        106,
        93.1,
    ),
    "beyond the average still": ("swing", {"ma_period": 3, **TWO}, from_flat(103, 104), *NO),
    "out of gathered averages": ("ma_dense", DENSE, from_flat(101), LONG, 100.25, 102.5),
    "out of them below": ("ma_dense", DENSE, from_flat(99), SHORT, 99.75, 97.5),
    "averages too far apart": ("ma_dense", DENSE, from_flat(112), *NO),
    "exponential ones too": (
        "ma_dense",
        {**DENSE, "ma_type": "EMA"},
        # Averages of 100 2/3 and 100.4; a range of 1.5 is 0.75 from the price.
        from_flat(101),
        LONG,
        100.25,
        102.5,
    ),
    "an extreme is sold": ("reversal", RSI, after_rise(103), SHORT, 106, 97),
    "an extreme is bought": ("reversal", RSI, after_fall(98), LONG, 95, 104),
    "no extreme is left alone": ("reversal", RSI, after_fall(), *NO),
    "a little is bought": ("scalping", {"rsi_period": 2}, after_fall(98), LONG, 97.804, 98.294),
    "a little is sold": ("scalping", {"rsi_period": 2}, after_rise(103), SHORT, 103.206, 102.691),
    "a little is left alone": ("scalping", {"rsi_period": 2}, after_rise(), *NO),
    # The last four are 100, 100, 100 and 104: a mean of 101, and 1.73 deviations from it.
    "strayed up": ("arbitrage", {"lookback": 4}, from_flat(104), SHORT, 106.08, 101),
    "strayed down": ("arbitrage", {"lookback": 4}, from_flat(96), LONG, 94.08, 99),
    "strayed too little": ("arbitrage", {"lookback": 4}, from_flat(100.5), *NO),
    "one line down": ("grid", {"lookback": 4}, from_flat(98), LONG, 94.525 - 0.995, 98.995),
    "one line up": ("grid", {"lookback": 4}, from_flat(102), SHORT, 105.525 + 1.005, 100.995),
    "no line passed": ("grid", {"lookback": 4}, from_flat(99.5), *NO),
    "off the grid": ("grid", {"lookback": 4}, from_flat(90), *NO),
    "below the middle": ("hedge", BAND, from_flat(98), LONG, 93.1, None),
    "above the middle": ("hedge", BAND, from_flat(102), SHORT, 107.1, None),
    "below it still": ("hedge", BAND, from_flat(98, 97), *NO),
    "below in a wide band": ("hedge_conservative", BAND, from_flat(98), LONG, 93.1, None),
    "above in a wide band": ("hedge_conservative", BAND, from_flat(102), SHORT, 107.1, None),
    "in a narrow band": ("hedge_conservative", BAND, from_flat(99.5), *NO),
    "extreme below the band": ("reversal_hedge", REVERSE, after_fall(98), LONG, 95, 99.75),
    "extreme above the band": ("reversal_hedge", REVERSE, after_rise(103), SHORT, 106, 101.25),
    # The last four are 101, 100, 98 and 101: their mean of 100 is passed upwards.
    "back at the middle from below": (
        "reversal_hedge",
        REVERSE,
        after_fall(98, 101),
        ENDS_LONG,
        None,
        None,
    ),
    "back at the middle from above": (
        "reversal_hedge",
        REVERSE,
        after_rise(103, 100),
        ENDS_SHORT,
        None,
        None,
    ),
    "quiet": ("reversal_hedge", REVERSE, from_flat(), *NO),
    # The last bar completes a higher one; the slowest average is 100 + 2 * 2 / 51.
    "both timeframes rise": (
        "mtf",
        {},
        from_flat(102, bars=439),
        LONG,
        0.99 * (100 + 4 / 51),
        105.06,
    ),
    "both timeframes fall": (
        "mtf",
        {},
        from_flat(98, bars=439),
        SHORT,
        1.01 * (100 - 4 / 51),
        95.06,
    ),
    "the higher bar is not complete": ("mtf", {}, from_flat(102, bars=440), *NO),
    "through a level above": (
        "sr_break",
        LEVEL,
        from_flat(105, 103, 102, 102, 102, 106),
        LONG,
        103.95,
        110.1,
    ),
    "through a level below": (
        "sr_break",
        LEVEL,
        from_flat(95, 97, 98, 98, 98, 94),
        SHORT,
        95.95,
        90.1,
    ),
    "hardly through": ("sr_break", LEVEL, from_flat(105, 103, 102, 102, 102, 105.1), *NO),
    # The average is 100.25 after a fall, and 100.75 once the next bar has risen to 101.
    "a turn up": (
        "hft",
        {"rsi_period": 2, "ema_period": 2},
        after_rise(),
        LONG,
        101 * 0.999,
        101 * 1.0015,
    ),
    "a turn down": (
        "hft",
        {"rsi_period": 2, "ema_period": 2},
        after_fall(),
        SHORT,
        100.1,
        99.85,
    ),
    "no turn": ("hft", {"rsi_period": 2, "ema_period": 2}, after_fall(98), *NO),
    "beyond three bars": ("turtle", FISH, from_flat(103), LONG, 100, 109),
    "beyond three bars below": ("turtle", FISH, from_flat(97), SHORT, 100, 91),
    "beyond them already": ("turtle", FISH, from_flat(103, 106), *NO),
    # Bars from 103 to 106 and from 106 to 109 lie before: their low is 103, that of three is 100.
    "a long is left": ("turtle", FISH, from_flat(103, 106, 109, 102), ENDS_LONG, None, None),
    "a short is left": ("turtle", FISH, from_flat(97, 94, 91, 98), ENDS_SHORT, None, None),
    # A mean of 101, a deviation of 1.732051, ranges of 0 and 4.
    "far above the mean": ("mean_reversion", STRAY, from_flat(104), SHORT, 108, 101.8660254),
    "far below the mean": ("mean_reversion", STRAY, from_flat(96), LONG, 92, 98.1339746),
    # 100, 100, 104 and 100 stand 0.58 deviations on the other side.
    "a short is back": ("mean_reversion", STRAY, from_flat(104, 100), ENDS_SHORT, None, None),
    "a long is back": ("mean_reversion", STRAY, from_flat(96, 100), ENDS_LONG, None, None),
    "near the mean": ("mean_reversion", STRAY, from_flat(104, 100, 100), *NO),
    # A middle of 106 2/3 and ranges of 5: the edge is 109 1/6.
    "beyond the channel": ("keltner", KELT, from_flat(110), LONG, 100, 125),
    "below the channel": ("keltner", KELT, from_flat(90), SHORT, 100, 75),
    "beyond it, faded": ("keltner", {**KELT, "mode": "fade"}, from_flat(110), SHORT, 120, 320 / 3),
    "below it, faded": ("keltner", {**KELT, "mode": "fade"}, from_flat(90), LONG, 80, 280 / 3),
    "within the channel": ("keltner", {**KELT, "atr_mult": 2.0}, from_flat(110), *NO),
    # The bar from 100 to 90 has its lines at 95 +- 5; the line of the rise stood at 100.
    "the line turns down": ("supertrend", LINE, from_flat(90), SHORT, 100, 70),
    # From 90 to 105: lines at 97.5 +- 10, ranges of 10 and 15.
    "the line turns up": ("supertrend", LINE, from_flat(90, 105), LONG, 87.5, 155),
    "the line holds": ("supertrend", LINE, from_flat(90, 89), *NO),
}


@pytest.mark.parametrize("case", CASES)
def test_it_wants_what_paper_says(case):
    code, values, candles, wanted, stop, target = CASES[case]
    strategy = strategy_named(code)
    intent = strategy.decide(candles, strategy.read_params(values))
    assert (intent and (intent.action, intent.direction)) == wanted
    if wanted is not None:
        assert float(intent.price) == candles.close[-1]
        if stop is None and intent.stop is not None:
            assert code == "trend_add"
        else:
            assert (intent.stop and float(intent.stop)) == (stop and pytest.approx(stop))
        assert (intent.target and float(intent.target)) == (target and pytest.approx(target))


ELSEWHERE = {"ma_cross", "market_regime", "portfolio", "smc", "smc_fibo", "smc_fibo_flex"}


def test_every_strategy_has_been_worked_out():
    for code in set(LIBRARY) - ELSEWHERE:
        wanted = {case[3] for case in CASES.values() if case[0] == code}
        assert {LONG, SHORT, None} <= wanted, code
    assert {case[0] for case in CASES.values()} == set(LIBRARY) - ELSEWHERE


@pytest.mark.parametrize(
    ("code", "values", "told"),
    [
        ("ema_cross", {"fast_ema": 21}, "fast_ema must be below slow_ema"),
        ("macd", {"macd_fast": 26}, "macd_fast must be below macd_slow"),
        ("trend_aggressive", {"ema_fast": 30}, "ema_fast must be below ema_slow"),
        ("turtle", {"exit_period": 21}, "exit_period must not be above entry_period"),
        ("mean_reversion", {"exit_std": 2.0}, "exit_std must be below std_mult"),
        ("market_regime", {"adx_range": 25.0}, "adx_range must be below adx_trend"),
        ("market_regime", {"ma_periods": [10, 50, 20]}, "ma_periods must rise"),
        ("market_regime", {"ma_periods": [10, 20]}, "length >= 3"),
        ("market_regime", {"leverage": 1, "sl_pct": 1.0}, "sl_pct must be below leverage"),
        ("smc_fibo_flex", {"htf_ema_fast": 50}, "htf_ema_fast must be below htf_ema_slow"),
        ("portfolio", {"strategies": [{"code": "nobody"}]}, "unknown strategy nobody"),
        ("portfolio", {"strategies": [{"code": "portfolio"}]}, "unknown strategy portfolio"),
        ("portfolio", {"strategies": [{"code": "rsi", "config": {"rsi_period": 0}}]}, "rsi_period"),
        ("portfolio", {"strategies": [{"code": "rsi", "weight": 0}]}, "weight"),
        ("portfolio", {"strategies": []}, "length >= 1"),
    ],
)
def test_rules_between_parameters_are_told(code, values, told):
    with pytest.raises(BadParameters, match=told) as refused:
        strategy_named(code).read_params(values)
    assert refused.value.message.startswith(f"{code}: ")


def test_a_hedge_opens_both_directions_at_the_middle():
    hedge = strategy_named("hedge")
    params = hedge.read_params(BAND)
    legs = hedge.legs(from_flat(102), params)
    assert [(leg.direction, float(leg.stop)) for leg in legs] == [
        (Direction.LONG, pytest.approx(96.9)),
        (Direction.SHORT, pytest.approx(107.1)),
    ]
    assert [leg.direction for leg in hedge.legs(from_flat(98), params)] == [
        Direction.LONG,
        Direction.SHORT,
    ]
    assert hedge.legs(from_flat(98, 97), params) == ()
    careful = strategy_named("hedge_conservative")
    assert len(careful.legs(from_flat(102), careful.read_params(BAND))) == 2
    assert careful.legs(from_flat(100.5), careful.read_params(BAND)) == ()


BREAKOUT = {"code": "breakout", "config": {"lookback": 3}}
SWING = {"code": "swing", "config": {"ma_period": 3, "atr_period": 2}}
SILENT = {"code": "momentum", "config": {"momentum_period": 2}}
AGAINST = {"code": "arbitrage", "config": {"lookback": 4}}
FUSED = {
    "both agree": ([BREAKOUT, SWING], "voting", {}, 77),
    "two of three": ([BREAKOUT, SWING, SILENT], "voting", {}, 77),
    "all but one are not all": ([BREAKOUT, SWING, SILENT], "unanimous", {}, None),
    "all are all": ([BREAKOUT, SWING], "unanimous", {}, 77),
    "one is anybody": ([BREAKOUT, SILENT, SILENT], "any", {}, 80),
    "one of three is no majority": ([BREAKOUT, SILENT, SILENT], "voting", {}, None),
    "a heavy one keeps silent": ([BREAKOUT, SWING, {**SILENT, "weight": 3}], "weighted", {}, None),
    "a heavy one speaks": ([{**BREAKOUT, "weight": 3}, SILENT, SILENT], "weighted", {}, 80),
    "one against one": ([BREAKOUT, AGAINST], "any", {}, None),
    "two against one": ([BREAKOUT, SWING, AGAINST], "voting", {}, 77),
    "not confident enough": ([BREAKOUT, SWING], "voting", {"min_confidence": 78}, None),
}


@pytest.mark.parametrize("case", FUSED)
def test_a_portfolio_does_what_enough_want(case):
    members, mode, more, confidence = FUSED[case]
    portfolio = strategy_named("portfolio")
    params = portfolio.read_params({"strategies": members, "fusion_mode": mode, **more})
    intent = portfolio.decide(from_flat(103), params)
    assert (intent and intent.confidence) == confidence
    if intent:
        assert (intent.action, intent.direction) == (Action.OPEN, Direction.LONG)
        both = confidence == 77
        # A stop of 100 and a target of 106, and with them those of the other: 100 and 108.15.
        assert float(intent.stop) == pytest.approx(100)
        assert float(intent.target) == pytest.approx(107.075 if both else 106)


def test_a_portfolio_remembers_a_wish_for_some_bars():
    portfolio = strategy_named("portfolio")
    values = {"strategies": [BREAKOUT], "fusion_mode": "any"}
    later = from_flat(103, 102, 102)
    assert portfolio.decide(later, portfolio.read_params(values)) is not None
    assert portfolio.decide(later, portfolio.read_params({**values, "within_bars": 2})) is None


def test_a_portfolio_closes_too():
    portfolio = strategy_named("portfolio")
    params = portfolio.read_params(
        {"strategies": [{"code": "turtle", "config": FISH}], "fusion_mode": "any"}
    )
    intent = portfolio.decide(from_flat(103, 106, 109, 102), params)
    assert (intent.action, intent.direction) == (Action.CLOSE, Direction.LONG)
