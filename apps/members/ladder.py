"""The ladder of levels: pure. What a member and the team below hold, and the level that gives.

A team is everybody below, at whatever depth, without the member. Both thresholds are met
by what equals them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.money import ZERO


@dataclass(frozen=True, slots=True)
class Place:
    """A member in the tree of invitations: `depth` counts the invitations above."""

    member: int
    inviter: int | None
    depth: int


@dataclass(slots=True)
class Held:
    """What one member holds, and what the team below does."""

    own: Decimal
    team: Decimal = ZERO
    count: int = 0


def standings(places: Sequence[Place], holdings: Mapping[int, Decimal]) -> dict[int, Held]:
    """Everybody's own and team holding; each member is looked at once, the deepest first."""
    found = {place.member: Held(holdings.get(place.member, ZERO)) for place in places}
    for place in sorted(places, key=lambda place: -place.depth):
        if place.inviter is not None:
            below, above = found[place.member], found[place.inviter]
            above.team += below.own + below.team
            above.count += 1 + below.count
    return found


def level_of(held: Held, *, ladder: Sequence[tuple[int, Decimal]], min_holding: Decimal) -> int:
    """The highest level whose team holding is reached; the lowest for who holds too little.

    `ladder` is each level's number and team holding, from the lowest up.
    """
    lowest = ladder[0][0]
    if held.own < min_holding:
        return lowest
    return max((number for number, team in ladder if held.team >= team), default=lowest)
