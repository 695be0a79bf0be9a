"""The floor goes on and the maker's eye looks at it, compiled: nobody is woken for a look that
comes to nothing."""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from typing import NamedTuple

import numpy as np

from engine.compiled import compiled
from engine.making.looking import QUIET, WILD, Eye, look
from engine.making.replaying.floor import (
    ANSWERED,
    BY_SIGHT,
    ELAPSED,
    N_LEVELS,
    N_NOW,
    N_SEEN,
    SEEN,
    Floor,
    advance,
)
from engine.making.wanted import W_PRICE, W_QUANTITY
from engine.making.watch import ASKS, BIDS, PICTURE
from engine.parts import Places, Whole, part

NS_A_MS = 1_000_000
# Something is to be done; ANSWERED and ELAPSED are the floor's.
LOOKED = 3

# When the next look is due, how long it is to the one after it, and how many there were; then
# what is held, in steps and in ticks times steps, and what was paid in fees, in points' units.
DUE_NS, EVERY_NS, LOOKS, HELD, CASH, FEES = range(6)
# Of each look: when, twice the mid, what was quoted, and the books as they were heard of.
L_AT_NS, L_TWICE_MID, L_BID, L_ASK, L_HELD, L_CASH, L_FEES = range(7)


class Diary(NamedTuple):
    now: Whole
    looks: Places


def diary_of(due_ns: int, every_ns: int, ends_ns: int) -> Diary:
    looks = max(ends_ns - due_ns, 0) // every_ns + 2
    return Diary(np.array([due_ns, every_ns, 0, 0, 0, 0]), np.zeros((looks, 7), np.int64))


@compiled()
def go_on(floor: Floor, eye: Eye, diary: Diary, until_ns: int) -> int:
    """To the next answer, to what a look says is to be done, or to a look that the maker has to
    take itself."""
    counts, now = floor.counts, diary.now
    while True:
        outcome = advance(floor, now[DUE_NS])
        at_ns = counts[N_NOW]
        if outcome == ANSWERED:
            return ANSWERED
        if at_ns >= until_ns or not is_seen(floor, eye, at_ns):
            return ELAPSED
        for place in range(PICTURE):
            eye.picture[place] = counts[N_LEVELS + place]
        verdict = look(eye, at_ns // NS_A_MS)
        asks = eye.rules.levels
        bid, ask = eye.wanted[0, W_PRICE], eye.wanted[asks, W_PRICE]
        if verdict == WILD or not eye.wanted[0, W_QUANTITY]:
            bid = 0
        if verdict == WILD or not eye.wanted[asks, W_QUANTITY]:
            ask = 0
        note(diary, at_ns, eye.picture[BIDS] + eye.picture[ASKS], bid, ask)
        if verdict != QUIET:
            return LOOKED


@compiled()
def looked(eye: Eye, at_ms: int) -> int:
    return look(eye, at_ms)


@part
def note(diary: Diary, at_ns: int, twice_mid: int, bid: int, ask: int) -> None:
    """A look was taken."""
    now, row = diary.now, diary.looks[diary.now[LOOKS]]
    row[L_AT_NS], row[L_TWICE_MID], row[L_BID], row[L_ASK] = at_ns, twice_mid, bid, ask
    row[L_HELD], row[L_CASH], row[L_FEES] = now[HELD], now[CASH], now[FEES]
    now[LOOKS] += 1
    now[DUE_NS] += now[EVERY_NS]


@part
def is_seen(floor: Floor, eye: Eye, at_ns: int) -> bool:
    """Whether the book is one, and fresh."""
    counts, tape = floor.counts, floor.tape
    if not counts[N_SEEN]:
        return False
    last = tape[SEEN, tape[BY_SIGHT, counts[N_SEEN] - 1]]
    if at_ns // NS_A_MS - last // NS_A_MS > 1000 * eye.rules.stale_seconds:
        return False
    bid, ask = counts[N_LEVELS + BIDS], counts[N_LEVELS + ASKS]
    return 0 < bid < ask
