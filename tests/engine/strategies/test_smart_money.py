"""Moves drawn by hand: a break, the way back, and the bar that refuses the price.

The market stood at 100, and one bar took it to 110: half of the move is 105. A side's every case
is played upside down for the other, around 100.
"""

import numpy as np
import pytest

from engine.candle import Candles
from engine.signal import Action, Direction
from engine.strategies import strategy_named
from engine.strategies.base import first_bars
from engine.strategies.smart_money import PATTERNS, Lists, higher, trend_of_swings
from engine.strategies.smc_fibo import flexible
from engine.strategies.smc_fibo_flex import profiled
from tests.engine.strategies.markets import series, wandering

FLEX, FIBO, SMC = (strategy_named(code) for code in ("smc_fibo_flex", "smc_fibo", "smc"))
FLAT = 700
PLAIN = {
    "require_htf_filter": False,
    "bias": "both",
    "fibo_fallback": False,
    "entry_source": "fibo",
    "fibo_levels": [0.5],
    "fibo_tolerance": 0.0,
    "min_rr": 0.5,
    "max_dev_atr": 20.0,
    "duplicate_signal_filter_bars": 0,
}
BREAK = (100, 110, 100, 110)
AWAY = (110, 110, 108, 108)
# Its wick of 3 below a body of 0.4 is a pin bar that closes above 105.
REFUSES = (107, 107.5, 104, 107.4)
LONG, SHORT = Direction.LONG, Direction.SHORT


def drawn(*bars, flat=FLAT, start=0):
    """Candles of open, high, low and close, after a market that stood at 100."""
    open_, high, low, close = np.array([(100.0,) * 4] * flat + list(bars)).T
    return series(close, opens=open_, highs=high, lows=low, start=start)


def upside_down(candles):
    return Candles(
        candles.timeframe,
        candles.opened_at,
        200 - candles.open,
        200 - candles.low,
        200 - candles.high,
        200 - candles.close,
        candles.volume,
    )


def flex(candles, **values):
    return FLEX.decide(candles, FLEX.read_params({**PLAIN, **values}))


def test_a_break_is_entered_where_price_comes_back_and_is_refused():
    intent = flex(drawn(BREAK, AWAY, REFUSES))
    assert (intent.action, intent.direction) == (Action.OPEN, LONG)
    # The price is that of the close, not the better one of the zone.
    assert float(intent.price) == 107.4
    assert float(intent.stop) == pytest.approx(100 * (1 - 0.0005))
    assert float(intent.target) == 110
    assert intent.confidence == 75


def test_a_break_downwards_is_sold():
    intent = flex(upside_down(drawn(BREAK, AWAY, REFUSES)))
    assert (intent.action, intent.direction) == (Action.OPEN, SHORT)
    assert float(intent.price) == pytest.approx(92.6)
    assert float(intent.stop) == pytest.approx(100 * (1 + 0.0005))
    assert float(intent.target) == 90


QUIET = (108, 108.5, 107, 108)
STOPS = (108, 108, 99.5, 106)
FALLS = (107.4, 107.5, 104, 107)
SAGS = (107, 107.5, 104, 104.8)
NOTHING = {
    "the break alone": ([BREAK], {}),
    "price does not come back": ([BREAK, AWAY, QUIET], {}),
    "the bar closes below the entry": ([BREAK, AWAY, SAGS], {}),
    "the bar falls": ([BREAK, AWAY, FALLS], {}),
    "no pattern refuses": ([BREAK, AWAY, REFUSES], {"patterns": ["belt_hold"]}),
    "patterns are too few": ([BREAK, AWAY, REFUSES], {"pattern_min_score": 2.0}),
    "the stop was touched before": ([BREAK, STOPS, REFUSES], {}),
    "it was answered before": ([BREAK, AWAY, REFUSES, REFUSES], {}),
    "it is too late": ([BREAK, AWAY, REFUSES], {"retest_bars": 1}),
    "the reward is too small": ([BREAK, AWAY, REFUSES], {"min_rr": 1.0}),
    "the close is too far": ([BREAK, AWAY, REFUSES], {"max_dev_atr": 1.0}),
    "the side is not wanted": ([BREAK, AWAY, REFUSES], {"direction": "short"}),
    "the level is in the worse half": ([BREAK, AWAY, REFUSES], {"fibo_levels": [0.382]}),
    "the trend is not known": ([BREAK, AWAY, REFUSES], {"require_htf_filter": True}),
    "it does not turn a trend": ([BREAK, AWAY, REFUSES], {"structure": "choch"}),
    "there is no block": ([BREAK, AWAY, REFUSES], {"entry_source": "ob"}),
}


