"""How capital is shared out among traders: pure, in percent of all that there is.

What stands whatever the others wish: together they never have more than is shared out, and nobody
has less than it needs. Within that, a share has its bounds, and moves only so far at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from engine.money import ZERO

HUNDRED = Decimal(100)
PLACES = Decimal("0.01")
LEAST_SCORE = Decimal("0.01")
MOST_SHARPE = Decimal(2)
BUSY = Decimal("0.8")


class TooTight(Exception):
    """What they need is more than is shared out: everything stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    strategy: str
    reserve: Decimal
    least: Decimal
    most: Decimal
    step: Decimal
    least_trades: int

    @property
    def shared(self) -> Decimal:
        return HUNDRED - self.reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a trader when its share is decided on, in percent."""

    told: Decimal  # the share that a person has named
    now: Decimal
    needed: Decimal = ZERO  # below that it would not have its margin
    trades: int = 0
    sharpe: Decimal | None = None
    drawdown: Decimal = ZERO  # a fraction
    used: Decimal = ZERO  # margin over its slice, a fraction


def shares_of(terms: Terms, standings: Mapping[str, Standing]) -> dict[str, Decimal]:
    """Each one's new share, or TooTight."""
    if not standings:
        return {}
    needed = {name: up(one.needed) for name, one in standings.items()}
    if sum(needed.values(), ZERO) > terms.shared:
        raise TooTight("the margin in use is more than may be shared out")
    wanted = wishes(terms, standings)
    lows, highs = {}, {}
    for name, one in standings.items():
        lows[name] = max(needed[name], terms.least, one.now - terms.step)
        highs[name] = max(needed[name], min(terms.most, one.now + terms.step))
    bounded = {
        # Where both cannot be, the smaller one is: money that was not given loses nothing.
        name: min(max(wanted[name], min(lows[name], highs[name])), highs[name])
        for name in standings
    }
    bounded = fitted(bounded, lows, terms.shared)
    return {name: down(value) for name, value in fitted(bounded, needed, terms.shared).items()}


def wishes(terms: Terms, standings: Mapping[str, Standing]) -> dict[str, Decimal]:
    """What each would have by the strategy alone."""
    if terms.strategy == "fixed":
        return {name: one.told for name, one in standings.items()}
    if terms.strategy == "equal":
        return dict.fromkeys(standings, terms.shared / len(standings))
    known = {n: one for n, one in standings.items() if one.trades >= terms.least_trades}
    kept = {name: one.now for name, one in standings.items() if name not in known}
    left = max(terms.shared - sum(kept.values(), ZERO), ZERO)
    scores = {name: score(one) for name, one in known.items()}
    whole = sum(scores.values(), ZERO)
    return {**kept, **{name: left * each / whole for name, each in scores.items()}}


def score(one: Standing) -> Decimal:
    """More for a better Sharpe, less for a deeper fall, and for a slice that is nearly used up."""
    sharpe = min(max(one.sharpe or ZERO, -MOST_SHARPE), MOST_SHARPE)
    tight = max(ZERO, one.used - BUSY)
    return max(LEAST_SCORE, 1 + sharpe / 2 - one.drawdown - tight / 4)


def fitted(
    shares: Mapping[str, Decimal], lows: Mapping[str, Decimal], whole: Decimal
) -> dict[str, Decimal]:
    """Less of everything that is above its low, in proportion, until they fit."""
    over = sum(shares.values(), ZERO) - whole
    room = {name: max(share - lows[name], ZERO) for name, share in shares.items()}
    free = sum(room.values(), ZERO)
    if over <= 0 or not free:
        return dict(shares)
    taken = min(Decimal(1), over / free)
    return {name: share - room[name] * taken for name, share in shares.items()}


def up(value: Decimal) -> Decimal:
    rounded = value.quantize(PLACES, rounding=ROUND_DOWN)
    return rounded if rounded >= value else rounded + PLACES


def down(value: Decimal) -> Decimal:
    return value.quantize(PLACES, rounding=ROUND_DOWN)
