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
    network = amount * NETWORK
    # Counted exactly; only what is paid is cut down.
    budget = network
    shares = [Share("tech_team", root, points(amount * TECH), TECH)]

    def pay(kind: str, member: int, wanted: Decimal, rate: Decimal) -> None:
        nonlocal budget
        granted = min(wanted, budget)
        budget -= granted
        shares.append(Share(kind, member, points(granted), rate))

    direct = network * DIRECT
    if line and line[0].holding >= MIN_HOLDING:
        pay("direct", line[0].member, direct, DIRECT)
    else:
        pay("direct_undist", root, direct, DIRECT)

    nodes = [person for person in line if person.is_market_node]
    reached = ZERO
    for node in nodes:
        if node.rate > reached:
            difference = node.rate - reached
            pay("level_diff", node.member, network * difference, difference)
            reached = node.rate

    peer = network * PEER
    peers = [node for node in nodes if node.level == source.level]
    if peers:
        pay("peer", peers[0].member, peer, PEER)
    else:
        pay("peer_undist", root, peer, PEER)
    pay("network_undist", root, budget, ZERO)

    kept = amount - sum((share.amount for share in shares), ZERO)
    shares.append(Share("platform_retain", root, kept, PLATFORM))
    return [share for share in shares if share.amount]
