"""A check, and what it found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.functional import Promise

INFORMATION, WARNING, CRITICAL = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Measure:
    """One subject's figure; what is told beside it is for a person."""

    subject: str
    value: float
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    title: str | Promise
    unit: Literal["s", "ms", "h", "days", "%", ""]
    measure: Callable[[datetime], Iterable[Measure]]
    # What its rule begins with.
    threshold: float
    for_seconds: int = 0
    severity: int = WARNING
    # Whether less than the threshold is wrong, and not more.
    is_floor: bool = False

    def is_wrong(self, value: float, threshold: float) -> bool:
        return value < threshold if self.is_floor else value > threshold
