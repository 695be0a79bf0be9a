"""The order's state: which status follows which, and how a report folds in."""

import enum
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.errors import ImpossibleReport


class OrderStatus(enum.StrEnum):
    NEW = "new"  # written down; the venue may not know it yet
    UNKNOWN = "unknown"  # sent, and nobody knows whether it arrived
    OPEN = "open"  # at the venue, perhaps filled in part
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"  # refused by the venue
    EXPIRED = "expired"  # proved never to have been placed
    SET = "set"  # stop and target stand at the venue; nothing of it is filled


S = OrderStatus
FOLLOWS = {
    S.NEW: {S.UNKNOWN, S.OPEN, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.SET},
    S.UNKNOWN: {S.UNKNOWN, S.OPEN, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.SET},
    S.OPEN: {S.OPEN, S.FILLED, S.CANCELED},
    # A venue may report a fill after it has confirmed the cancel.
    S.CANCELED: {S.CANCELED, S.FILLED},
    S.FILLED: {S.FILLED},
    S.REJECTED: {S.REJECTED},
    S.EXPIRED: {S.EXPIRED},
    S.SET: {S.SET},
}
# Statuses in which the order can still take or give money.
LIVE = {S.NEW, S.UNKNOWN, S.OPEN}


@dataclass(frozen=True, slots=True)
class OrderState:
    status: OrderStatus
    quantity: Decimal
    filled: Decimal


def is_old_news(state: OrderState, status: OrderStatus, filled: Decimal) -> bool:
    """Whether a report says less than is known: it came late, and changes nothing."""
    knows_more = filled > state.filled
    return not knows_more and (status == state.status or state.status in FOLLOWS[status])


def apply_report(state: OrderState, status: OrderStatus, filled: Decimal) -> OrderState:
    """The order's next state; a report already seen, or overtaken, changes nothing."""
    if is_old_news(state, status, filled):
        return state
    if status not in FOLLOWS[state.status]:
        raise ImpossibleReport(f"{state.status} cannot become {status}")
    if not state.filled <= filled <= state.quantity:
        raise ImpossibleReport(f"filled {filled} of {state.quantity} after {state.filled}")
    return replace(state, status=status, filled=filled)
