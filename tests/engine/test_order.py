"""Reports in any order, and as often as they like to come, end in the same state."""

from decimal import Decimal
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ImpossibleReport
from engine.order import FOLLOWS, LIVE, OrderState, OrderStatus, apply_report, is_old_news

S = OrderStatus
QUANTITY = Decimal(10)
NEW = OrderState(S.NEW, QUANTITY, Decimal(0))

# What a venue tells of one order, as its life goes on.
LIVES = {
    "filled": [(S.UNKNOWN, 0), (S.OPEN, 0), (S.OPEN, 4), (S.OPEN, 7), (S.FILLED, 10)],
    "canceled": [(S.UNKNOWN, 0), (S.OPEN, 0), (S.OPEN, 4), (S.CANCELED, 4)],
    "filled after all": [(S.OPEN, 0), (S.OPEN, 4), (S.CANCELED, 4), (S.FILLED, 10)],
    "rejected": [(S.UNKNOWN, 0), (S.REJECTED, 0)],
    "expired": [(S.UNKNOWN, 0), (S.EXPIRED, 0)],
}


def fold(reports):
    state = NEW
    for status, filled in reports:
        state = apply_report(state, status, Decimal(filled))
    return state


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_every_order_of_the_reports_ends_in_the_same_state(life):
    whole = fold(life)
    assert (whole.status, whole.filled) == life[-1]
    for shuffled in permutations(life):
        assert fold(shuffled) == whole


@given(st.data())
def test_doubled_and_shuffled_reports_end_in_the_same_state(data):
    life = data.draw(st.sampled_from(sorted(LIVES.values())))
    again = data.draw(st.lists(st.sampled_from(life), max_size=6))
    shuffled = data.draw(st.permutations(life + again))
    assert fold(shuffled) == fold(life)


@given(st.lists(st.tuples(st.sampled_from(S), st.integers(0, 12)), max_size=12))
def test_a_state_never_loses_a_fill_nor_leaves_its_end(reports):
    state = NEW
    for status, filled in reports:
        before = state
        try:
            state = apply_report(state, status, Decimal(filled))
        except ImpossibleReport:
            assert state is before
            continue
        assert before.filled <= state.filled <= QUANTITY
        assert state.status == before.status or state.status in FOLLOWS[before.status]
        # The report that led here is old news now.
        assert apply_report(state, status, Decimal(filled)) == state


@pytest.mark.parametrize(("status", "filled"), [*product(S, [0, 5, 10])])
def test_a_report_that_was_applied_changes_nothing_more(status, filled):
    try:
        state = apply_report(NEW, status, Decimal(filled))
    except ImpossibleReport:
        return
    assert is_old_news(state, status, Decimal(filled)) or state == NEW
    assert apply_report(state, status, Decimal(filled)) == state


IMPOSSIBLE = {
    "more than was ordered": (S.OPEN, 4, S.FILLED, 11),
    "rejected after a fill": (S.FILLED, 10, S.REJECTED, 11),
    "filled after it expired": (S.EXPIRED, 0, S.FILLED, 10),
    "filled after it was rejected": (S.REJECTED, 0, S.FILLED, 10),
    "expired, though it was open": (S.OPEN, 0, S.EXPIRED, 0),
    "less than before": (S.OPEN, 5, S.CANCELED, 4),
}


@pytest.mark.parametrize(("had", "filled", "status", "told"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_contradiction_is_raised(had, filled, status, told):
    state = OrderState(had, QUANTITY, Decimal(filled))
    with pytest.raises(ImpossibleReport):
        apply_report(state, status, Decimal(told))


def test_every_status_has_a_way_on_or_is_an_end():
    assert FOLLOWS.keys() == set(S)
    for status in S:
        is_end = not FOLLOWS[status] - {status} - {S.FILLED}
        assert is_end == (status not in LIVE)
