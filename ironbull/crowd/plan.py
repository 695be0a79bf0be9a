"""What a crowd is made of, and how its ids and moments come out of a seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from engine.ids import uuid7_of

DAYS = 60
MOST_IN_A_ROUND = 500
STRATEGIES = 8
# Everybody's names begin so; whoever else is there is real.
NAME = "Crowd"
CODE = "crowd"
SYMBOL = "BTC/USDT"


@dataclass(frozen=True, slots=True)
class Plan:
    tenants: int
    members: int
    orders: int
    seed: int
    now: datetime

    @property
    def since(self) -> datetime:
        return self.now - timedelta(days=DAYS)

    @property
    def in_a_round(self) -> int:
        """How many accounts one signal reaches: a small business has many small signals."""
        return max(5, min(MOST_IN_A_ROUND, self.orders // 200))

    @property
    def rounds(self) -> int:
        """How many signals to open there will be, rather more than less: of ten tickets that open
        nine are filled, and these are closed."""
        return max(1, 10 * self.orders // (18 * self.in_a_round))

    def members_of(self, number: int) -> int:
        """The members of one tenant; the first ones have one more where it does not come out."""
        each, left = divmod(self.members, self.tenants)
        return each + (number <= left)

    def chance(self, what: str) -> Random:
        return Random(f"{self.seed}:{what}")  # noqa: S311 - nothing here is a secret


def name_of(number: int) -> str:
    return f"{NAME} {number:04d}"


def id_at(at: datetime, chance: Random) -> UUID:
    """An id that sorts among those made at that moment."""
    passed = at - datetime(1970, 1, 1, tzinfo=UTC)
    return uuid7_of(passed // timedelta(microseconds=1) * 1000, chance.getrandbits(62))


def kept_moment(at: datetime) -> str:
    """A moment as both kinds of database keep it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
