"""How much is luck: the papers' own figures, simulations, and places made to be judged."""

from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import BadParameters
from engine.optimise import Ended, Objective, Search, Trial, surface_of
from engine.optimise.judge import deflated_sharpe, lucky_sharpe, overfit_of, probable
from engine.optimise.neighbours import kept_by_neighbours
from engine.strategies import Span

RETURN = Objective(name="return")


def test_the_example_of_the_paper():
    # Five years of 250 days, a ratio of 2.5 a year, skew -3, kurtosis 10; 100 trials whose
    # yearly ratios vary by 1/2. With 46 trials it would have passed at 95 %.
    ratio = 2.5 / sqrt(250)
    lucky = lucky_sharpe(0.5 / 250, 100)
    assert lucky == pytest.approx(0.1132, abs=5e-5)
    assert probable(ratio, lucky, 1250, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    fewer = lucky_sharpe(0.5 / 250, 46)
    assert probable(ratio, fewer, 1250, -3, 10) == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_the_luck_of_many_trials_is_what_chance_makes_of_them(trials):
    chance = np.random.default_rng(1)
    best = chance.normal(0, 0.05, (3000, trials)).max(axis=1).mean()
    assert lucky_sharpe(0.05**2, trials) == pytest.approx(best, rel=0.03)


def test_days_without_skill_and_days_with_it():
    chance = np.random.default_rng(2)
    days = chance.normal(0, 0.01, 2000)
    days -= days.mean()
    assert deflated_sharpe(days, 0.0) == pytest.approx(0.5)
    assert deflated_sharpe(days, 0.1) < 0.001
    assert deflated_sharpe(days + 0.002, 0.1) > 0.999
    assert deflated_sharpe(np.zeros(50), 0.1) is None
    assert deflated_sharpe(np.array([0.1]), 0.1) is None


def test_overfitting_of_noise_and_of_skill():
    chance = np.random.default_rng(3)
    noise = [chance.normal(0, 0.01, (40, 160)).tolist() for _ in range(20)]
    assert np.mean([overfit_of(each) for each in noise]) == pytest.approx(0.5, abs=0.1)
    skilled = np.array(noise[0])
    skilled[7] += 0.01
    assert overfit_of(skilled.tolist()) < 0.01
    # Half of the time each is the best, and then the worst.
    turned = np.array([[0.01] * 80 + [-0.01] * 80, [-0.01] * 80 + [0.01] * 80])
    turned += chance.normal(0, 0.001, turned.shape)
    assert overfit_of(turned.tolist()) > 0.9
    assert overfit_of(noise[0][:1]) is None


def searched(score, space=None):
    space = space or {"a": Span("int", 0, 9), "b": Span("float", 0, 0.9, step=0.1)}
    values = [{"a": a, "b": round(b / 10, 1)} for a in range(10) for b in range(10)]
    trials = [
        Trial(number, each, {"trades": 1, "drawdown": 0, "returned": score(each)})
        for number, each in enumerate(values)
    ]
    return Search(space, "grid", 0, RETURN, trials, Ended.COMPLETE)


def test_neighbours_of_a_plain_and_of_a_needle():
    def hill(each):
        return -((each["a"] - 4) ** 2) - (10 * each["b"] - 5) ** 2

    def needle(each):
        return 50 if (each["a"], each["b"]) == (4, 0.5) else (each["a"] * 7 % 5) / 5

    assert kept_by_neighbours(searched(hill)) > 0.8
    assert kept_by_neighbours(searched(needle)) < 0.05
    assert kept_by_neighbours(searched(lambda each: 1.0)) is None
    assert kept_by_neighbours(searched(lambda each: None)) is None


def test_a_needle_among_trials_without_a_score():
    def alone(each):
        near = abs(each["a"] - 4) <= 1 and abs(10 * each["b"] - 5) <= 1
        return 9.0 if (each["a"], each["b"]) == (4, 0.5) else None if near else 1.0

    assert kept_by_neighbours(searched(alone)) == 0


def test_a_surface_tells_the_mean_of_its_cells():
    found = searched(lambda each: each["a"] * 10.0 + each["b"])
    told = surface_of(found, "b", "a")
    assert (told.x, told.y) == ("b", "a")
    assert told.xs == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert told.cells[3][5] == pytest.approx(30.5)
    # What changes the score most comes first.
    assert (surface_of(found).x, surface_of(found).y) == ("a", "b")
    assert surface_of(searched(lambda each: None)).cells[0] == [None] * 10


def test_many_values_share_a_cell():
    space = {"a": Span("int", 0, 99), "b": Span("float", 0, 2)}
    told = surface_of(searched(lambda each: each["b"], space), "a", "b")
    assert (len(told.xs), len(told.ys)) == (20, 24)
    assert told.xs[:3] == [0, 5, 10]
    # Cells of b are a twelfth wide: 0.1 stands in the second, with the a of 0 to 4.
    assert told.cells[1][0] == pytest.approx(0.1)
    assert told.cells[23][0] is None


def test_surfaces_that_cannot_be():
    one = SimpleNamespace(space={"a": Span("int", 0, 9)}, trials=[], objective=RETURN)
    assert surface_of(one) is None
    with pytest.raises(BadParameters, match="not sought"):
        surface_of(one, "speed", "a")
