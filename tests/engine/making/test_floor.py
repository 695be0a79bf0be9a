"""The compiled floor does what a plain one does, row by row, whatever is asked of it."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.makings.plain import PlainFloor
from engine.compiled import again
from engine.instrument import Instrument
from engine.making.replaying import floor as places
from engine.making.replaying.floor import (
    ANSWERED,
    ASK,
    BEST_ASK,
    BEST_BID,
    BID,
    BOUGHT,
    BUY,
    CANCEL,
    CANCELED,
    CLOSE,
    MADE,
    N_ANSWERED,
    N_ASKED,
    N_HEARD,
    N_NOW,
    OPENED,
    OVER,
    PLACE,
    REFUSED,
    SELL,
    SOLD,
    TOOK,
    advance,
)
from engine.making.replaying.recording import Row, recording_of
from engine.making.replaying.replay import RING, Terms, floor_of

INSTRUMENT = Instrument("ETH/USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
MID = 1000
ENTRY_MS, RESPONSE_MS = 2, 3
NS = 1_000_000


class Driven:
    """The compiled floor with the plain one's manners."""

    def __init__(self, recording, power):
        terms = Terms(entry_ms=ENTRY_MS, response_ms=RESPONSE_MS, queue_power=power)
        self.floor = floor_of(recording, terms)
        self.go_on = again(advance, self.floor)

    def send(self, kind, number, side, price, size):
        counts = self.floor.counts
        row = self.floor.requests[counts[N_ASKED] % RING]
        row[:6] = (counts[N_NOW] + ENTRY_MS * NS, kind, number, side, price, size)
        counts[N_ASKED] += 1

    def advance(self, until):
        if self.go_on(until) != ANSWERED:
            return None
        counts = self.floor.counts
        row = tuple(self.floor.answers[counts[N_HEARD] % RING].tolist())
        counts[N_HEARD] += 1
        return row

    def best(self):
        told = self.floor.counts[places.N_LEVELS :].tolist()
        return [told[2 * first] or None for first in (0, places.DEEP)]


def recording(rows):
    return recording_of(INSTRUMENT, rows, lines=len(rows))


prices = st.integers(MID - 6, MID + 6)
rows = st.tuples(
    st.sampled_from([BID, ASK, BEST_BID, BEST_ASK, SOLD, BOUGHT]), prices, st.integers(0, 9)
)
asks = st.tuples(
    st.sampled_from([PLACE, PLACE, PLACE, CANCEL, CLOSE]),
    st.sampled_from([BUY, SELL]),
    prices,
    st.integers(1, 9),
)


@settings(max_examples=200, deadline=None)
@given(
    market=st.lists(rows, min_size=5, max_size=60),
    asked=st.lists(asks, max_size=25),
    lag=st.integers(0, 3),
    power=st.sampled_from([0, 1, 3]),
)
def test_it_does_what_the_plain_one_does(market, asked, lag, power):
    told = [
        Row(kind, n * NS, (n + lag) * NS, price, max(size, 1) if kind in (SOLD, BOUGHT) else size)
        for n, (kind, price, size) in enumerate(market)
    ]
    made = recording(told)
    compiled = Driven(made, power)
    plain = PlainFloor(made.tape, entry=ENTRY_MS * NS, response=RESPONSE_MS * NS, power=power)
    waiting = list(asked)
    number, due = 0, 0
    while due < (len(market) + 20) * NS:
        one, other = compiled.advance(due), plain.advance(due)
        assert one == other
        if one is not None:
            continue
        assert compiled.best() == plain.seen.best
        assert compiled.floor.counts[places.N_POSITION] == plain.position
        if waiting:
            kind, side, price, size = waiting.pop()
            number += kind != CANCEL
            for each in (compiled, plain):
                each.send(
                    kind, number if kind != CANCEL else price % (number + 1), side, price, size
                )
        due += NS // 2


def walk(rows, sent, power=0):
    """What becomes of orders that are sent at the beginning."""
    driven = Driven(recording(rows), power)
    for one in sent:
        driven.send(*one)
    told = []
    while True:
        answer = driven.advance(10**9)
        if answer is None:
            return told
        told.append((answer[places.A_KIND], answer[places.A_PRICE], answer[places.A_SIZE]))


BOOK = [Row(BID, 0, 0, 990, 50), Row(ASK, 0, 0, 1010, 50), Row(BID, 0, 0, 980, 5)]


@pytest.mark.parametrize(
    ("case", "rows", "filled"),
    [
        ("touched is not filled", [Row(SOLD, 9 * NS, 9 * NS, 990, 50)], 0),
        ("the queue is traded away", [Row(SOLD, 9 * NS, 9 * NS, 990, 53)], 3),
        ("a trade goes through", [Row(SOLD, 9 * NS, 9 * NS, 989, 1)], 7),
        ("the other side comes to it", [Row(ASK, 9 * NS, 9 * NS, 990, 1)], 7),
        ("bought elsewhere", [Row(BOUGHT, 9 * NS, 9 * NS, 1010, 99)], 0),
        (
            "who vanished was behind us, carefully counted",
            [Row(BID, 8 * NS, 8 * NS, 990, 50 - 1), Row(SOLD, 9 * NS, 9 * NS, 990, 50)],
            1,
        ),
    ],
)
def test_when_an_order_fills(case, rows, filled):
    told = walk([*BOOK, *rows], [(PLACE, 1, BUY, 990, 7)])
    assert told[0] == (OPENED, 990, 7)
    assert sum(size for kind, _, size in told if kind == MADE) == filled


def test_a_post_only_order_that_would_take_is_refused():
    assert walk(BOOK, [(PLACE, 1, BUY, 1010, 7)]) == [(REFUSED, 1, 0)]
    assert walk(BOOK, [(PLACE, 1, SELL, 990, 7)]) == [(REFUSED, 1, 0)]


def test_what_closes_takes_level_by_level_and_only_reduces():
    fills = [Row(SOLD, 9 * NS, 9 * NS, 989, 1)]
    driven = Driven(recording([*BOOK, *fills]), 0)
    driven.send(PLACE, 1, BUY, 990, 60)
    while driven.advance(20 * NS) is not None:
        pass
    driven.send(CLOSE, 2, SELL, 60, 99)
    told = []
    while (answer := driven.advance(10**9)) is not None:
        told.append((answer[places.A_KIND], answer[places.A_PRICE], answer[places.A_SIZE]))
    # 50 at 990 and 5 at 980 are there; 60 are held, and 99 are asked for.
    assert told == [(TOOK, 990, 50), (TOOK, 980, 5), (CANCELED, 0, 0)]
    assert driven.floor.counts[places.N_POSITION] == 5


def test_the_record_ends():
    driven = Driven(recording(BOOK), 0)
    assert driven.go_on(10**9) == OVER
    assert np.count_nonzero(driven.floor.counts[N_ANSWERED]) == 0
