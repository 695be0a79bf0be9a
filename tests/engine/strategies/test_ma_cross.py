"""The cross opens where one average goes through the other, or closes what one side opened."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.candle import Candles
from engine.errors import BadParameters
from engine.signal import Action, Direction
from engine.strategies import LIBRARY, strategy_named

CROSS = strategy_named("ma_cross")


def candles(closes):
    column = np.array(closes, dtype=np.float64)
    opened_at = np.arange(len(column), dtype=np.int64) * 60
    return Candles("1m", opened_at, column, column, column, column, column)


def decide(closes, **params):
    told = CROSS.read_params({"fast_ma": 2, "slow_ma": 4} | params)
    return CROSS.decide(candles(closes), told)


LONG, SHORT = Direction.LONG, Direction.SHORT
FLAT = [10] * 20
# The averages rise through each other on the last bar, and fall.
RISE, FALL = [*FLAT, 10, 12], [*FLAT, 12, 14, 16, 6]
SIDES = {
    "both": {"rise": (Action.OPEN, LONG), "fall": (Action.OPEN, SHORT)},
    "long": {"rise": (Action.OPEN, LONG), "fall": (Action.CLOSE, LONG)},
    "short": {"rise": (Action.CLOSE, SHORT), "fall": (Action.OPEN, SHORT)},
}


@pytest.mark.parametrize("use_ema", [False, True])
@pytest.mark.parametrize(("direction", "wanted"), SIDES.items())
def test_it_opens_what_it_may_and_closes_by_the_other_cross(direction, wanted, use_ema):
    rise = decide(RISE, direction=direction, use_ema=use_ema)
    fall = decide(FALL, direction=direction, use_ema=use_ema, atr_sl_mult=1)
    told = {"rise": (rise.action, rise.direction), "fall": (fall.action, fall.direction)}
    assert (told, rise.price) == (wanted, Decimal(12))
    assert 70 <= rise.confidence <= 90


def test_stop_and_target_stand_at_usual_ranges():
    """Of the last 14 bars one moved, by 2: the usual range is a seventh."""
    rise = decide(RISE)
    levels = float(rise.stop), float(rise.target)
    assert levels == (pytest.approx(12 - 2 / 7), pytest.approx(12 + 4 / 7))
    # 2 + 2 + 2 + 10 in ten bars.
    fall = decide(FALL, atr_sl_mult=1, atr_tp_mult=1.5, atr_period=10)
    assert (float(fall.stop), float(fall.target)) == (pytest.approx(7.6), pytest.approx(3.6))
    closes = decide(FALL, direction="long")
    assert (closes.stop, closes.target) == (None, None)


@pytest.mark.parametrize("closes", [[10] * 8, [1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]])
def test_without_a_cross_it_wants_nothing(closes):
    assert decide(closes) is None


def test_with_too_few_candles_it_wants_nothing():
    params = CROSS.read_params({"fast_ma": 2, "slow_ma": 4})
    assert CROSS.candles_needed(params) == 15
    assert decide([10] * 13 + [12]) is None
    assert decide([10] * 14 + [12]) is not None
    assert decide([10, 10, 10, 10, 12], atr_period=2) is not None
    assert decide([10] * 20 + [12], use_ema=True) is None
    assert decide([10] * 21 + [12], use_ema=True) is not None


# Whole prices: sums of floats differ in their last digits, and two averages that are equal on
# paper would be told apart by them.
# No stop falls below zero, which would leave an opening out.
@given(st.lists(st.integers(500, 1000), min_size=5, max_size=40))
def test_it_opens_and_closes_in_turn(closes):
    how = {"direction": "long", "atr_period": 2, "atr_sl_mult": 0.5}
    told = [decide(closes[:bars], **how) for bars in range(5, len(closes) + 1)]
    actions = [intent.action for intent in told if intent]
    assert all(one is not other for one, other in pairwise(actions))
    assert all(0 <= intent.confidence <= 100 for intent in told if intent)


WRONG = {
    "zero": ({"fast_ma": 0}, "fast_ma"),
    "too long": ({"slow_ma": 401}, "slow_ma"),
    "text": ({"fast_ma": "5"}, "fast_ma"),
    "a float": ({"slow_ma": 20.5}, "slow_ma"),
    "not a bool": ({"use_ema": 1}, "use_ema"),
    "unknown": ({"speed": 1}, "speed"),
    "the wrong way round": ({"fast_ma": 20, "slow_ma": 20}, "fast_ma must be below slow_ma"),
    "null": ({"fast_ma": None}, "fast_ma"),
}


@pytest.mark.parametrize(("values", "named"), WRONG.values(), ids=WRONG)
def test_parameters_out_of_bounds_are_named(values, named):
    with pytest.raises(BadParameters, match=named) as refused:
        CROSS.read_params(values)
    assert refused.value.message.startswith("ma_cross: ")


@pytest.mark.parametrize("code", sorted(LIBRARY))
def test_every_strategy_runs_as_it_comes(code):
    strategy = LIBRARY[code]
    params = strategy.read_params({})
    needed = strategy.candles_needed(params)
    assert strategy.code == code
    assert needed > 0
    strategy.decide(candles(np.linspace(10, 20, needed)), params)


def test_an_unknown_strategy_is_named_with_those_that_are_known():
    with pytest.raises(BadParameters) as refused:
        strategy_named("nobody")
    assert refused.value.context == {"code": "nobody", "known": sorted(LIBRARY)}
