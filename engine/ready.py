"""Types that are read from outside, worked out before anybody reads one.

msgspec works a type out when it is first wanted, and shows it to other threads before
that is done: a second one that reads it meanwhile ends the process.
"""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def ready(kind: type[T]) -> type[T]:
    """The type, worked out while one thread alone loads the code."""
    msgspec.json.Decoder(kind)
    return kind
