"""The published experiment comes out as published, by the quoting that is traded with."""

import pytest

from engine.making.experiment import play
from engine.making.paper import MARKET, closed_form, compare
from engine.making.quoting import Bounded, Session

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


@pytest.mark.parametrize(("gamma", "most"), [(0.1, 30), (1.0, 20)])
def test_who_counts_the_future_right_is_better_off(gamma, most):
    by_paper = play(Session(MARKET, gamma), MARKET, paths=4000, seed=1)
    closed = closed_form(gamma, paths=4000, seed=1)
    exact = play(Bounded(MARKET, gamma, most), MARKET, paths=4000, seed=1)
    assert by_paper.certainty_equivalent(gamma) < closed.certainty_equivalent(gamma)
    assert by_paper.certainty_equivalent(gamma) < exact.certainty_equivalent(gamma)


def test_a_seed_gives_the_same_again():
    one, other = (closed_form(0.1, paths=50, seed=3) for _ in range(2))
    assert list(one.profits) == list(other.profits)
    assert list(one.profits) != list(closed_form(0.1, paths=50, seed=4).profits)
