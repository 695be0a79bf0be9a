"""Where parameters are sought, and what cannot be asked."""

import pytest

from engine.errors import BadParameters
from engine.optimise import Study, space_of
from engine.optimise.space import combination_count, combinations, values_of
from engine.strategies import Span, space
from tests.engine.optimise.studies import EMA, hours, study


def test_all_that_is_not_fixed():
    assert space_of(EMA) == space(EMA)
    assert space_of(EMA, fixed={"fast_ema": 5}).keys() == space(EMA).keys() - {"fast_ema"}


def test_a_part_of_the_bounds():
    asked = {"fast_ema": {"most": 9, "step": 3}, "sl_atr_mult": {"choices": [1, 2.5]}}
    assert space_of(EMA, asked) == {
        "fast_ema": Span("int", 1, 9, step=3),
        "sl_atr_mult": Span("choice", choices=(1, 2.5)),
    }


@pytest.mark.parametrize(
    ("case", "asked", "field"),
    [
        ("nothing", {}, None),
        ("unknown", {"speed": {}}, "speed"),
        ("fixed already", {"signal_ema": {}}, "signal_ema"),
        ("below the least", {"fast_ema": {"least": 0}}, "fast_ema"),
        ("above the most", {"fast_ema": {"most": 201}}, "fast_ema"),
        ("upside down", {"fast_ema": {"least": 9, "most": 5}}, "fast_ema"),
        ("not whole", {"fast_ema": {"least": 2.5}}, "fast_ema"),
        ("a step that is not whole", {"fast_ema": {"step": 0.5}}, "fast_ema"),
        ("no step", {"sl_atr_mult": {"step": 0}}, "sl_atr_mult"),
        ("a step that is no number", {"sl_atr_mult": {"step": float("nan")}}, "sl_atr_mult"),
        ("too many steps", {"sl_atr_mult": {"step": 1e-9}}, "sl_atr_mult"),
        ("no number", {"fast_ema": {"least": "5"}}, "fast_ema"),
        ("another word", {"fast_ema": {"from": 5}}, "fast_ema"),
        ("a choice out of bounds", {"fast_ema": {"choices": [5, 999]}}, "fast_ema"),
        ("a flag for a number", {"fast_ema": {"choices": [True]}}, "fast_ema"),
        ("a choice that is a list", {"fast_ema": {"choices": [[5]]}}, "fast_ema"),
        ("no choice", {"fast_ema": {"choices": []}}, "fast_ema"),
        ("choices and a range", {"fast_ema": {"choices": [5], "least": 3}}, "fast_ema"),
    ],
)
def test_what_cannot_be_sought(case, asked, field):
    with pytest.raises(BadParameters) as refused:
        space_of(EMA, asked, {"signal_ema": 3})
    assert refused.value.context.get("field") == field


def test_steps_are_told_without_the_dust_of_floats():
    assert values_of(Span("float", 0.1, 0.5, step=0.1)) == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert values_of(Span("float", 1, 2)) is None
    assert values_of(Span("float", 2, 2)) == (2,)
    assert values_of(Span("int", 1, 6, step=2)) == (1, 3, 5)


def test_combinations_in_order():
    two = {"a": Span("int", 1, 2), "b": Span("choice", choices=("x", "y"))}
    told = [tuple(each.values()) for each in combinations(two)]
    assert told == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
    assert combination_count(two) == 4


def test_a_study_refuses_what_it_cannot_run():
    with pytest.raises(BadParameters, match="unknown parameter"):
        study(fixed={"speed": 1})
    with pytest.raises(BadParameters, match="too few bars"):
        study(100).part(50, 101)
    with pytest.raises(BadParameters, match="too few bars"):
        study(100).part(50, 50)
    settings = study().settings.__class__(with_curve=False)
    with pytest.raises(BadParameters, match="curve"):
        Study(strategy=EMA, candles={"BTC/USDT": hours(50)}, settings=settings)
