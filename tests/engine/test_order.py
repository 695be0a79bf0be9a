"""Reports in any order, and as often as they like to come, end in the same state."""

from decimal import Decimal
from itertools import permutations, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import ImpossibleReport
from engine.order import AT_VENUE, ENDS, PROOF, OrderState, OrderStatus, apply_report

S = OrderStatus
QUANTITY = Decimal(10)
NEW = OrderState(S.NEW, QUANTITY, Decimal(0))

# What a venue tells of one order, as its life goes on, with the fills so far.
LIVES = {
    "filled": [(S.UNKNOWN, ""), (S.OPEN, ""), (S.OPEN, "a"), (S.OPEN, "ab"), (S.FILLED, "abc")],
    "canceled": [(S.UNKNOWN, ""), (S.OPEN, ""), (S.OPEN, "a"), (S.CANCELED, "a")],
    "filled after all": [(S.OPEN, ""), (S.OPEN, "a"), (S.CANCELED, "a"), (S.FILLED, "abc")],
    "accepted late": [(S.UNKNOWN, ""), (S.EXPIRED, ""), (S.OPEN, "a"), (S.FILLED, "abc")],
    "rejected, and filled": [(S.REJECTED, ""), (S.CANCELED, "ab")],
    "told in parts": [(S.OPEN, "a"), (S.OPEN, "bc"), (S.CANCELED, "b"), (S.EXPIRED, "")],
    "rejected": [(S.UNKNOWN, ""), (S.EXPIRED, ""), (S.REJECTED, "")],
    "expired": [(S.UNKNOWN, ""), (S.EXPIRED, "")],
}
ENDINGS = {
    "filled": (S.FILLED, 10),
    "canceled": (S.CANCELED, 4),
    "filled after all": (S.FILLED, 10),
    "accepted late": (S.FILLED, 10),
    "rejected, and filled": (S.CANCELED, 7),
    "told in parts": (S.FILLED, 10),
    "rejected": (S.REJECTED, 0),
    "expired": (S.EXPIRED, 0),
}
FILLS = {"a": Decimal(4), "b": Decimal(3), "c": Decimal(3)}


def fold(reports):
    state, known = NEW, set()
    for status, fills in reports:
        new = set(fills) - known
        state = apply_report(state, status, sum((FILLS[name] for name in new), Decimal(0)))
        known |= new
    return state


@pytest.mark.parametrize("life", LIVES)
def test_every_order_of_the_reports_ends_in_the_same_state(life):
    for shuffled in permutations(LIVES[life]):
        state = fold(shuffled)
        assert (state.status, state.filled) == ENDINGS[life]


@given(st.data())
def test_doubled_and_shuffled_reports_end_in_the_same_state(data):
    life = data.draw(st.sampled_from(list(LIVES.values())))
    again = data.draw(st.lists(st.sampled_from(life), max_size=6))
    shuffled = data.draw(st.permutations(life + again))
    assert fold(shuffled) == fold(life)


@example([(S.OPEN, 5), (S.SET, 0), (S.OPEN, 5)])
@given(st.lists(st.tuples(st.sampled_from(S), st.integers(0, 5)), max_size=12))
def test_what_is_known_only_grows(reports):
    state = NEW
    for status, new in reports:
        before = state
        try:
            state = apply_report(state, status, Decimal(new))
        except ImpossibleReport:
            assert state is before
            continue
        assert before.filled <= state.filled <= QUANTITY
        assert PROOF[before.status] <= PROOF[state.status]
        # The report that led here is old news now.
        assert apply_report(state, status) == state


@pytest.mark.parametrize(("before", "status"), [*product(S, S)])
def test_of_two_statuses_the_same_one_holds_whichever_came_first(before, status):
    one = apply_report(OrderState(before, QUANTITY, Decimal(0)), status)
    other = apply_report(OrderState(status, QUANTITY, Decimal(0)), before)
    assert one == other


IMPOSSIBLE = {
    "more than was ordered": (S.OPEN, 4, S.FILLED, 7),
    "more than all of it": (S.FILLED, 10, S.CANCELED, 1),
    "set, and filled": (S.OPEN, 4, S.SET, 0),
    "filled, though only set": (S.SET, 0, S.OPEN, 4),
    "a fill of what was refused": (S.NEW, 0, S.REJECTED, 1),
    "a fill of what never was placed": (S.OPEN, 5, S.EXPIRED, 1),
}


@pytest.mark.parametrize(("had", "filled", "status", "new"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_contradiction_is_raised(had, filled, status, new):
    state = OrderState(had, QUANTITY, Decimal(filled))
    with pytest.raises(ImpossibleReport):
        apply_report(state, status, Decimal(new))


def test_an_order_with_all_its_fills_is_filled_whatever_it_is_called():
    for status in AT_VENUE:
        assert apply_report(NEW, status, QUANTITY).status is S.FILLED


def test_nothing_proves_more_than_an_end_but_what_the_venue_has():
    assert [status for status in S if status not in ENDS] == [S.NEW, S.UNKNOWN, S.OPEN, S.SET]
    assert {status for status in S if PROOF[status] >= PROOF[S.OPEN]} == AT_VENUE | {S.SET}
