"""The life of one order as messages, and the same messages as a broker may bring them."""

import os
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from engine.order import OrderStatus

S = OrderStatus
PERMUTATIONS = int(os.environ.get("PERMUTATIONS", "60"))


@dataclass(frozen=True)
class Piece:
    """A fill in tenths of the order."""

    name: str
    quantity: Decimal
    price: Decimal
    fee: Decimal


@dataclass(frozen=True)
class Life:
    messages: list  # as they happened: what is known of the order, and all fills until then
    told: list  # as they come: in any order, some of them again


PIECES = [
    Piece("a", Decimal(3), Decimal("50000.1"), Decimal("0.31")),
    Piece("b", Decimal(4), Decimal("50001.3"), Decimal("-0.02")),
    Piece("c", Decimal(3), Decimal("50007.9"), Decimal("0.33")),
]
NONE, ONE, TWO, ALL = ([*PIECES[:count]] for count in range(4))
ENDS = [
    [(S.OPEN, TWO), (S.FILLED, ALL)],
    [(S.CANCELED, ONE)],
    [(S.CANCELED, ONE), (S.CANCELED, TWO)],  # a fill after the cancel
    [(S.CANCELED, ONE), (S.FILLED, ALL)],
    [(S.OPEN, TWO), (S.CANCELED, TWO)],
]
# Before anything of it was seen, it was given up.
STARTS = [[], [(S.UNKNOWN, NONE)], [(S.UNKNOWN, NONE), (S.EXPIRED, NONE)], [(S.REJECTED, NONE)]]


@st.composite
def lives(draw):
    accepted = [(S.OPEN, NONE), (S.OPEN, ONE)]
    messages = [*draw(st.sampled_from(STARTS)), *accepted, *draw(st.sampled_from(ENDS))]
    again = draw(st.lists(st.sampled_from(messages), max_size=5))
    return Life(messages, draw(st.permutations(messages + again)))
