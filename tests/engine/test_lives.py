"""Thousands of ways in which an order's messages may come end in one order and one position.

PERMUTATIONS says how many are tried: by default a few hundred here, and all of them at night.
"""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.order import OrderState, OrderStatus, apply_report
from engine.position import PositionState, absorb
from engine.signal import Action, Direction
from tests.lives import PERMUTATIONS, lives

S = OrderStatus


def fold(messages, action, held):
    """The order and the position that these messages come to, as the books fold them."""
    state = OrderState(S.NEW, Decimal(10), Decimal(0))
    position, known, profits = held, set(), {}
    for status, fills in messages:
        new = [one for one in fills if one.name not in known]
        state = apply_report(state, status, sum((one.quantity for one in new), Decimal(0)))
        for one in new:
            position, profits[one.name] = absorb(
                position, action=action, quantity=one.quantity, price=one.price, fee=one.fee
            )
        known |= {one.name for one in new}
    return state, position, profits


@given(lives(), st.sampled_from([Action.OPEN, Action.CLOSE]), st.sampled_from(Direction))
@settings(max_examples=PERMUTATIONS * 10)
def test_any_order_with_any_doubles_ends_in_the_same_state(life, action, direction):
    held = PositionState(direction)
    if action is Action.CLOSE:
        held, _ = absorb(
            held,
            action=Action.OPEN,
            quantity=Decimal(12),
            price=Decimal("49999.7"),
            fee=Decimal("0.7"),
        )
    assert fold(life.told, action, held) == fold(life.messages, action, held)