@pytest.mark.parametrize(("bars", "values"), NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("side", ["bought", "sold"])
def test_it_stays_out(bars, values, side):
    candles = drawn(*bars)
    if side == "sold":
        candles = upside_down(candles)
        if "direction" in values:
            values = {"direction": "long"}
    assert flex(candles, **values) is None


def test_a_break_against_the_trend_is_a_change_of_character():
    down = [(100, 100, 97, 97), (97, 98, 97, 98), (98, 98, 97.5, 98)]
    # The fall from 100 made a trend; 110 turns it. The move now starts at 97: half is 103.5.
    candles = drawn(*down, (98, 110, 98, 110), AWAY, (106, 106.4, 103, 106.3))
    assert flex(candles, structure="choch").direction is LONG
    assert flex(candles, structure="bos") is None


def test_a_touch_is_enough_where_no_refusal_is_asked():
    intent = flex(drawn(BREAK, AWAY, FALLS), require_retest=False)
    assert (intent.direction, float(intent.price), intent.confidence) == (LONG, 107, 70)


def test_a_setup_may_outlive_its_stop():
    assert flex(drawn(BREAK, STOPS, REFUSES), retest_ignore_stop_touch=True) is not None


def test_a_small_reward_may_be_moved_out():
    intent = flex(drawn(BREAK, AWAY, REFUSES), min_rr=2.0, short_target="move")
    # From 105 the stop is 5.05 away, and the target 1.2 times two of that.
    assert float(intent.target) == pytest.approx(105 + 2.4 * 5.05)


def test_targets():
    candles = drawn(BREAK, AWAY, REFUSES)
    assert float(flex(candles, tp_mode="rr").target) == pytest.approx(105 + 2 * 5.05)
    assert float(flex(candles, tp_mode="fibo").target) == pytest.approx(100 + 1.272 * 10)


def test_stops():
    candles = drawn(BREAK, AWAY, REFUSES)
    assert float(flex(candles, stop_buffer_pct=1.0).stop) == pytest.approx(99)
    # Over fourteen bars the one of 10 is a range of 10 / 14.
    intent = flex(candles, stop_buffer_mode="atr")
    assert float(intent.stop) == pytest.approx(100 - 0.5 * 10 / 14)


def test_at_market_the_break_itself_is_entered():
    intent = flex(drawn(BREAK), entry_mode="market", tp_mode="rr")
    assert (intent.direction, float(intent.price)) == (LONG, 110)
    assert float(intent.target) == pytest.approx(110 + 2 * 10.05)
    assert flex(drawn(BREAK, AWAY), entry_mode="market", tp_mode="rr") is None


# A falling bar from 100 to 99 before the rise: a block, and a gap up to the bar after.
BLOCK = [(100, 100, 99, 99), (99, 110, 99, 110), (110, 110, 108, 108)]


def test_blocks_and_gaps_are_entries_too():
    back = (103, 103.2, 99.5, 103.1)
    intent = flex(drawn(*BLOCK, back), entry_source="ob")
    assert (intent.direction, float(intent.stop)) == (LONG, pytest.approx(99 * 0.9995))
    # A second break sees the gap from the 100 of the first bar to the 108 of the third.
    touched = drawn(*BLOCK, (108, 112, 108, 112), (109, 109.4, 106, 109.3))
    assert flex(touched, entry_source="fvg", min_rr=0.1) is None
    free = drawn(*BLOCK, (108.5, 112, 108.5, 112), (109, 109.4, 106, 109.3))
    intent = flex(free, entry_source="fvg", min_rr=0.1)
    assert (intent.direction, float(intent.stop)) == (LONG, pytest.approx(100 * 0.9995))
    assert float(intent.target) == 112


@pytest.mark.parametrize(
    ("mode", "low", "is_entered"),
    [
        ("touch", 108, False),
        ("half", 108, True),
        ("half", 104, False),
        ("full", 104, True),
        ("full", 100, False),
    ],
)
def test_how_far_into_a_gap_fills_it(mode, low, is_entered):
    """The gap is from 100 to 108; the second break comes back into it before it goes on."""
    candles = drawn(*BLOCK, (108, 112, low, 112), (109, 109.4, 106, 109.3))
    for way, side in ((candles, LONG), (upside_down(candles), SHORT)):
        intent = flex(way, entry_source="fvg", min_rr=0.1, fvg_fill_mode=mode)
        assert (intent and intent.direction) == (side if is_entered else None)


@pytest.mark.parametrize(("least", "is_entered"), [(0.05, True), (0.4, True), (0.45, False)])
def test_a_block_and_a_gap_at_one_price(least, is_entered):
    """The block is from 99 to 104; after a way back into it, the gap from 102 to 108."""
    block = [(104, 104, 99, 99), (99, 110, 99, 110), (110, 110, 100, 101)]
    gap = [(101, 102, 100, 102), (102, 112, 102, 112), (112, 113, 108, 113)]
    candles = drawn(*block, *gap, (112, 112.2, 103.5, 112.1))
    asked = {"entry_source": "confluence", "min_rr": 0.1, "ob_fvg_overlap": least}
    for way, side in ((candles, LONG), (upside_down(candles), SHORT)):
        intent = flex(way, **asked)
        assert (intent and intent.direction) == (side if is_entered else None)
    apart = drawn(*block, *gap, (112, 112.2, 104.5, 112.1))
    assert flex(apart, **asked) is None


def test_a_block_may_be_of_its_bar_s_body():
    """The falling bar went from 101 to 99.5, and its wick to 99."""
    bars = [(101, 101, 99, 99.5), *BLOCK[1:], (103, 103.2, 99.5, 103.1)]
    stops = {}
    for wick_ob in (True, False):
        intent = flex(drawn(*bars), entry_source="ob", wick_ob=wick_ob)
        stops[wick_ob] = float(intent.stop)
    assert stops == {True: pytest.approx(99 * 0.9995), False: pytest.approx(99.5 * 0.9995)}


def test_a_broken_block_counts_for_the_other_side():
    # A supply block from 100 to 101 is closed through by the break, and holds from above.
    drop = [(100, 101, 100, 101), (101, 101, 97, 97), (97, 110, 97, 110), (110, 110, 108, 108)]
    candles = drawn(*drop, (102, 102.3, 100.5, 102.2))
    intent = flex(candles, entry_source="ob", ob_type="breaker")
    assert (intent.direction, float(intent.stop)) == (LONG, pytest.approx(100 * 0.9995))
    # As a reversal counts the falling bar from 101 to 97 before the rise.
    held = flex(candles, entry_source="ob", ob_type="reversal")
    assert float(held.stop) == pytest.approx(97 * 0.9995)


# Hours that no other session shares.
HOURS = {"asia": 5, "london": 16, "ny": 23}


@pytest.mark.parametrize("session", HOURS)
def test_sessions_are_hours_of_the_east(session):
    bars = FLAT + 3
    # The last bar opens half an hour into the session, at UTC+8.
    last = (24 + HOURS[session] - 8) % 24 * 3600 + 1800 + 86400
    candles = drawn(BREAK, AWAY, REFUSES, start=last - (bars - 1) * 60)
    assert flex(candles, sessions=[session]) is not None
    others = [name for name in HOURS if name != session]
    assert flex(candles, sessions=others) is None


def test_new_york_goes_on_past_midnight():
    last = 86400 + (24 + 3 - 8) % 24 * 3600
    candles = drawn(BREAK, AWAY, REFUSES, start=last - (FLAT + 2) * 60)
    assert flex(candles, sessions=["ny"]) is not None


@pytest.mark.parametrize("rest", ["signal_cooldown", "duplicate_signal_filter_bars"])
def test_a_signal_of_its_own_is_followed_by_a_rest(rest):
    again = [BREAK, AWAY, REFUSES, (107.4, 112, 107.4, 112), (112, 112, 110, 110)]
    # The second move goes from 100 to 112, for 104 was no swing: half of it is 106.
    candles = drawn(*again, (107.5, 108, 105, 107.9))
    assert flex(candles).direction is LONG
    assert flex(candles, **{rest: 3}) is not None
    assert flex(candles, **{rest: 4}) is None


def test_the_other_side_is_no_duplicate():
    """A break down and its retest, soon after a signal of the upper side."""
    falls = [(107.4, 107.4, 90, 90), (90, 92, 90, 92), (98, 101, 97, 97.5)]
    candles = drawn(BREAK, AWAY, REFUSES, *falls)
    assert flex(candles, duplicate_signal_filter_bars=9).direction is SHORT
    assert flex(candles, signal_cooldown=9) is None


@pytest.mark.parametrize(
    ("profile", "span", "swing", "min_rr", "bars"),
    [
        ("conservative", 0.1, 2, 2.0, 32),
        ("conservative", 1.0, 5, 3.5, 10),
        ("medium", 0.2, 3, 2.0, 20),
        ("aggressive", 0.5, 4, 2.0, 10),
    ],
)
def test_a_profile_chooses_by_the_ranges(profile, span, swing, min_rr, bars):
    close = np.full(60, 100.0)
    candles = series(close, highs=close + span / 2, lows=close - span / 2)
    params = FLEX.read_params({"auto_profile": profile})
    told = profiled(candles, params)
    assert (told.swing, told.min_rr, told.retest_bars) == (swing, min_rr, bars)


def test_the_plain_form_decides_as_the_flexible_one():
    open_to_all = {"bias": "both", "require_retest": False, "require_htf_filter": False}
    params = FIBO.read_params({"min_rr": 0.5, **open_to_all})
    needed = FIBO.candles_needed(params)
    found = set()
    whole = wandering(7, needed + 300, speed=0.004)
    for bars in range(needed, needed + 300, 2):
        seen = first_bars(whole, bars, start=bars - needed)
        intent = FIBO.decide(seen, params)
        assert intent == FLEX.decide(seen, flexible(params))
        found.add(intent and intent.direction)
    assert found == {None, LONG, SHORT}


def test_the_plain_form_waits_for_its_swings():
    values = {"min_rr": 0.5, "require_htf_filter": False, "bias": "both", "fibo_fallback": False}
    candles = drawn(BREAK, AWAY, REFUSES, flat=900)
    params = FIBO.read_params({**values, "fibo_levels": [0.5]})
    # Its usual range is small beside the way from 105 to the close: too far to follow.
    assert FIBO.decide(candles, params) is None
    near = drawn(BREAK, AWAY, (105.1, 105.3, 104, 105.25), flat=900)
    assert FIBO.decide(near, params).direction is LONG
    assert FIBO.decide(upside_down(near), params).direction is SHORT


def test_the_first_return_to_a_block_is_bought():
    candles = drawn((100, 100, 99, 99), (99, 102, 99, 102), (102, 103, 102, 103))
    assert SMC.decide(candles, SMC.read_params({})) is None
    back = drawn(
        (100, 100, 99, 99), (99, 102, 99, 102), (102, 103, 102, 103), (103, 103, 99.5, 101)
    )
    # Ranges of 1, 3, 1 and 3.5 in fourteen bars; averages agree, a gap is left, the close is out.
    usual = 8.5 / 14
    for side, turned in ((LONG, back), (SHORT, upside_down(back))):
        intent = SMC.decide(turned, SMC.read_params({}))
        way = 1 if side is LONG else -1
        assert (intent.action, intent.direction, intent.confidence) == (Action.OPEN, side, 95)
        assert float(intent.stop) == pytest.approx(100 + way * (-1 - 0.5 * usual))
        assert float(intent.target) == pytest.approx(100 + way * (1 + 3 * usual))
        assert SMC.decide(turned, SMC.read_params({"require_fvg": True})) is not None
        assert SMC.decide(turned, SMC.read_params({"require_sweep": True})) is None


AGAIN = {
    "it was touched before": [(103, 103, 99.5, 101), (101, 101, 99.8, 100.5)],
    "it closes through": [(103, 103, 98, 98.5)],
    "it does not come back": [(103, 103, 101, 102)],
}


@pytest.mark.parametrize("bars", AGAIN.values(), ids=AGAIN)
def test_a_block_counts_once_and_while_it_holds(bars):
    rise = [(100, 100, 99, 99), (99, 102, 99, 102), (102, 103, 102, 103)]
    candles = drawn(*rise, *bars)
    assert SMC.decide(candles, SMC.read_params({})) is None
    assert SMC.decide(upside_down(candles), SMC.read_params({})) is None


# The bars before, the bar, and the pattern that alone or with others it is.
BEFORE = [(10, 10, 6, 6), (6, 6, 4, 4)]
SHAPES = {
    "pinbar": [*BEFORE, (4, 4.1, 1, 4.05)],
    "engulfing": [*BEFORE, (4, 7, 4, 7)],
    "star": [(10, 10, 6, 6), (6, 6.5, 5.5, 6.2), (6.2, 9, 6, 9)],
    "inside_bar": [(10, 10, 4, 6), (6, 8, 5, 7), (7, 9, 7, 9)],
    "fakey": [(10, 10, 4, 6), (6, 8, 5, 7), (7, 7, 4.5, 6)],
    "tweezer": [*BEFORE, (4, 6, 4, 5)],
    "harami": [(10, 10, 9, 9), (9, 9, 4, 4), (5, 6, 5, 6)],
    "wick_reject": [*BEFORE, (4, 4.2, 1, 4.2)],
    "belt_hold": [*BEFORE, (4, 9, 4, 9)],
    "hammer": [*BEFORE, (4, 4.5, 2.5, 4.4)],
}
PLAINLY = [(10, 10, 8, 8), (8, 8, 6, 6), (6, 6, 3, 3)]


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name):
    def told(bars):
        return PATTERNS[name](Lists(*map(list, zip(*bars, strict=True))), 2, 1.5)

    assert told(SHAPES[name])
    assert not told(PLAINLY)


