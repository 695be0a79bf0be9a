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
    # its bits; what that earns; and both together, below zero where a side is not quoted.
    bids: Places
    asks: Places
    bid: Grid
    ask: Grid
    spread: Grid
    # A place a path.
    earned: Floats
    held: Whole
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
    earned, held, told = walks.earned, walks.held, walks.told
    steps, columns = walks.bids.shape
    middle = columns // 2
    paths = len(earned)
    start = mixed(np.uint64(seed + 1))
    for first in range(0, paths, BLOCK):
        last = min(first + BLOCK, paths)
        for step in range(steps):
            for path in range(first, last):
                at = min(max(held[path] + middle, 0), columns - 1)
                drawn = mixed(start + np.uint64(path * steps + step))
                is_bought = np.int64(drawn >> BID_SHIFT) < walks.bids[step, at]
                is_sold = np.int64((drawn >> ASK_SHIFT) & ASK_MASK) < walks.asks[step, at]
                gained = 0.0
                if is_bought:
                    gained += walks.bid[step, at]
                    held[path] += 1
                if is_sold:
                    gained += walks.ask[step, at]
                    held[path] -= 1
                rise = move if drawn & ONE else -move
                earned[path] += gained + held[path] * rise
                if walks.spread[step, at] >= 0:
                    told[0] += walks.spread[step, at]
                    told[1] += 1
