"""The cross opens where the fast average rises through the slow, and closes where it falls."""

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


@pytest.mark.parametrize("use_ema", [False, True])
def test_it_opens_on_the_rise_and_closes_on_the_fall(use_ema):
    before = [10] * 20
    rise = decide([*before, 10, 12], use_ema=use_ema)
    assert (rise.action, rise.direction, rise.price) == (Action.OPEN, Direction.LONG, Decimal(12))
    assert 70 <= rise.confidence <= 90
    fall = decide([*before, 12, 14, 16, 6], use_ema=use_ema)
    assert (fall.action, fall.direction) == (Action.CLOSE, Direction.LONG)


@pytest.mark.parametrize("closes", [[10] * 8, [1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]])
def test_without_a_cross_it_wants_nothing(closes):
    assert decide(closes) is None


def test_with_too_few_candles_it_wants_nothing():
    params = CROSS.read_params({"fast_ma": 2, "slow_ma": 4})
    assert CROSS.candles_needed(params) == 5
    assert decide([10, 10, 10, 12]) is None
    assert decide([10, 10, 10, 10, 12]) is not None
    assert decide([10] * 20 + [12], use_ema=True) is None
    assert decide([10] * 21 + [12], use_ema=True) is not None


# Whole prices: sums of floats differ in their last digits, and two averages that are equal on
# paper would be told apart by them.
@given(st.lists(st.integers(1, 1000), min_size=5, max_size=40))
def test_it_opens_and_closes_in_turn(closes):
    told = [decide(closes[:bars]) for bars in range(5, len(closes) + 1)]
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