def test_higher_bars_stand_on_the_clock_and_are_complete():
    candles = series(np.arange(1.0, 11.0), start=120)
    # Opened at minutes 2 to 11: whole are those of minutes 4 to 7, and 8 to 11.
    bars = higher(candles, 4)
    assert bars.close.tolist() == [6, 10]
    assert bars.open.tolist() == [2, 6]
    assert (bars.high.tolist(), bars.low.tolist()) == ([6, 10], [2, 6])
    assert higher(first_bars(candles, 9), 4).close.tolist() == [6]
    assert len(higher(first_bars(candles, 3), 4).close) == 0


def test_the_higher_trend_is_of_swings_or_of_averages():
    way = [1, 3, 2, 4, 3, 5, 4, 6, 5]
    rising = higher(series(np.repeat(np.array(way, float) + 10, 1)), 1 + 1)
    assert trend_of_swings(rising, swing=1, fast=2, slow=99) in (None, LONG)
    steps = series(np.repeat(np.cumsum([10.0, *([3, 3, -2] * 10)]), 2))
    assert trend_of_swings(higher(steps, 2), swing=1, fast=2, slow=99) is LONG
    steps = series(np.repeat(np.cumsum([100.0, *([-3, -3, 2] * 10)]), 2))
    assert trend_of_swings(higher(steps, 2), swing=1, fast=2, slow=99) is SHORT
    straight = series(np.linspace(10, 20, 100))
    assert trend_of_swings(higher(straight, 2), swing=3, fast=2, slow=10) is LONG
    still = series(np.full(100, 10.0))
    assert trend_of_swings(higher(still, 2), swing=3, fast=2, slow=10) is None
