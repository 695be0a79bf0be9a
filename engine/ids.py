"""Ids that are made before the row they name, and sort by the time they were made."""

import os
import time
import uuid
from collections.abc import Iterator


def uuid7() -> uuid.UUID:
    """A version 7 UUID (RFC 9562): milliseconds, a fraction of one, then random bits.

    The fraction keeps the ids that one process makes in their order.
    """
    return next(uuid7s(1))


def uuid7s(count: int) -> Iterator[uuid.UUID]:
    """As many of them; each is of the moment at which it is taken."""
    drawn = os.urandom(8 * count)
    for start in range(0, 8 * count, 8):
        yield uuid7_of(time.time_ns(), int.from_bytes(drawn[start : start + 8], "big") >> 2)


def uuid7_of(nanoseconds: int, noise: int) -> uuid.UUID:
    """The id of a moment since 1970, made apart from others of it by 62 bits of noise."""
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64
    return uuid.UUID(int=value | 0x2 << 62 | noise)
