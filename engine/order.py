"""The order's state: what is known of it, and how a report adds to that.

Knowledge only grows, so that reports may come in any order and any number of times:
of two statuses the one that proves more holds, and every fill counts once.
"""

import enum
from dataclasses import dataclass
from decimal import Decimal

from engine.errors import ImpossibleReport
from engine.money import ZERO


class OrderStatus(enum.StrEnum):
    """From what proves least to what proves most.

    A venue may accept late what it was believed never to have had, and may tell a
    fill after it has confirmed a cancel.
    """

    NEW = "new"  # written down; the venue may not know it yet
    UNKNOWN = "unknown"  # sent, and nobody knows whether it arrived
    EXPIRED = "expired"  # never placed, as far as could be proved
    REJECTED = "rejected"  # refused by the venue
    OPEN = "open"  # at the venue, perhaps filled in part
    CANCELED = "canceled"
    FILLED = "filled"
    SET = "set"  # stop and target stand at the venue; nothing of it is filled


S = OrderStatus
# Statuses in which the order can still take or give money.
LIVE = {S.NEW, S.UNKNOWN, S.OPEN}
# Statuses in which nobody expects the order to take or give money any more.
ENDS = {S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED}
# Those of an order that a venue has, or had.
AT_VENUE = {S.OPEN, S.CANCELED, S.FILLED}
PROOF = {status: number for number, status in enumerate(S)}


@dataclass(frozen=True, slots=True)
class OrderState:
    status: OrderStatus
    quantity: Decimal
    filled: Decimal


def apply_report(state: OrderState, status: OrderStatus, new_fills: Decimal = ZERO) -> OrderState:
    """The order's next state, with what it filled beyond what is known.

    A report already seen, or overtaken, changes nothing.
    """
    if new_fills and status not in AT_VENUE:
        raise ImpossibleReport(f"an order that is {status} has fills")
    filled = state.filled + new_fills
    if filled > state.quantity:
        raise ImpossibleReport(f"filled {filled} of {state.quantity}")
    if filled and S.SET in (state.status, status):
        raise ImpossibleReport("an order that sets stop and target fills nothing")
    known = max(state.status, status, key=PROOF.__getitem__)
    return OrderState(S.FILLED if filled == state.quantity else known, state.quantity, filled)
