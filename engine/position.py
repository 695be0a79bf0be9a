"""A position is a fold of its fills: quantity, average entry, realised profit."""

from dataclasses import dataclass, replace
from decimal import Decimal

from engine.errors import ImpossibleReport
from engine.money import ZERO, points
from engine.signal import Action, Direction

# As many decimals as are kept: folded at once or one by one, fills come to the same.
DECIMALS = 18


@dataclass(frozen=True, slots=True)
class PositionState:
    direction: Direction
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    # Of those, what was paid at entry for the quantity still held.
    entry_fees: Decimal = ZERO
    # Received for holding it, or paid, and not yet part of a close.
    funding: Decimal = ZERO


def won(direction: Direction, cost: Decimal, worth: Decimal) -> Decimal:
    """What a position has won, or lost, that was opened for its cost and is worth so much now."""
    return worth - cost if direction is Direction.LONG else cost - worth


def absorb(
    state: PositionState, *, action: Action, quantity: Decimal, price: Decimal, fee: Decimal
) -> tuple[PositionState, Decimal]:
    """The position after one fill, and the profit that fill realised, before fees."""
    if quantity <= 0 or price <= 0:
        raise ImpossibleReport(
            "a fill needs a quantity and a price", quantity=quantity, price=price
        )
    fees = state.fees + fee
    if action is Action.OPEN:
        total = state.quantity + quantity
        cost = state.quantity * state.entry_price + quantity * price
        opened = replace(
            state, quantity=total, entry_price=round(cost / total, DECIMALS), fees=fees
        )
        return replace(opened, entry_fees=state.entry_fees + fee), ZERO
    if quantity > state.quantity:
        raise ImpossibleReport(f"closed {quantity} of {state.quantity}")
    profit = round(quantity * won(state.direction, state.entry_price, price), DECIMALS)
    left = state.quantity - quantity
    closed = replace(state, quantity=left, realized=state.realized + profit, fees=fees)
    return replace(
        closed,
        entry_fees=state.entry_fees - share_of(state.entry_fees, quantity, state.quantity),
        funding=state.funding - share_of(state.funding, quantity, state.quantity),
    ), profit


def share_of(whole: Decimal, closed: Decimal, held: Decimal) -> Decimal:
    """Whole units, and the last close takes the rest: the shares are together the whole."""
    return whole if closed == held else points(whole * closed / held)
