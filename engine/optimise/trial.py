"""What is asked in a search, and what was answered."""

from typing import Any

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """A trial to be made: its place in the search, and the values to try."""

    number: int
    values: dict[str, Any]


class Trial(msgspec.Struct, frozen=True):
    """A trial that was made: its figures, or why there are none."""

    number: int
    values: dict[str, Any]
    figures: dict[str, Any] | None = None
    # What the account gained in each stretch of the time; see `engine.optimise.judge`.
    gains: list[float] = []
    error: str = ""
