"""How a profit pool is shared out: pure, exact to the last unit.

The tech team takes a tenth, the network at most a fifth, the platform the rest.
Inside the network's budget, in this order: the direct inviter, the level
difference along the line of market nodes, one peer; what is left goes to the
root member. Every share is cut down to whole units, and what the cutting leaves
over is the platform's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.money import ZERO, points

TECH = Decimal("0.10")
NETWORK = Decimal("0.20")
PLATFORM = Decimal("0.70")
DIRECT = Decimal("0.25")
PEER = Decimal("0.10")
MIN_HOLDING = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the split sees one; `rate` is the level's share of the network budget."""

    member: int
    level: int
    rate: Decimal
    is_market_node: bool
    holding: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    kind: str
    member: int
    amount: Decimal
    rate: Decimal


def split(amount: Decimal, *, source: Person, line: Sequence[Person], root: int) -> list[Share]:
    """The shares of a pool; `line` holds the source's inviters, nearest first."""
    network = points(amount * NETWORK)
    budget = network
    shares: list[Share] = []

    def pay(kind: str, member: int, wanted: Decimal, rate: Decimal) -> None:
        nonlocal budget
        paid = min(wanted, budget)
        budget -= paid
        shares.append(Share(kind, member, paid, rate))

    direct = points(network * DIRECT)
    if line and line[0].holding >= MIN_HOLDING:
        pay("direct", line[0].member, direct, DIRECT)
    else:
        pay("direct_undist", root, direct, DIRECT)

    reached = ZERO
    for person in line:
        if person.is_market_node and person.rate > reached:
            difference = person.rate - reached
            pay("level_diff", person.member, points(network * difference), difference)
            reached = person.rate

    peer = points(network * PEER)
    peers = [person for person in line if person.is_market_node and person.level == source.level]
    if peers:
        pay("peer", peers[0].member, peer, PEER)
    else:
        pay("peer_undist", root, peer, PEER)
    pay("network_undist", root, budget, ZERO)

    tech = points(amount * TECH)
    shares.insert(0, Share("tech_team", root, tech, TECH))
    kept = amount - sum((share.amount for share in shares), ZERO)
    shares.append(Share("platform_retain", root, kept, PLATFORM))
    return [share for share in shares if share.amount]
