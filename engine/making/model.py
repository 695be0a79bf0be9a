"""From what is seen to how far from the mid to quote: the model, with its parameters adapted.

Everything is in basis points of the mid and in seconds. A volatile market is disliked more, and a
thin one is taken to fill less far away: both widen the quotes.
"""

from typing import NamedTuple

from engine.making.calibration import Estimate, drawn_to
from engine.making.params import MakerParams
from engine.making.quoting import session, stationary
from engine.making.rules import CLOSED, Rules
from engine.making.units import Bps, in_bps
from engine.making.watch import Seen
from engine.parts import part

# At so many times the usual volatility, gamma is doubled; it is at most four times its base.
DOUBLED_AT, MOST_ADDED = 3.0, 3.0
# How much of a depth beyond the usual one goes into k, and how far k may go.
BY_DEPTH, K_LEAST, K_MOST = 0.35, 0.5, 2.0
# What was measured may be so many times less or more than what was assumed.
TRUSTED = 10.0


class Answer(NamedTuple):
    """Half of the spread, how far each order that is held shifts both quotes, and what from."""

    half: Bps
    shift: Bps
    gamma: float
    k: float
    a: float


def believed(params: MakerParams, measured: Estimate | None) -> tuple[float, float]:
    """k and A: as assumed, drawn to what was measured."""
    k, a = params.k, params.a
    if measured:
        k = within(drawn_to(measured.k, k, measured.count), k / TRUSTED, k * TRUSTED)
        a = within(drawn_to(measured.a, a, measured.count), a / TRUSTED, a * TRUSTED)
    return k, a


@part
def answer(rules: Rules, seen: Seen, k: float, a: float, left_seconds: float) -> Answer:
    gamma = adapted_gamma(rules, seen)
    k *= within(1 + BY_DEPTH * (seen.depth - 1), K_LEAST, K_MOST)
    if rules.model == CLOSED:
        half, shift = stationary(in_bps(seen.sigma), a, k, gamma)
    else:
        half, shift = session(in_bps(seen.sigma), k, gamma, left_seconds)
    half = within(half, rules.min_spread_bps / 2, rules.max_spread_bps / 2)
    return Answer(Bps(half), Bps(shift), gamma, k, a)


@part
def adapted_gamma(rules: Rules, seen: Seen) -> float:
    louder = seen.sigma / (DOUBLED_AT * rules.usual)
    gamma = rules.gamma * (1 + min(MOST_ADDED, louder))
    return within(gamma, rules.gamma_min, rules.gamma_max)


@part
def within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
