"""Names for a maker's orders: never the same twice, and told from all others by their beginning.

A name says whose it is (a session's number), in which of its lives it was made, and its place in
that life. So a maker that comes back after any death knows its old orders, and never uses a name
again. GRVT takes numbers in the upper half of 64 bits, all others take the house's own form.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from engine.errors import BadParameters

DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
# In digits of base 32, together the 24 after `ib`: session, life, order.
OF_SESSION, OF_LIFE, OF_ORDER = 8, 8, 8
# The same in decimal digits, after a 1: the largest is below 2**64.
NUMBER_OF_SESSION, NUMBER_OF_LIFE, NUMBER_OF_ORDER = 5, 6, 8
MOST_SESSIONS = 84_467
UPPER_HALF = 1 << 63


@dataclass(frozen=True, slots=True)
class Namer:
    session: int
    life: int
    is_number: bool = False

    def __post_init__(self) -> None:
        for name, most in (("session", self.sessions), ("life", self.lives)):
            if not 0 <= getattr(self, name) < most:
                raise BadParameters(f"{name} is a number from 0 below {most}", field=name)

    @property
    def sessions(self) -> int:
        return MOST_SESSIONS if self.is_number else 32**OF_SESSION

    @property
    def lives(self) -> int:
        return int(10**NUMBER_OF_LIFE) if self.is_number else 32**OF_LIFE

    @property
    def prefix(self) -> str:
        """What all names of the session begin with, in each of its lives."""
        if self.is_number:
            return f"1{self.session:0{NUMBER_OF_SESSION}}"
        return "ib" + base32(self.session, OF_SESSION)

    def is_ours(self, client_id: str) -> bool:
        size = 20 if self.is_number else 26
        return client_id.startswith(self.prefix) and len(client_id) == size

    @property
    def beginning(self) -> str:
        """What all names of this life begin with."""
        if self.is_number:
            return f"{self.prefix}{self.life:0{NUMBER_OF_LIFE}}"
        return self.prefix + base32(self.life, OF_LIFE)

    def name(self, number: int) -> str:
        return self.beginning + self.ending(number)

    def ending(self, number: int) -> str:
        return f"{number:0{NUMBER_OF_ORDER}}" if self.is_number else in_turn(number)

    def names(self) -> "Names":
        return Names(self)


class Names:
    def __init__(self, namer: Namer) -> None:
        self.namer = namer
        self._beginning = namer.beginning
        self._numbers = count(1)

    def next(self) -> str:
        return self._beginning + self.namer.ending(next(self._numbers))


def in_turn(number: int) -> str:
    """An order's digits: of many that come after each other all but the last are the same."""
    return base32(number >> 5, OF_ORDER - 1) + DIGITS[number & 31]


@lru_cache(maxsize=64)
def base32(number: int, size: int) -> str:
    written = ""
    for _ in range(size):
        number, digit = divmod(number, 32)
        written = DIGITS[digit] + written
    return written
