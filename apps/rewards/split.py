"""How a profit pool is shared out: pure, exact to the last unit.

By the usual rates the tech team takes a tenth, the network at most a fifth, the platform the rest.
Inside the network's budget, in this order: the direct inviter, the level
difference along the line of market nodes, one peer; what is left goes to the
root member. Every share is cut down to whole units, and what the cutting leaves
over is the platform's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.money import ZERO, points


@dataclass(frozen=True, slots=True)
class Rates:
    """Tech and network are shares of the pool, direct and peer of the network's budget."""

    tech: Decimal = Decimal("0.10")
    network: Decimal = Decimal("0.20")
    direct: Decimal = Decimal("0.25")
    peer: Decimal = Decimal("0.10")
    # What an inviter must hold for a direct reward.
    min_holding: Decimal = Decimal(1000)

    @property
    def platform(self) -> Decimal:
        return 1 - self.tech - self.network


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


def split(
    amount: Decimal, *, source: Person, line: Sequence[Person], root: int, rates: Rates
) -> list[Share]:
    """The shares of a pool; `line` holds the source's inviters, nearest first."""
    network = amount * rates.network
    # Counted exactly; only what is paid is cut down.
    budget = network
    shares = [Share("tech_team", root, points(amount * rates.tech), rates.tech)]

    def pay(kind: str, member: int, wanted: Decimal, rate: Decimal) -> None:
        nonlocal budget
        granted = min(wanted, budget)
        budget -= granted
        shares.append(Share(kind, member, points(granted), rate))

    direct = network * rates.direct
    if line and line[0].holding >= rates.min_holding:
        pay("direct", line[0].member, direct, rates.direct)
    else:
        pay("direct_undist", root, direct, rates.direct)

    nodes = [person for person in line if person.is_market_node]
    reached = ZERO
    for node in nodes:
        if node.rate > reached:
            difference = node.rate - reached
            pay("level_diff", node.member, network * difference, difference)
            reached = node.rate

    peer = network * rates.peer
    peers = [node for node in nodes if node.level == source.level]
    if peers:
        pay("peer", peers[0].member, peer, rates.peer)
    else:
        pay("peer_undist", root, peer, rates.peer)
    pay("network_undist", root, budget, ZERO)

    kept = amount - sum((share.amount for share in shares), ZERO)
    shares.append(Share("platform_retain", root, kept, rates.platform))
    return [share for share in shares if share.amount]
