"""Many paths of the experiment at once, compiled: each step may fill the bid, the ask or both.

What a path has earned is counted against the mid: the distance of what was filled, and what is held
times the mid's move. Chance is a counter run through a mixer, so that every path and step has its
own whatever the order in which they are gone through.
"""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from typing import NamedTuple

import numpy as np

from engine.compiled import compiled
from engine.parts import Floats, Grid, Places, Whole, part

# Paths that go through a step together, so that they and the step's rows stay near.
BLOCK = 1024
BID_BITS, ASK_BITS = 31, 32
STRIDE = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
HIGH, MIDDLE, LOW = np.uint64(30), np.uint64(27), np.uint64(31)
BID_SHIFT, ASK_SHIFT, ONE = np.uint64(33), np.uint64(1), np.uint64(1)
ASK_MASK = np.uint64((1 << 32) - 1)


class Walks(NamedTuple):
    # A row a step, a column an inventory, the least first: how often a side is filled, in parts of
    # its bits; what that earns; both together, and whether both sides are quoted.
    bids: Places
    asks: Places
    bid: Grid
    ask: Grid
    spread: Grid
    quoted: Grid
    # A place a path.
    earned: Floats
    held: Whole
    # A place a path of a block: the chance of its step.
    drawn: Whole
    # The sum of spreads, and of how many.
    told: Floats


@part
def mixed(count: np.uint64) -> np.uint64:
    state = count * STRIDE
    state = (state ^ (state >> HIGH)) * FIRST
    state = (state ^ (state >> MIDDLE)) * SECOND
    return state ^ (state >> LOW)


@compiled()
def walk(walks: Walks, seed: int, move: float) -> None:
    earned, held, drawn = walks.earned, walks.held, walks.drawn
    steps, columns = walks.bids.shape
    middle, paths = columns // 2, len(earned)
    start = mixed(np.uint64(seed + 1))
    for first in range(0, paths, BLOCK):
        last = min(first + BLOCK, paths)
        for step in range(steps):
            # Chance by itself, many at once; what hangs on it goes without a branch, for nobody
            # can guess who is filled.
            for path in range(first, last):
                drawn[path - first] = np.int64(mixed(start + np.uint64(path * steps + step)))
            bids, asks = walks.bids[step], walks.asks[step]
            bid, ask = walks.bid[step], walks.ask[step]
            spreads, is_quoted, spread, quoted = walks.spread[step], walks.quoted[step], 0.0, 0.0
            for path in range(first, last):
                # Without a sign, so that no place is counted from the end.
                at = np.uint64(min(max(held[path] + middle, 0), columns - 1))
                chance = np.uint64(drawn[path - first])
                bought = np.int64(np.int64(chance >> BID_SHIFT) < bids[at])
                sold = np.int64(np.int64((chance >> ASK_SHIFT) & ASK_MASK) < asks[at])
                now = held[path] + bought - sold
                rise = move if chance & ONE else -move
                held[path] = now
                earned[path] += bought * bid[at] + sold * ask[at] + now * rise
                spread += spreads[at]
                quoted += is_quoted[at]
            walks.told[0] += spread
            walks.told[1] += quoted
