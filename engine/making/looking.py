"""A look: the market as it is now, what is wanted in it, and which of the orders that
stand are to be placed, replaced or taken away. Most looks end here, for nothing is to be done.

A maker that trades live, one in a replay and the replay itself where nobody has to be woken take
this same look: on a node as it stands here, in a replay compiled (`replaying/going.py`).
"""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from engine.making.model import Answer, answer
from engine.making.params import MakerParams
from engine.making.requoting import GONE, MISSING, NOTHING, why_replaced
from engine.making.rules import SESSION, Rules
from engine.making.sides import next_sides
from engine.making.wanted import ROOM, W_PRICE, W_QUANTITY, W_WHY, want
from engine.making.watch import ASKS, BIDS, PICTURE, Memory, Seen, memory_of, see
from engine.parts import Floats, Places, Whole, part

# What stands at a level, a row a quote: nothing, an order that could be replaced, orders that are
# under way, or only such as go.
D_STATE, D_PRICE, D_LEFT, D_SINCE_MS = range(4)
FREE, STANDS, UNDER_WAY, GOES = range(4)

# Whole facts: what is held, since when it runs, which sides are open, and when it last looked.
POSITION, STARTED_MS, SIDES, LOOKED_MS = range(4)
# What a look came to: the shift is of all that is held, and fear is what halts.
SIGMA, Z, IMBALANCE, HALF, SHIFT, GAMMA, K, A, FEAR = range(9)

QUIET, BUSY, WILD = range(3)


class Eye(NamedTuple):
    rules: Rules
    memory: Memory
    picture: Whole
    facts: Whole
    # What may be ordered and held (wanted.py), and k and A as they are believed to be.
    funds: Floats
    believed: Floats
    desk: Places
    wanted: Places
    told: Floats


# The verdict on a moment.
Look = Callable[[int], int]


def as_it_stands(eye: Eye) -> Look:
    return partial(look, eye)


def eye_of(rules: Rules, params: MakerParams, started_ms: int) -> Eye:
    rows = 2 * params.levels
    facts = np.array([0, started_ms, 0, 0], np.int64)
    return Eye(
        rules=rules,
        memory=memory_of(params),
        picture=np.zeros(PICTURE, np.int64),
        facts=facts,
        # Until they are told nothing may be held.
        funds=np.array([0.0, np.inf, 0.0]),
        believed=np.array([params.k, params.a]),
        desk=np.zeros((rows, 4), np.int64),
        wanted=np.zeros((rows, 3), np.int64),
        told=np.zeros(9),
    )


@part
def look(eye: Eye, at_ms: int) -> int:
    """Whether anything is to be done: then it is written beside what is wanted."""
    rules, facts, picture = eye.rules, eye.facts, eye.picture
    seen = see(rules, eye.memory, picture, at_ms)
    facts[LOOKED_MS] = at_ms
    # Of what was not measured no deviation is known.
    eye.told[FEAR] = seen.z if seen.is_measured else 0.0
    if eye.told[FEAR] >= rules.volatility_z:
        return WILD
    left = rules.horizon_seconds
    if rules.model == SESSION:
        # A session that has ended begins anew.
        left -= (at_ms - facts[STARTED_MS]) / 1000 % left
    by_model = answer(rules, seen, eye.believed[0], eye.believed[1], left)
    position, twice_mid = facts[POSITION], picture[BIDS] + picture[ASKS]
    usage = abs(position) * twice_mid / 2 / eye.funds[ROOM]
    facts[SIDES] = next_sides(rules, facts[SIDES], position, usage)
    order = want(rules, eye.funds, seen, by_model, picture, position, facts[SIDES], eye.wanted)
    tell(eye.told, seen, by_model, position / order)
    return compare(rules, eye.desk, eye.wanted, at_ms)


@part
def tell(told: Floats, seen: Seen, by_model: Answer, held: float) -> None:
    told[SIGMA], told[Z], told[IMBALANCE] = seen.sigma, seen.z, seen.imbalance
    told[HALF], told[SHIFT] = by_model.half, by_model.shift * held
    told[GAMMA], told[K], told[A] = by_model.gamma, by_model.k, by_model.a


@part
def compare(rules: Rules, desk: Places, wanted: Places, at_ms: int) -> int:
    verdict = QUIET
    for row in range(2 * rules.levels):
        state, quantity, why = desk[row, D_STATE], wanted[row, W_QUANTITY], NOTHING
        if not quantity:
            why = GONE if state in (STANDS, UNDER_WAY) else NOTHING
        elif state == FREE:
            why = MISSING
        elif state == STANDS:
            why = why_replaced(
                rules,
                desk[row, D_PRICE],
                desk[row, D_LEFT],
                desk[row, D_SINCE_MS],
                wanted[row, W_PRICE],
                quantity,
                at_ms,
            )
        wanted[row, W_WHY] = why
        if why != NOTHING:
            verdict = BUSY
    return verdict
