"""Drift is every difference between venue and books, and nothing else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift import differences
from engine.signal import Direction

LONG, SHORT = Direction.LONG, Direction.SHORT
BTC, ETH = "BTC/USDT", "ETH/USDT"
CASES = [
    ("nothing anywhere", {}, {}, False, []),
    ("the same", {(BTC, LONG): 2}, {(BTC, LONG): 2}, False, []),
    ("held by hand", {(BTC, LONG): 2}, {}, False, [(BTC, LONG, 2)]),
    ("closed at the venue", {}, {(BTC, LONG): 2}, False, [(BTC, LONG, -2)]),
    ("turned", {(BTC, SHORT): 2}, {(BTC, LONG): 2}, False, [(BTC, LONG, -2), (BTC, SHORT, 2)]),
    ("both ways, one at the venue", {(BTC, LONG): 1}, {(BTC, LONG): 3, (BTC, SHORT): 2}, True, []),
    ("netted, and more", {(BTC, SHORT): 1}, {(BTC, LONG): 1}, True, [(BTC, LONG, -2)]),
    ("one symbol", {(BTC, LONG): 1, (ETH, LONG): 1}, {(ETH, LONG): 1}, False, [(BTC, LONG, 1)]),
]  # fmt: skip


def held(told):
    return {side: Decimal(quantity) for side, quantity in told.items()}


@pytest.mark.parametrize(("case", "venue", "books", "is_netted", "told"), CASES)
def test_differences(case, venue, books, is_netted, told):
    found = differences(held(venue), held(books), is_netted=is_netted)
    assert [(row.symbol, row.direction, row.amount) for row in found] == told


SIDES = st.dictionaries(
    st.tuples(st.sampled_from([BTC, ETH]), st.sampled_from(list(Direction))),
    st.decimals(0, 100, places=4),
)


@given(venue=SIDES, books=SIDES, is_netted=st.booleans())
def test_books_corrected_by_every_difference_are_the_venue_s(venue, books, is_netted):
    found = differences(venue, books, is_netted=is_netted)
    corrected = dict(books)
    for row in found:
        side = row.symbol, row.direction
        corrected[side] = corrected.get(side, Decimal(0)) + row.amount
    assert differences(venue, corrected, is_netted=is_netted) == []
    assert differences(venue, venue, is_netted=is_netted) == []
