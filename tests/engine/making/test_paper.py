"""The published experiment comes out as published, by the quoting that is traded with."""

import pytest

from engine.making.experiment import play
from engine.making.paper import MARKET, closed_form, compare
from engine.making.quoting import Bounded, Session, Stationary
from engine.making.worth import certain_equivalent

# What a thousand paths may differ by, and still be the same experiment: some three standard
# deviations of such an estimate.
SPREAD = 0.02
INVENTORY = {"profit": 1.0, "profit_deviation": 0.9, "inventory": 0.5, "inventory_deviation": 0.45}
SYMMETRIC = {"profit": 1.7, "profit_deviation": 2.3, "inventory": 0.9, "inventory_deviation": 0.65}


def test_all_cells_of_the_table():
    rows = list(compare(paths=1000, seed=7))
    for row in rows:
        allowed = SYMMETRIC if row.published.is_symmetric else INVENTORY
        assert row.ours.spread == pytest.approx(row.published.spread, abs=SPREAD)
        for name, tolerance in allowed.items():
            told = (row.published.gamma, row.published.name, name)
            published = getattr(row.published, name)
            assert getattr(row.ours, name) == pytest.approx(published, abs=tolerance), told
    for inventory, symmetric in zip(rows[::2], rows[1::2], strict=True):
        assert inventory.ours.profit_deviation < symmetric.ours.profit_deviation
        assert inventory.ours.inventory_deviation < symmetric.ours.inventory_deviation


# The same by 100,000 paths: profit, its deviation, the deviation of what is held.
OF_MANY = (
    (64.89, 6.54, 2.91),
    (68.13, 13.48, 8.39),
    (68.35, 8.95, 5.21),
    (68.56, 13.72, 8.72),
    (31.46, 4.82, 1.63),
    (43.65, 10.74, 5.17),
)


def test_a_hundred_thousand_paths_come_to_what_others_came_to():
    rows = list(compare(paths=100_000, seed=7))
    for row, (profit, profit_deviation, inventory_deviation) in zip(rows, OF_MANY, strict=True):
        told = (row.published.gamma, row.published.name)
        assert row.ours.profit == pytest.approx(profit, abs=0.2), told
        assert row.ours.profit_deviation == pytest.approx(profit_deviation, abs=0.2), told
        assert row.ours.inventory_deviation == pytest.approx(inventory_deviation, abs=0.08), told
    for inventory, symmetric in zip(rows[::2], rows[1::2], strict=True):
        assert inventory.ours.profit < symmetric.ours.profit


@pytest.mark.parametrize(("gamma", "most"), [(0.1, 30), (1.0, 20)])
def test_who_counts_the_future_right_is_better_off(gamma, most):
    by_paper = play(Session(MARKET, gamma), MARKET, paths=4000, seed=1)
    closed = closed_form(gamma, paths=4000, seed=1)
    exact = play(Bounded(MARKET, gamma, most), MARKET, paths=4000, seed=1)
    assert by_paper.certainty_equivalent(gamma) < closed.certainty_equivalent(gamma)
    assert by_paper.certainty_equivalent(gamma) < exact.certainty_equivalent(gamma)


def worths(gamma):
    quotings = Session(MARKET, gamma), Stationary(MARKET, gamma), Bounded(MARKET, gamma, 40)
    return [certain_equivalent(quoting, MARKET, gamma) for quoting in quotings]


@pytest.mark.parametrize("gamma", [0.01, 0.1, 1.0])
def test_the_closed_form_is_worth_at_least_what_the_papers_formula_is(gamma):
    by_paper, closed, exact = worths(gamma)
    assert by_paper < closed < exact


def test_where_nearly_nothing_is_disliked_the_session_ends_too_soon_for_the_closed_form():
    by_paper, closed, exact = worths(0.005)
    assert closed < by_paper < exact


def test_what_is_counted_exactly_is_what_many_paths_come_to():
    quoting = Stationary(MARKET, 0.1)
    drawn = play(quoting, MARKET, paths=20_000, seed=1).certainty_equivalent(0.1)
    assert certain_equivalent(quoting, MARKET, 0.1) == pytest.approx(drawn, abs=0.25)


def test_a_seed_gives_the_same_again():
    one, other = (closed_form(0.1, paths=50, seed=3) for _ in range(2))
    assert list(one.profits) == list(other.profits)
    assert list(one.profits) != list(closed_form(0.1, paths=50, seed=4).profits)
