"""A position is a fold of its fills, exact to what was paid and earned."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ImpossibleReport
from engine.position import PositionState, absorb
from engine.signal import Action, Direction

amounts = st.decimals("0.001", 1000, places=3)
prices = st.decimals("0.01", 100_000, places=2)
fees = st.decimals(-1, 5, places=4)


def fold(direction, fills):
    return fold_into(PositionState(direction), *fills)


def fold_into(state, *fills):
    profits = Decimal(0)
    for action, quantity, price, fee in fills:
        state, profit = absorb(state, action=action, quantity=quantity, price=price, fee=fee)
        profits += profit
    return state, profits


def test_a_long_earns_when_the_price_rises_and_a_short_when_it_falls():
    opened = (Action.OPEN, Decimal(2), Decimal(100), Decimal(1))
    closed = (Action.CLOSE, Decimal(1), Decimal(110), Decimal(1))
    long, profit = fold(Direction.LONG, [opened, closed])
    assert (long.quantity, long.entry_price, profit, long.fees) == (1, 100, 10, 2)
    short, loss = fold(Direction.SHORT, [opened, closed])
    assert (short.quantity, loss, short.realized) == (1, -10, -10)


def test_the_entry_is_the_average_and_a_close_leaves_it():
    fills = [(Action.OPEN, Decimal(1), Decimal(100), Decimal(0))]
    fills += [(Action.OPEN, Decimal(3), Decimal(200), Decimal(0))]
    assert fold(Direction.LONG, fills)[0].entry_price == 175
    fills += [(Action.CLOSE, Decimal(2), Decimal(300), Decimal(0))]
    assert fold(Direction.LONG, fills)[0].entry_price == 175


@given(
    st.sampled_from(Direction),
    st.lists(st.tuples(amounts, prices, fees), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(1, 9), prices, fees), max_size=5),
    prices,
)
def test_all_in_and_all_out_earns_what_came_in_less_what_went_out(direction, ins, outs, last):
    fills = [(Action.OPEN, *fill) for fill in ins]
    left = sum(quantity for quantity, _, _ in ins)
    for tenths, price, fee in outs:
        part = (left * tenths / 10).quantize(Decimal("0.001"))
        if 0 < part < left:
            fills.append((Action.CLOSE, part, price, fee))
            left -= part
    fills.append((Action.CLOSE, left, last, Decimal(0)))
    state, profits = fold(direction, fills)

    earned = Fraction(0)
    for action, quantity, price, _ in fills:
        worth = Fraction(quantity) * Fraction(price)
        earned += worth if action is Action.CLOSE else -worth
    earned *= 1 if direction is Direction.LONG else -1
    assert state.quantity == 0
    assert abs(Fraction(profits) - earned) < Fraction(1, 10**12)
    assert state.realized == profits
    assert state.fees == sum(fee for *_, fee in fills)


@pytest.mark.parametrize(
    ("case", "quantities", "shares"),
    [
        ("all at once", ("3",), ("1",)),
        (
            "thirds, of which the last takes the rest",
            (1, 1, 1),
            (*["0.33333333"] * 2, "0.33333334"),
        ),
        ("a small part costs less than a unit", ("0.00000001", "2.99999999"), ("0", "1")),
    ],
)
def test_each_close_bears_its_share_of_what_was_paid_at_entry(case, quantities, shares):
    state, _profit = fold(Direction.LONG, [(Action.OPEN, Decimal(3), Decimal(100), Decimal(1))])
    for quantity, share in zip(quantities, shares, strict=True):
        before = state.entry_fees
        state, _profit = absorb(
            state,
            action=Action.CLOSE,
            quantity=Decimal(quantity),
            price=Decimal(100),
            fee=Decimal(2),
        )
        assert before - state.entry_fees == Decimal(share)
    assert (state.quantity, state.entry_fees) == (0, 0)


def test_what_is_bought_later_adds_to_what_is_still_to_be_borne():
    bought = (Action.OPEN, Decimal(2), Decimal(100), Decimal(4))
    sold = (Action.CLOSE, Decimal(1), Decimal(100), Decimal(9))
    assert fold(Direction.LONG, [bought, sold])[0].entry_fees == 2
    assert fold(Direction.LONG, [bought, sold, bought])[0].entry_fees == 6
    assert fold(Direction.LONG, [bought, sold, bought, sold])[0].entry_fees == 4


@given(st.decimals(-5, 5, places=12), st.lists(st.integers(1, 9), max_size=4))
def test_closes_bear_together_the_funding_until_then(funding, tenths):
    state, _ = fold(Direction.LONG, [(Action.OPEN, Decimal(7), Decimal(100), Decimal(1))])
    state, borne = replace(state, funding=funding), Decimal(0)
    for tenth in [*tenths, None]:
        before = state
        part = state.quantity * tenth / 100 if tenth else state.quantity
        state, _ = fold_into(state, (Action.CLOSE, part, Decimal(100), Decimal(0)))
        assert (before.funding - state.funding) * funding >= 0
        borne += before.funding - state.funding
    assert (borne, state.funding) == (funding, 0)


@pytest.mark.parametrize(("quantity", "price"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
@pytest.mark.parametrize("action", Action)
def test_a_fill_without_quantity_or_price_is_impossible(action, quantity, price):
    state = PositionState(Direction.LONG, Decimal(5), Decimal(5))
    with pytest.raises(ImpossibleReport):
        absorb(
            state, action=action, quantity=Decimal(quantity), price=Decimal(price), fee=Decimal(0)
        )


def test_more_than_is_held_cannot_be_closed():
    state = PositionState(Direction.LONG, Decimal(5), Decimal(5))
    with pytest.raises(ImpossibleReport, match="closed 6 of 5"):
        absorb(state, action=Action.CLOSE, quantity=Decimal(6), price=Decimal(1), fee=Decimal(0))
